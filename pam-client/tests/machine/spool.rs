//! What a host has to say and no bastion has taken is bounded.

use std::time::Duration;

use portreeve_protocol::attest::{EndCause, HostEvent, HostFact};
use portreeve_protocol::control::{FromBastion, FromHost, HostReport, OrderRefusal};
use portreeve_sudo_policy::STARTER_BUNDLE;

use crate::bastion::{Answer, Control, chain, run, until};
use crate::ca::{Ca, Pass};
use crate::host::{Host, runs, sh, status};
use crate::{clean, open, sandbox};

#[test]
fn a_full_spool_refuses_sessions_until_there_is_room() {
    sandbox::run(
        "spool::a_full_spool_refuses_sessions_until_there_is_room",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            sh("echo 'spool_limit_mib = 1' >/etc/portreeve/host.toml");
            host.kill_daemon();
            host.restart_daemon();
            sh("head -c 2000000 /dev/zero >/var/lib/portreeve/journal/filler");

            let pass = ca.pass(STARTER_BUNDLE, 300);
            match Control::open(&pass).order(&pass) {
                Answer::Refused(OrderRefusal::Full, why) => {
                    assert!(why.contains("portreeve-host status"), "{why}");
                }
                Answer::Refused(other, why) => panic!("{other:?}: {why}"),
                Answer::Ready(_) => panic!("obeyed"),
            }
            assert!(
                status().1.contains("\"spool_full\": true"),
                "{}",
                status().1
            );

            sh("rm /var/lib/portreeve/journal/filler");
            let (mut control, _) = open(&pass, &host);
            clean(&control.end(EndCause::Asked).1, &host);
        },
    );
}

/// It says `end` as soon as it is refused, and acknowledges later.
#[test]
fn a_full_host_is_emptied_by_a_bastion_whose_order_it_refuses() {
    sandbox::run(
        "spool::a_full_host_is_emptied_by_a_bastion_whose_order_it_refuses",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            small_spool(&mut host);
            let pass = ca.pass(STARTER_BUNDLE, 300);
            let (control, _) = open(&pass, &host);
            run_many(&pass, 300);
            drop(control);
            until("the end of the session", || {
                !sh("cat /etc/passwd").contains(pass.order.account.as_str())
            });
            assert!(length(&pass) > 256 * 1024, "{}", length(&pass));
            sh("head -c 2000000 /dev/zero >/var/lib/portreeve/journal/filler");

            let next = ca.pass(STARTER_BUNDLE, 300);
            let mut control = Control::open(&next);
            let answer = control.order(&next);
            assert!(matches!(answer, Answer::Refused(OrderRefusal::Full, _)));
            control.say(&FromBastion::End {
                cause: EndCause::HostFailed,
            });
            let receipt = loop {
                match control.report() {
                    HostReport::Event(event) => control.acknowledge(vec![event.digest()]),
                    HostReport::Receipt(receipt) => break receipt,
                }
            };
            control.acknowledge(vec![receipt.digest()]);
            until("the room of the session", || length(&pass) < 64 * 1024);
        },
    );
}

/// Runs so many programs in a session, each with arguments that take room.
fn run_many(pass: &Pass, programs: u32) {
    let script = format!(
        "n=0; while test $n -lt {programs}; do /bin/true $n {}; n=$((n+1)); done",
        "x".repeat(900)
    );
    assert!(run(pass, &script).status.success());
}

/// How long the journal of a session is.
fn length(pass: &Pass) -> u64 {
    let name = format!("/var/lib/portreeve/journal/{}.journal", pass.order.session);
    std::fs::metadata(name).unwrap().len()
}

/// Hears what there is to hear, and acknowledges it where that is wanted, until something is so.
fn hear(control: &mut Control, acknowledge: bool, mut is_so: impl FnMut(HostFact) -> bool) {
    loop {
        let HostReport::Event(event) = control.report() else {
            panic!("a receipt?");
        };
        if acknowledge {
            control.acknowledge(vec![event.digest()]);
        }
        control.say(&FromBastion::Renew);
        let said: HostEvent = serde_json::from_str(event.unverified_payload()).unwrap();
        if is_so(said.fact) {
            return;
        }
    }
}

fn small_spool(host: &mut Host) {
    sh("echo 'spool_limit_mib = 1' >/etc/portreeve/host.toml");
    host.kill_daemon();
    host.restart_daemon();
}

#[test]
fn a_session_fills_no_more_than_its_share_and_gets_it_back() {
    sandbox::run(
        "spool::a_session_fills_no_more_than_its_share_and_gets_it_back",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            small_spool(&mut host);
            let pass = ca.pass(STARTER_BUNDLE, 300);
            let (mut control, attestation) = open(&pass, &host);

            // A bastion that takes nothing: the session goes on, and what is left out is counted.
            run_many(&pass, 1000);
            let mut heard = Vec::new();
            hear(&mut control, false, |fact| {
                let is_loss = format!("{fact:?}").contains("Allowance");
                heard.push(fact);
                is_loss
            });
            assert!(length(&pass) < 1024 * 1024, "{}", length(&pass));
            assert!(!status().1.contains("\"spool_full\": true"));
            assert!(run(&pass, "sudo -n ss -tnp").status.success());
            drop(control);
            until("the end of the first", || {
                !sh("cat /etc/passwd").contains(pass.order.account.as_str())
            });

            // Who brings no order of the CA's for this host, or one that was obeyed before, hears nothing of the first.
            let next = ca.pass(STARTER_BUNDLE, 300);
            let forged = Ca::new().sign(&next.order);
            let bundle = next.bundle.clone();
            for first in [
                FromBastion::Acknowledge { reports: vec![] },
                FromBastion::Order {
                    order: pass.signed.clone(),
                    bundle: pass.bundle.clone(),
                },
                FromBastion::Order {
                    order: forged,
                    bundle,
                },
            ] {
                let mut stranger = Control::open(&next);
                stranger.say(&first);
                assert!(matches!(stranger.hear(), Some(FromHost::Refused { .. })));
                assert!(stranger.hear().is_none());
            }

            // One that takes everything: it stays small, however much is told.
            let (mut control, _) = open(&next, &host);
            let mut earlier = Vec::new();
            let receipt = loop {
                match control.report() {
                    HostReport::Event(event) => earlier.push(event),
                    HostReport::Receipt(receipt) => break receipt,
                }
                control.acknowledge(vec![earlier.last().unwrap().digest()]);
            };
            control.acknowledge(vec![receipt.digest()]);
            let told = chain(attestation.digest(), &earlier, &host.identity);
            assert!(
                told.iter()
                    .any(|event| matches!(event.fact, HostFact::Sudo { .. })),
                "sudo's share is not what programs fill"
            );
            let receipt = clean(&receipt, &host);
            assert_eq!(receipt.last_event, earlier.last().unwrap().digest());
            assert_eq!(receipt.events, u64::try_from(told.len()).unwrap());
            until("the room of the first", || length(&pass) < 64 * 1024);

            let mut programs = 0;
            for _ in 0..9 {
                run_many(&next, 100);
                let wanted = programs + 100;
                hear(&mut control, true, |fact| {
                    let text = serde_json::to_string(&fact).unwrap();
                    assert!(!text.contains("events_lost"), "{text}");
                    programs += text.matches("\"program\":\"/bin/true\"").count();
                    programs >= wanted
                });
            }
            // 900 programs of a thousand bytes each were told.
            until("the room of the second", || {
                control.say(&FromBastion::Renew);
                length(&next) < 600 * 1024
            });
            clean(&control.end(EndCause::Asked).1, &host);
        },
    );
}

/// What sudo logs waits in its log, so that nothing of it is lost, and a flood of it ends one session.
#[test]
fn sudo_waits_for_its_bastion_and_too_much_of_it_ends_the_session() {
    sandbox::run(
        "spool::sudo_waits_for_its_bastion_and_too_much_of_it_ends_the_session",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            small_spool(&mut host);
            let pass = ca.pass(STARTER_BUNDLE, 300);
            let (mut control, _) = open(&pass, &host);
            let log = sh("echo /var/lib/portreeve/sudo/*").trim().to_owned();
            let event = |number: u32| {
                let filler = "y".repeat(900);
                format!(
                    "\"reject\": {{\n\"command\": \"/bin/x{number}\",\n\"submitcwd\": \"{filler}\"\n}}\n"
                )
            };
            let many: String = (0..2000).map(event).collect();
            std::fs::write(&log, many).unwrap();
            // The bastion takes nothing for a while: no more than the share is written, and the
            // session lives.
            until("the share to be full", || {
                control.say(&FromBastion::Renew);
                length(&pass) > 900 * 1024
            });
            for _ in 0..10 {
                control.say(&FromBastion::Renew);
                std::thread::sleep(Duration::from_millis(100));
            }
            assert!(length(&pass) < 2 * 1024 * 1024, "{}", length(&pass));
            let mut next = 0;
            hear(&mut control, true, |fact| {
                if let HostFact::Sudo { command, .. } = fact {
                    assert_eq!(command, format!("/bin/x{next}"));
                    next += 1;
                }
                // The last one is whole once something follows it.
                next == 1999
            });

            // A hole, of which nothing is on the disk.
            sh(&format!("truncate -s +70M {log}; echo >>{log}"));
            let receipt = loop {
                match control.hear() {
                    Some(FromHost::Gone { receipt }) => break receipt,
                    Some(_) => {}
                    None => panic!("no receipt: {}", crate::host::log()),
                }
            };
            let receipt = receipt.verify(&host.identity).unwrap().into_inner();
            assert_eq!(receipt.cause, EndCause::Flooded, "{}", crate::host::log());
            assert_eq!(receipt.events, 2000);
        },
    );
}

/// Nobody knows what is left of such a session, but what runs under its name is its own.
#[test]
fn a_session_whose_journal_is_damaged_loses_its_processes_and_not_its_journal() {
    sandbox::run(
        "spool::a_session_whose_journal_is_damaged_loses_its_processes_and_not_its_journal",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            let pass = ca.pass(STARTER_BUNDLE, 300);
            let (control, _) = open(&pass, &host);
            run(&pass, "setsid sleep 4711 </dev/null >/dev/null 2>&1 &");
            until("the process runs", || runs("sleep 4711"));
            host.kill_daemon();
            drop(control);
            assert!(runs("sleep 4711"), "a daemon that is dead ends nothing");
            sh(
                "printf X | dd of=$(ls /var/lib/portreeve/journal/*.journal) bs=1 seek=40 conv=notrunc 2>&1",
            );
            let before = sh("sha256sum /var/lib/portreeve/journal/*.journal");

            host.restart_daemon();
            until("the process is gone", || !runs("sleep 4711"));
            until("it is told", || status().1.contains("is damaged"));
            assert_eq!(status().0, Some(5));
            let after = sh("sha256sum /var/lib/portreeve/journal/*.journal");
            assert_eq!(after, before);
        },
    );
}
