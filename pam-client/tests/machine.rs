//! The host client on a machine: the distribution's own sshd, sudo, PAM and useradd, in a box of
//! namespaces and overlays, with the CA and the bastion played by the test. Needs root.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test of a running program reads the clock"
)]

#[path = "machine/bastion.rs"]
mod bastion;
#[path = "machine/ca.rs"]
mod ca;
#[path = "machine/crowd.rs"]
mod crowd;
#[path = "machine/ends.rs"]
mod ends;
#[path = "machine/enrolment.rs"]
mod enrolment;
#[path = "machine/faults.rs"]
mod faults;
#[path = "machine/foreign.rs"]
mod foreign;
#[path = "machine/host.rs"]
mod host;
#[path = "machine/leases.rs"]
mod leases;
#[path = "machine/preview.rs"]
mod preview;
#[path = "machine/ran.rs"]
mod ran;
#[path = "machine/redteam.rs"]
mod redteam;
#[path = "machine/restarts.rs"]
mod restarts;
#[path = "machine/sandbox.rs"]
mod sandbox;
#[path = "machine/spool.rs"]
mod spool;
#[path = "machine/tracer.rs"]
mod tracer;

use std::time::{Duration, Instant};

use bastion::{Answer, Control, chain, run, run_on_terminal, text, until};
use ca::{Ca, Pass};
use host::{Host, assert_as_before, runs, sh, snapshot, status};
use portreeve_protocol::attest::{Attestation, EndCause, HostFact, Receipt};
use portreeve_protocol::control::{FromBastion, FromHost, HostReport, OrderRefusal};
use portreeve_protocol::signed::Signed;
use portreeve_sudo_policy::STARTER_BUNDLE;

/// Lets a session start something as root that lives on.
const SLEEPER: &str = r#"
name = "sleeper"
description = "Sleep as root."
intent = "read-only"

[[command]]
path = "/usr/bin/sleep"
args_any_of = [["4711"], ["4712"]]
"#;

/// A session that is ready.
fn open(pass: &Pass, host: &Host) -> (Control, Signed<Attestation>) {
    let mut control = Control::open(pass);
    match control.order(pass) {
        Answer::Ready(attestation) => {
            let said = attestation.verify(&host.identity).unwrap().into_inner();
            assert_eq!(said.session, pass.order.session);
            assert_eq!(said.order_digest, pass.signed.digest());
            assert_eq!(said.account, pass.order.account);
            (control, attestation)
        }
        Answer::Refused(refusal, detail) => panic!("{refusal:?}: {detail}\n{}", host::log()),
    }
}

fn clean(receipt: &Signed<Receipt>, host: &Host) -> Receipt {
    let receipt = receipt.verify(&host.identity).unwrap().into_inner();
    assert_eq!(receipt.left, Vec::<String>::new(), "{}", host::log());
    receipt
}

#[test]
fn a_session_from_its_order_to_its_receipt() {
    sandbox::run("a_session_from_its_order_to_its_receipt", || {
        let ca = Ca::new();
        let host = Host::start(&ca);
        let pass = ca.pass(STARTER_BUNDLE, 300);
        let account = pass.order.account.clone();
        let before = snapshot();

        assert!(!run(&pass, "true").status.success(), "no lease, no login");
        let (mut control, attestation) = open(&pass, &host);
        let said = attestation.verify(&host.identity).unwrap().into_inner();
        let passwd = sh(&format!("getent passwd {account}"));
        assert!(passwd.contains(&format!(
            ":{}:{}:soc/forensics for alice@example.com",
            said.uid, said.gid
        )));
        assert!(
            sh(&format!("grep ^{account}: /etc/shadow")).contains(":!:"),
            "the password is locked"
        );

        let who = run(&pass, "id -un; grep ^0: /proc/self/cgroup; pwd");
        assert_eq!(
            text(&who.stdout),
            format!("{account}\n0::/portreeve/{account}\n/home/{account}\n")
        );
        let allowed = run(&pass, "sudo ss -tnp");
        assert!(allowed.status.success(), "{}", text(&allowed.stderr));
        let refused = run(&pass, "sudo cat /etc/shadow");
        assert!(!refused.status.success() && refused.stdout.is_empty());
        assert!(
            text(&refused.stderr).contains("not allowed"),
            "{}",
            text(&refused.stderr)
        );
        assert!(run_on_terminal(&pass, "tty; sudo -l").status.success());
        assert!(sh("who").contains(account.as_str()) || sh("wc -c </run/utmp").trim() != "0");

        let leave_behind = "
            setsid sleep 4001 >/dev/null 2>&1 </dev/null &
            nohup sleep 4002 >/dev/null 2>&1 </dev/null &
            (setsid sh -c 'sleep 4003 & exec sleep 4004' >/dev/null 2>&1 </dev/null &)
            mkdir -p /tmp/theirs/a/b ~/x/y; touch /tmp/theirs/a/b/c /dev/shm/d /var/tmp/e ~/x/y/z
            ln -s / ~/x/root; ln -s /etc/passwd /tmp/link
            ipcmk -M 4096 >/dev/null; ipcmk -Q >/dev/null; ipcmk -S 1 >/dev/null
        ";
        let left = run(&pass, leave_behind);
        assert!(left.status.success(), "{}", text(&left.stderr));
        sh(&format!(
            "mkdir -p /var/spool/cron/crontabs && echo '* * * * * true' >/var/spool/cron/crontabs/{account}"
        ));
        sh(&format!(
            "mkdir -p /var/lib/systemd/linger && touch /var/lib/systemd/linger/{account}"
        ));
        assert!(runs("sleep 4001") && runs("sleep 4004"));

        let (events, receipt) = control.end(EndCause::Asked);
        assert!(
            !["4001", "4002", "4003", "4004"]
                .iter()
                .any(|n| runs(&format!("sleep {n}")))
        );
        let receipt = clean(&receipt, &host);
        assert_eq!((receipt.cause, receipt.uid), (EndCause::Asked, said.uid));
        assert!(
            receipt
                .killed
                .iter()
                .any(|killed| killed.argv == ["sleep", "4001"])
        );
        let facts: Vec<_> = chain(attestation.digest(), &events, &host.identity)
            .into_iter()
            .map(|event| event.fact)
            .collect();
        assert_eq!(receipt.events, u64::try_from(events.len()).unwrap());
        assert_eq!(receipt.last_event, events.last().unwrap().digest());
        assert_eq!(receipt.sudo_commands, 1);
        let sudo: Vec<_> = facts
            .iter()
            .filter_map(|fact| match fact {
                HostFact::Sudo {
                    allowed,
                    command,
                    argv,
                    run_as,
                    reason,
                    comment,
                    ..
                } => Some((
                    *allowed,
                    command.as_str(),
                    argv.join(" "),
                    run_as.as_str(),
                    reason.is_some(),
                    comment.as_deref(),
                )),
                HostFact::Login { .. } | HostFact::Watched { .. } => None,
            })
            .collect();
        assert_eq!(
            sudo,
            [
                (
                    true,
                    "/usr/bin/ss",
                    "ss -tnp".to_owned(),
                    "root",
                    false,
                    Some("sockets with the processes that hold them")
                ),
                (
                    false,
                    "/usr/bin/cat",
                    "cat /etc/shadow".to_owned(),
                    "root",
                    true,
                    None
                ),
            ]
        );
        assert_eq!(
            facts
                .iter()
                .filter(|fact| matches!(fact, HostFact::Login { .. }))
                .count(),
            5
        );

        assert!(
            !run(&pass, "true").status.success(),
            "no login after the end"
        );
        sh("rmdir /var/lib/systemd/linger 2>/dev/null || true");
        assert_as_before(&before);
        assert_eq!(status().0, Some(0), "{}", host::log());
    });
}

#[test]
fn a_host_takes_nothing_but_its_own_fresh_orders_and_certificates() {
    sandbox::run(
        "a_host_takes_nothing_but_its_own_fresh_orders_and_certificates",
        || {
            let ca = Ca::new();
            let host = Host::start(&ca);
            let before = snapshot();
            let pass = ca.pass(STARTER_BUNDLE, 300);

            let refused = |pass: &Pass| match Control::open(pass).order(pass) {
                Answer::Refused(refusal, _) => refusal,
                Answer::Ready(_) => panic!("obeyed"),
            };
            let with = |alter: fn(&mut portreeve_protocol::order::Order)| {
                let mut pass = pass.clone();
                alter(&mut pass.order);
                pass.signed = ca.sign(&pass.order);
                pass
            };
            let other_ca = Ca::new();
            let forged = Pass {
                signed: other_ca.sign(&pass.order),
                ..pass.clone()
            };
            assert_eq!(refused(&forged), OrderRefusal::Signature);
            assert_eq!(
                refused(&with(|o| o.host = "prod-2".parse().unwrap())),
                OrderRefusal::OtherHost
            );
            assert_eq!(
                refused(&with(
                    |o| o.deliver_by = o.issued_at.minus(Duration::from_secs(1))
                )),
                OrderRefusal::NotFresh
            );
            let other_bundle = Pass {
                bundle: SLEEPER.into(),
                ..pass.clone()
            };
            assert_eq!(refused(&other_bundle), OrderRefusal::Bundle);
            assert_as_before(&before);

            // Root's own account of that name is not touched.
            sh(&format!("useradd {}", pass.order.account));
            let standing = snapshot();
            assert_eq!(refused(&pass), OrderRefusal::AccountExists);
            assert_as_before(&standing);
            sh(&format!("userdel {}", pass.order.account));

            let (mut control, _) = open(&pass, &host);
            assert_eq!(refused(&pass), OrderRefusal::Replayed);
            // The session CA alone opens nothing: the serial number, the key, the user must fit.
            ca.certify(
                &pass.key,
                "session",
                &format!("{}@{}", pass.order.account, ca::HOST),
                43,
            );
            assert!(
                !run(&pass, "true").status.success(),
                "another certificate of the same key"
            );
            let stranger = ca.pass(STARTER_BUNDLE, 300);
            ca.certify(
                &stranger.key,
                "session",
                &format!("{}@{}", pass.order.account, ca::HOST),
                42,
            );
            let login = bastion::ssh(&stranger, pass.order.account.as_str(), "session")
                .arg("true")
                .output();
            assert!(!login.unwrap().status.success(), "another key");
            ca.certify(&pass.key, "root", "root", 42);
            assert!(
                !bastion::ssh(&pass, "root", "root")
                    .arg("true")
                    .output()
                    .unwrap()
                    .status
                    .success()
            );

            let (_, receipt) = control.end(EndCause::Asked);
            clean(&receipt, &host);
            assert_eq!(refused(&pass), OrderRefusal::Replayed, "also after the end");
            assert_as_before(&before);
        },
    );
}

#[test]
fn whatever_link_breaks_the_account_goes() {
    sandbox::run("whatever_link_breaks_the_account_goes", || {
        let ca = Ca::new();
        let mut host = Host::start(&ca);
        let before = snapshot();
        let exists = |pass: &Pass| sh("cat /etc/passwd").contains(pass.order.account.as_str());

        // The control connection.
        let pass = ca.pass(SLEEPER, 300);
        let (mut control, _) = open(&pass, &host);
        assert!(
            run(&pass, "sudo -b sleep 4711 >/dev/null 2>&1")
                .status
                .success(),
            "{}",
            host::log()
        );
        assert!(runs("sleep 4711"));
        control.cut();
        let took = until("the end of the account", || {
            !exists(&pass) && !runs("sleep 4711")
        });
        assert!(took < Duration::from_secs(15));

        // Silence.
        let silent = ca.pass(SLEEPER, 300);
        let (_control, _) = open(&silent, &host);
        let took = until("the end of the silent one", || !exists(&silent));
        assert!(
            (Duration::from_secs(8)..Duration::from_secs(15)).contains(&took),
            "{took:?}"
        );

        // Time.
        let short = ca.pass(SLEEPER, 4);
        let (mut control, _) = open(&short, &host);
        let took = until("the end of the short one", || {
            control.say(&FromBastion::Renew);
            std::thread::sleep(Duration::from_millis(100));
            !exists(&short)
        });
        assert!(
            (Duration::from_secs(2)..Duration::from_secs(6)).contains(&took),
            "{took:?}"
        );

        // The daemon is asked to end.
        let last = ca.pass(SLEEPER, 300);
        let (control, _) = open(&last, &host);
        sh(&format!("kill {}", host.daemon.id()));
        let gone = std::iter::from_fn(|| control.hear()).find_map(|message| match message {
            FromHost::Gone { receipt } => Some(receipt),
            _ => None,
        });
        assert_eq!(clean(&gone.unwrap(), &host).cause, EndCause::Shutdown);
        host.daemon.wait().unwrap();
        assert!(!exists(&last));

        // What nobody acknowledged is delivered at the next contact, in order.
        host.restart_daemon();
        let next = ca.pass(SLEEPER, 300);
        let (mut control, _) = open(&next, &host);
        let mut receipts = Vec::new();
        while receipts.len() < 4 {
            match control.report() {
                HostReport::Event(event) => control.acknowledge(vec![event.digest()]),
                HostReport::Receipt(receipt) => {
                    control.acknowledge(vec![receipt.digest()]);
                    receipts.push(clean(&receipt, &host));
                }
            }
        }
        let causes: Vec<_> = receipts.iter().map(|receipt| receipt.cause).collect();
        assert_eq!(
            causes,
            [
                EndCause::LinkLost,
                EndCause::LinkLost,
                EndCause::Expired,
                EndCause::Shutdown
            ]
        );
        assert_eq!(receipts[0].sudo_commands, 1);
        assert!(
            receipts[0]
                .killed
                .iter()
                .any(|killed| killed.argv == ["sleep", "4711"] && killed.uid == 0)
        );
        control.end(EndCause::Asked);
        assert_as_before(&before);
    });
}

#[test]
fn a_fork_bomb_does_not_hold_up_its_end() {
    sandbox::run("a_fork_bomb_does_not_hold_up_its_end", || {
        let ca = Ca::new();
        let host = Host::start(&ca);
        let before = snapshot();
        let pass = ca.pass(STARTER_BUNDLE, 300);
        let (mut control, _) = open(&pass, &host);
        let bomb = "ulimit -u 1500; bomb() { bomb 2>/dev/null | bomb 2>/dev/null & }; bomb >/dev/null 2>&1 </dev/null; true";
        run(&pass, bomb);
        std::thread::sleep(Duration::from_millis(500));
        let start = Instant::now();
        let (_, receipt) = control.end(EndCause::Killed);
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{:?}",
            start.elapsed()
        );
        let receipt = clean(&receipt, &host);
        assert!(
            receipt.killed.len() + usize::try_from(receipt.killed_more).unwrap() > 20,
            "{:?}",
            receipt.killed.len()
        );
        assert_as_before(&before);
    });
}

#[test]
fn an_open_editor_of_the_account_files_holds_up_the_account_and_nothing_else() {
    let name = "an_open_editor_of_the_account_files_holds_up_the_account_and_nothing_else";
    sandbox::run(name, || {
        let ca = Ca::new();
        let mut host = Host::start(&ca);
        let before = snapshot();
        let pass = ca.pass(SLEEPER, 300);
        let (mut control, _) = open(&pass, &host);
        assert!(
            run(&pass, "setsid sleep 4714 >/dev/null 2>&1 &")
                .status
                .success()
        );

        let editor = host::lock_account_files();
        control.say(&FromBastion::End {
            cause: EndCause::Killed,
        });
        let took = until("the last process to die", || !runs("sleep 4714"));
        assert!(took < Duration::from_secs(5), "{took:?}");
        let (_, receipt) = control.end(EndCause::Killed);
        let receipt = receipt.verify(&host.identity).unwrap().into_inner();
        assert!(
            receipt.left.iter().any(|left| left.contains("account")),
            "{:?}",
            receipt.left
        );
        assert!(!std::path::Path::new(&format!("/home/{}", pass.order.account)).exists());
        assert!(!run(&pass, "true").status.success());
        assert_eq!(status().0, Some(5));

        // The lock is free, and the daemon tries again: at its start at the latest.
        drop(editor);
        host.kill_daemon();
        host.restart_daemon();
        until("the end of the account", || {
            !sh("cat /etc/passwd").contains("pr-")
        });
        assert_as_before(&before);
        let next = ca.pass(SLEEPER, 300);
        let (control, _) = open(&next, &host);
        let HostReport::Receipt(second) = control.report() else {
            panic!("an event?")
        };
        assert_eq!(clean(&second, &host).cause, EndCause::Killed);
    });
}
