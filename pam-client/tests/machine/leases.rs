//! No lease, no login: also while no daemon runs, also after a crash. And no UID that was used, or
//! may be somebody else's.

use std::fs;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::control::OrderRefusal;

use crate::SLEEPER;
use crate::bastion::{Answer, Control, run, ssh, until};
use crate::ca::{Ca, Pass};
use crate::host::{self, Host, assert_as_before, sh, snapshot, status};
use crate::{clean, open, sandbox};

fn ready(pass: &Pass, host: &Host) -> (Control, u32) {
    let mut control = Control::without_ssh();
    match control.order(pass) {
        Answer::Ready(attestation) => {
            let said = attestation.verify(&host.identity).unwrap().into_inner();
            (control, said.uid)
        }
        Answer::Refused(refusal, detail) => panic!("{refusal:?}: {detail}\n{}", host::log()),
    }
}

fn refused(pass: &Pass) -> (OrderRefusal, String) {
    match Control::without_ssh().order(pass) {
        Answer::Refused(refusal, detail) => (refusal, detail),
        Answer::Ready(_) => panic!("obeyed"),
    }
}

fn end(mut control: Control, host: &Host) {
    let (_, receipt) = control.end(EndCause::Asked);
    clean(&receipt, host);
    control.finish();
}

/// Neither the daemon's socket nor its lease table is what keeps sessions out while it is down:
/// PAM is, and it keeps nobody else out.
#[test]
fn without_a_daemon_no_session_logs_in_and_everybody_else_does() {
    let name = "leases::without_a_daemon_no_session_logs_in_and_everybody_else_does";
    sandbox::run(name, || {
        let ca = Ca::new();
        let mut host = Host::start(&ca);
        let before = snapshot();
        let pass = ca.pass(SLEEPER, 300);
        let standing = |command: &str| {
            let mut login = ssh(&pass, "standing", "none");
            login.arg(command).output().unwrap().status.success()
        };
        let public = fs::read_to_string(pass.key.with_extension("pub")).unwrap();
        sh(&format!(
            "useradd --create-home --shell /bin/sh standing; mkdir ~standing/.ssh; \
             echo '{public}' >~standing/.ssh/authorized_keys; chown -R standing: ~standing/.ssh"
        ));
        let (control, _) = open(&pass, &host);
        assert!(run(&pass, "true").status.success() && standing("true"));

        host.kill_daemon();
        let account = &pass.order.account;
        sh(&format!("getent passwd {account}"));
        assert!(!run(&pass, "true").status.success(), "a valid certificate");
        // What sshd itself would accept without asking us is refused by PAM.
        sh(&format!(
            "mkdir -p /home/{account}/.ssh; \
             sed -i 's/^    AuthorizedKeysFile none/    AuthorizedKeysFile .ssh\\/authorized_keys/' \
                 /etc/ssh/sshd_config.d/50-portreeve.conf; \
             echo '{public}' >/home/{account}/.ssh/authorized_keys; \
             chown -R {account}: /home/{account}/.ssh; kill -HUP $(cat /run/sshd.pid)"
        ));
        until("sshd", || {
            std::net::TcpStream::connect("127.0.0.1:22").is_ok() && standing("true")
        });
        let mut login = ssh(&pass, account.as_str(), "none");
        let login = login.arg("true").output().unwrap();
        assert!(
            !login.status.success(),
            "a valid key in the account's own file"
        );
        let log = fs::read_to_string("/var/log/sshd.log").unwrap();
        assert!(log.contains("by PAM account configuration"), "{log}");
        assert!(
            standing("true"),
            "standing accounts do not depend on the daemon"
        );

        drop(control);
        host.restart_daemon();
        until("the removal", || !sh("cat /etc/passwd").contains("pr-"));
        sh("userdel --remove standing 2>/dev/null");
        assert_as_before(&before);
    });
}

#[test]
fn no_uid_comes_back_whatever_the_host_forgets() {
    let name = "leases::no_uid_comes_back_whatever_the_host_forgets";
    sandbox::run(name, || {
        let ca = Ca::new();
        sh("echo 0123456789abcdef0123456789abcdef >/etc/machine-id");
        let mut host = Host::start(&ca);
        let (control, first) = ready(&ca.order(SLEEPER, 300), &host);
        end(control, &host);

        // Its state is lost, or comes from a backup; the CA remembers.
        host.kill_daemon();
        sh("rm -r /var/lib/portreeve/journal /var/lib/portreeve/counter.json");
        host.restart_daemon();
        let mut pass = ca.order(SLEEPER, 300);
        pass.order.uid_floor = Some(first + 1);
        pass.signed = ca.sign(&pass.order);
        let (control, second) = ready(&pass, &host);
        assert_eq!(second, first + 1);
        assert!(host::log().contains("has forgotten"), "{}", host::log());
        end(control, &host);

        // What a session left is remembered where nobody else does.
        host.kill_daemon();
        sh("rm -r /var/lib/portreeve/journal /var/lib/portreeve/counter.json");
        sh(&format!(
            "touch /var/tmp/left; chown {} /var/tmp/left",
            second + 7
        ));
        host.restart_daemon();
        let (control, third) = ready(&ca.order(SLEEPER, 300), &host);
        assert_eq!(third, second + 8);
        end(control, &host);
        sh("rm /var/tmp/left");

        // Somebody else may hand out numbers of the range.
        sh("echo alice:2010000000:65536 >>/etc/subuid");
        let (refusal, why) = refused(&ca.order(SLEEPER, 300));
        assert_eq!(refusal, OrderRefusal::Full);
        assert!(why.contains("/etc/subuid"), "{why}");
        sh("sed -i /^alice:/d /etc/subuid");
        let (control, _) = ready(&ca.order(SLEEPER, 300), &host);
        end(control, &host);

        // The range ends.
        host.kill_daemon();
        sh("printf 'first_uid = 2010000000\\nlast_uid = 2010000001\\n' >/etc/portreeve/host.toml");
        host.restart_daemon();
        let (refusal, why) = refused(&ca.order(SLEEPER, 300));
        assert_eq!(refusal, OrderRefusal::Full);
        assert!(why.contains("no UID is left"), "{why}");
        sh("rm /etc/portreeve/host.toml");

        // The disk is copied to another machine.
        host.kill_daemon();
        host.restart_daemon();
        let (control, _) = ready(&ca.order(SLEEPER, 300), &host);
        host.kill_daemon();
        drop(control);
        sh("echo fedcba9876543210fedcba9876543210 >/etc/machine-id");
        host.restart_daemon();
        until("the end of what the copy holds", || {
            !sh("cat /etc/passwd").contains("pr-")
        });
        let (_, why) = refused(&ca.order(SLEEPER, 300));
        assert!(why.contains("another machine"), "{why}");
        assert_eq!(status().0, Some(5), "it needs a look");
    });
}
