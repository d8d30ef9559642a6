//! A crash between two tries of an end takes nothing from what its receipt tells.

use std::fs::File;

use portreeve_protocol::attest::{EndCause, Receipt};
use portreeve_protocol::control::{FromBastion, HostReport};

use crate::bastion::{Control, run, until};
use crate::ca::{Ca, Pass};
use crate::host::{Host, lock_account_files, runs, runs_as, sh};
use crate::{SLEEPER, open, sandbox};

/// A live session with a process of its own, of which root removed the rules.
fn tampered(ca: &Ca, host: &Host) -> (Pass, Control) {
    let pass = ca.pass(SLEEPER, 300);
    let (control, attestation) = open(&pass, host);
    let uid = attestation.verify(&host.identity).unwrap().into_inner().uid;
    let started = run(&pass, "setsid sleep 4715 >/dev/null 2>&1 &");
    assert!(started.status.success());
    until("the session's process", || runs_as(uid, "sleep 4715"));
    sh(&format!(
        "rm /etc/sudoers.d/portreeve-{}",
        pass.order.account
    ));
    (pass, control)
}

/// Kills the daemon and starts it; the account files are free by then. Gives back the last receipt.
fn receipt_after_a_crash(ca: &Ca, host: &mut Host, editor: Option<File>) -> Receipt {
    host.kill_daemon();
    drop(editor);
    host.restart_daemon();
    until("the end of the account", || {
        !sh("cat /etc/passwd").contains("pr-")
    });
    let next = ca.pass(SLEEPER, 300);
    let (control, _) = open(&next, host);
    loop {
        if let HostReport::Receipt(receipt) = control.report() {
            return receipt.verify(&host.identity).unwrap().into_inner();
        }
    }
}

fn names_the_rules(receipt: &Receipt) -> bool {
    let mut left = receipt.left.iter();
    left.any(|line| line.contains("sudo rules") && line.contains("not there when the end began"))
}

#[test]
fn the_receipt_of_another_try_tells_what_the_first_told() {
    let name = "ends::the_receipt_of_another_try_tells_what_the_first_told";
    sandbox::run(name, || {
        let ca = Ca::new();
        let mut host = Host::start(&ca);
        let (_, mut control) = tampered(&ca, &host);
        let editor = lock_account_files();
        let (_, first) = control.end(EndCause::Killed);
        control.acknowledge(vec![first.digest()]);
        control.finish();
        let first = first.verify(&host.identity).unwrap().into_inner();
        assert!(names_the_rules(&first), "{:?}", first.left);
        assert!(first.left.iter().any(|line| line.contains("account")));

        let second = receipt_after_a_crash(&ca, &mut host, Some(editor));
        assert!(names_the_rules(&second), "{:?}", second.left);
        assert_eq!(second.left.len(), 1, "{:?}\n{:?}", second.left, first.left);
        assert_eq!(second.killed, first.killed);
        assert!(!second.killed.is_empty());
    });
}

#[test]
fn the_last_receipt_tells_what_a_try_in_the_middle_killed_and_found() {
    let name = "ends::the_last_receipt_tells_what_a_try_in_the_middle_killed_and_found";
    sandbox::run(name, || {
        let ca = Ca::new();
        let mut host = Host::start(&ca);
        let (pass, mut control) = tampered(&ca, &host);
        let editor = lock_account_files();
        let (_, first) = control.end(EndCause::Killed);
        control.acknowledge(vec![first.digest()]);
        control.finish();
        let first = first.verify(&host.identity).unwrap().into_inner();

        // Something starts it that nobody watches, when the end was tried once.
        host.kill_daemon();
        let late = "sleep 4716";
        sh(&format!(
            "setpriv --reuid={uid} --clear-groups {late} >/dev/null 2>&1 & \
             touch /var/tmp/late && chown {uid} /var/tmp/late",
            uid = first.uid
        ));
        // Whoever becomes it has these words in its command line before, and another name or user.
        until("the late process", || runs_as(first.uid, late));
        host.restart_daemon();
        let journal = format!("/var/lib/portreeve/journal/{}.journal", pass.order.session);
        until("the second try", || {
            sh(&format!("cat {journal}")).contains("\"tried\"")
        });
        assert!(!runs(late));

        let last = receipt_after_a_crash(&ca, &mut host, Some(editor));
        let killed = |receipt: &Receipt, pattern: &str| {
            let mut killed = receipt.killed.iter();
            killed.any(|process| process.argv.join(" ") == pattern)
        };
        assert!(
            killed(&last, "sleep 4715") && killed(&last, late),
            "{last:?}"
        );
        assert!(!killed(&first, late));
        let found = last.found.unwrap_or_default().files;
        let late = found.iter().find(|file| file.path == "/var/tmp/late");
        assert!(late.is_some_and(|file| file.removed), "{found:?}");
    });
}

#[test]
fn what_root_took_away_is_told_after_a_crash_in_the_end_and_before_it() {
    let name = "ends::what_root_took_away_is_told_after_a_crash_in_the_end_and_before_it";
    sandbox::run(name, || {
        let ca = Ca::new();
        let mut host = Host::start(&ca);
        let (_, mut control) = tampered(&ca, &host);
        let editor = lock_account_files();
        control.say(&FromBastion::End {
            cause: EndCause::Killed,
        });
        // The account waits for the editor; what comes before it is done.
        until("the last process to die", || !runs("sleep 4715"));
        let receipt = receipt_after_a_crash(&ca, &mut host, Some(editor));
        assert!(names_the_rules(&receipt), "{:?}", receipt.left);

        let (_, _control) = tampered(&ca, &host);
        let receipt = receipt_after_a_crash(&ca, &mut host, None);
        assert!(names_the_rules(&receipt), "{:?}", receipt.left);
    });
}
