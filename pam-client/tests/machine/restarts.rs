//! The daemon is killed, makes room for a newer one, or stands still.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::control::{FromBastion, HostReport};

use crate::SLEEPER;
use crate::bastion::{Control, chain, run, text, until};
use crate::ca::Ca;
use crate::host::{self, Host, assert_as_before, runs, sh, snapshot, status};
use crate::{clean, open, sandbox};

#[test]
fn a_killed_daemon_finishes_when_it_runs_again() {
    sandbox::run(
        "restarts::a_killed_daemon_finishes_when_it_runs_again",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            let before = snapshot();
            let pass = ca.pass(SLEEPER, 300);
            let (mut control, attestation) = open(&pass, &host);
            assert!(
                run(
                    &pass,
                    "sudo -b sleep 4711 >/dev/null 2>&1; setsid sleep 4713 >/dev/null 2>&1 &"
                )
                .status
                .success()
            );
            let mut known = Vec::new();
            while known.len() < 2 {
                let HostReport::Event(event) = control.report() else {
                    panic!("a receipt?")
                };
                known.push(event);
            }
            control.acknowledge(vec![known[0].digest()]);
            until("both programs", || runs("sleep 4711") && runs("sleep 4713"));
            host.kill_daemon();
            assert!(runs("sleep 4711") && runs("sleep 4713"));
            assert!(
                !run(&pass, "true").status.success(),
                "no login while the daemon is down"
            );
            sh("useradd standing; su standing -c true; userdel -r standing 2>/dev/null");

            host.restart_daemon();
            until("the removal", || {
                !sh("cat /etc/passwd").contains(pass.order.account.as_str())
                    && !runs("sleep 4711")
                    && !runs("sleep 4713")
            });
            let next = ca.pass(SLEEPER, 300);
            let (mut control, _) = open(&next, &host);
            let mut events = Vec::new();
            let receipt = loop {
                match control.report() {
                    HostReport::Event(event) => events.push(event),
                    HostReport::Receipt(receipt) => break receipt,
                }
            };
            // The first one may have been acknowledged before the daemon died.
            let all = if events[0].digest() == known[0].digest() {
                events
            } else {
                [vec![known[0].clone()], events].concat()
            };
            chain(attestation.digest(), &all, &host.identity);
            let receipt = clean(&receipt, &host);
            assert_eq!(receipt.cause, EndCause::Restarted);
            assert_eq!(
                (receipt.events, receipt.sudo_commands),
                (u64::try_from(all.len()).unwrap(), 1)
            );
            control.end(EndCause::Asked);
            assert_as_before(&before);
        },
    );
}

/// Kills the daemon at moments all over the making and the removal of a session.
#[test]
fn a_daemon_killed_at_any_moment_leaves_the_host_as_before() {
    sandbox::run(
        "restarts::a_daemon_killed_at_any_moment_leaves_the_host_as_before",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            let before = snapshot();
            for moment in 0..30 {
                let pass = ca.pass(SLEEPER, 300);
                let mut control = Control::open(&pass);
                let order = FromBastion::Order {
                    order: pass.signed.clone(),
                    bundle: pass.bundle.clone(),
                };
                control.say(&order);
                if moment >= 15 {
                    control.hear();
                    control.say(&FromBastion::End {
                        cause: EndCause::Asked,
                    });
                }
                std::thread::sleep(Duration::from_micros(1500 * (moment % 15)));
                host.kill_daemon();
                drop(control);
                host.restart_daemon();
                until("the recovery", || {
                    let (_, said) = status();
                    !sh("cat /etc/passwd").contains("pr-")
                        && said.contains("\"unfinished\": []")
                        && snapshot() == before
                });
            }
            assert_as_before(&before);
        },
    );
}

#[test]
fn a_daemon_that_is_asked_to_make_room_waits_for_its_last_session() {
    sandbox::run(
        "restarts::a_daemon_that_is_asked_to_make_room_waits_for_its_last_session",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            let before = snapshot();
            let first = ca.pass(SLEEPER, 300);
            let (one, _) = open(&first, &host);
            // As a package does that brings a newer program.
            sh(
                "cp -p /usr/lib/portreeve/portreeve-host /root/new; mv /root/new /usr/lib/portreeve/portreeve-host",
            );
            sh(&format!("kill -HUP {}", host.daemon.id()));
            until("the daemon to say so", || {
                status().1.contains("\"retires_since\": \"")
            });

            // Meanwhile everything goes on, also through the program that is new.
            assert!(run(&first, "true").status.success(), "{}", host::log());
            let second = ca.pass(SLEEPER, 300);
            let (other, _) = open(&second, &host);
            drop(one);
            until("the end of the first", || {
                !sh("cat /etc/passwd").contains(first.order.account.as_str())
            });
            assert!(run(&second, "true").status.success(), "{}", host::log());
            assert!(host.daemon.try_wait().unwrap().is_none());
            drop(other);

            until("the daemon to make room", || {
                host.daemon.try_wait().unwrap().is_some()
            });
            assert!(host.daemon.wait().unwrap().success(), "{}", host::log());
            assert_as_before(&before);
            host.restart_daemon();
            let next = ca.pass(SLEEPER, 300);
            let _next = open(&next, &host);
        },
    );
}

#[test]
fn a_daemon_that_is_stopped_says_nothing_to_its_service_manager() {
    sandbox::run(
        "restarts::a_daemon_that_is_stopped_says_nothing_to_its_service_manager",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            host.kill_daemon();
            let manager = UnixDatagram::bind("/run/notify").unwrap();
            let heard = |patience: Duration| {
                manager.set_read_timeout(Some(patience)).unwrap();
                let mut bytes = [0; 64];
                let length = manager.recv(&mut bytes).ok()?;
                Some(text(&bytes[..length]).to_owned())
            };
            let (short, long) = (Duration::from_secs(1), Duration::from_secs(30));
            host.restart_watched_daemon("/run/notify", short / 2);
            assert_eq!(heard(long).as_deref(), Some("READY=1"));
            for _ in 0..4 {
                assert_eq!(heard(long).as_deref(), Some("WATCHDOG=1"));
            }

            let pid = host.daemon.id();
            sh(&format!("kill -STOP {pid}"));
            until("the stop", || {
                sh(&format!("cat /proc/{pid}/stat")).contains(") T ")
            });
            while heard(Duration::from_millis(1)).is_some() {}
            assert_eq!(heard(short), None);

            sh(&format!("kill -CONT {pid}"));
            assert_eq!(heard(long).as_deref(), Some("WATCHDOG=1"));
            sh(&format!("kill -TERM {pid}"));
            while heard(long).unwrap() != "STOPPING=1" {}
        },
    );
}
