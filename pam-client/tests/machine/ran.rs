//! What ran: every program of a session is told, however it came about, and what is not told is
//! counted.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portreeve_protocol::attest::{
    Attestation, EndCause, HostEvent, HostFact, HostWatch, LossCause, OutsideWatch, Sighting,
    Watcher,
};
use portreeve_protocol::control::{FromBastion, HostReport};
use portreeve_protocol::signed::Signed;
use portreeve_sudo_policy::STARTER_BUNDLE;

use crate::bastion::{Control, chain, run, run_on_terminal, ssh, text, until};
use crate::ca::{Ca, Pass};
use crate::host::{Host, sh, status};
use crate::{clean, open, sandbox};

/// All that a session did, in the order in which the host told it.
fn sightings(
    attestation: &Signed<Attestation>,
    events: &[Signed<HostEvent>],
    host: &Host,
) -> Vec<Sighting> {
    let told = chain(attestation.digest(), events, &host.identity);
    let seen = told.into_iter().flat_map(|event| match event.fact {
        HostFact::Watched { seen } => seen,
        HostFact::Sudo { .. } | HostFact::Login { .. } => Vec::new(),
    });
    seen.collect()
}

/// Ends a session; all that it did.
fn ended(control: &mut Control, attestation: &Signed<Attestation>, host: &Host) -> Vec<Sighting> {
    let (events, receipt) = control.end(EndCause::Asked);
    let receipt = clean(&receipt, host);
    assert_eq!(receipt.events, u64::try_from(events.len()).unwrap());
    sightings(attestation, &events, host)
}

/// Waits for a login to end, and keeps the lease meanwhile.
fn wait(control: &mut Control, mut login: Child) {
    until("the end of the login", || {
        control.say(&FromBastion::Renew);
        login.try_wait().unwrap().is_some()
    });
    assert!(login.wait().unwrap().success());
}

fn watch_of(attestation: &Signed<Attestation>, host: &Host) -> HostWatch {
    let said = attestation.verify(&host.identity).unwrap().into_inner();
    said.watch.unwrap()
}

/// The command lines that began, as which user, and where.
fn started(seen: &[Sighting]) -> Vec<(String, u32, String)> {
    let started = seen.iter().filter_map(|sighting| match sighting {
        Sighting::ProcessStarted { argv, uid, cwd, .. } => {
            Some((argv.join(" "), *uid, cwd.clone().unwrap_or_default()))
        }
        _ => None,
    });
    started.collect()
}

/// How many starts and ends were lost.
fn lost(seen: &[Sighting]) -> u64 {
    let lost = seen.iter().filter_map(|sighting| match sighting {
        Sighting::EventsLost {
            processes,
            cause: LossCause::Overrun,
            ..
        } => *processes,
        _ => None,
    });
    lost.sum()
}

#[test]
fn every_program_of_a_session_is_told_however_it_came_about() {
    sandbox::run(
        "ran::every_program_of_a_session_is_told_however_it_came_about",
        || {
            let ca = Ca::new();
            let host = Host::start(&ca);
            let pass = ca.pass(STARTER_BUNDLE, 300);
            let (mut control, attestation) = open(&pass, &host);
            let everything = HostWatch {
                processes: Watcher::Ebpf,
                connections: Watcher::Ebpf,
                outside: Some(OutsideWatch {
                    processes: Watcher::Ebpf,
                    connections: Watcher::Ebpf,
                }),
            };
            assert_eq!(watch_of(&attestation, &host), everything);
            let uid = attestation.verify(&host.identity).unwrap().get().uid;
            let home = format!("/home/{}", pass.order.account);

            let script = r#"
                cd /tmp; /bin/echo by a shell
                printf '#!/bin/sh\n/bin/echo in "$0"\n' >~/script; chmod +x ~/script; ~/script one
                echo L2Jpbi9lY2hvIGhpZGRlbgo= | base64 -d | sh
                cp /bin/echo ~/mine; ~/mine compiled
                (setsid sh -c '/bin/echo detached' &) ; sleep 0.2
                perl -e 'fork and exit; fork and exit; exec "/bin/echo", "forked twice"'
                perl -e 'exec { "/bin/sleep" } "[kworker/0:1]", "0"'
                sudo -n ss -tnp >/dev/null
                bash -c 'true 2>/dev/null >/dev/tcp/127.0.0.1/9'
                sh -c 'exit 7'; sh -c 'kill -TERM $$'
                true
            "#;
            let ran = run(&pass, script);
            assert!(ran.status.success(), "{}", text(&ran.stderr));
            let seen = ended(&mut control, &attestation, &host);
            let began = started(&seen);
            for (line, uid, cwd) in [
                ("/bin/echo by a shell", uid, "/tmp".to_owned()),
                (
                    &format!("/bin/sh {home}/script one"),
                    uid,
                    "/tmp".to_owned(),
                ),
                (
                    &format!("/bin/echo in {home}/script"),
                    uid,
                    "/tmp".to_owned(),
                ),
                ("base64 -d", uid, "/tmp".to_owned()),
                ("/bin/echo hidden", uid, "/tmp".to_owned()),
                (&format!("{home}/mine compiled"), uid, "/tmp".to_owned()),
                ("/bin/echo detached", uid, "/tmp".to_owned()),
                ("/bin/echo forked twice", uid, "/tmp".to_owned()),
                ("sudo -n ss -tnp", 0, "/tmp".to_owned()),
                ("ss -tnp", 0, "/".to_owned()),
            ] {
                let wanted = (line.to_owned(), uid, cwd);
                assert!(began.contains(&wanted), "{wanted:?} is not in {began:#?}");
            }
            let disguised = seen.iter().any(|sighting| {
                matches!(sighting, Sighting::ProcessStarted { argv, program, .. }
                    if argv == &["[kworker/0:1]", "0"] && program == "/bin/sleep")
            });
            assert!(disguised, "{seen:#?}");
            assert_eq!(lost(&seen), 0);

            let ends = |status: Option<u8>, signal: Option<u8>| {
                seen.iter().any(|sighting| {
                    matches!(sighting, Sighting::ProcessEnded { status: one, signal: other, .. }
                        if *one == status && *other == signal)
                })
            };
            assert!(ends(Some(7), None) && ends(None, Some(15)), "{seen:#?}");
            let connected = seen.iter().any(|sighting| {
                matches!(sighting, Sighting::ConnectionOpened { protocol, remote, .. }
                    if protocol == "tcp" && remote == "127.0.0.1:9")
            });
            assert!(connected, "{seen:#?}");
            // What other sessions and the host itself do is none of this session's.
            assert!(!began.iter().any(|(line, ..)| line.contains("userdel")));
        },
    );
}

/// What somebody else starts for an account: here the test itself, as a schedule would.
#[test]
fn what_is_started_for_an_account_elsewhere_is_told_once_and_as_such() {
    sandbox::run(
        "ran::what_is_started_for_an_account_elsewhere_is_told_once_and_as_such",
        || {
            let ca = Ca::new();
            let host = Host::start(&ca);
            let pass = ca.pass(STARTER_BUNDLE, 300);
            let (mut control, attestation) = open(&pass, &host);
            let other = ca.pass(STARTER_BUNDLE, 300);
            let (mut second, another) = open(&other, &host);
            let uid_of =
                |said: &Signed<Attestation>| said.verify(&host.identity).unwrap().get().uid;
            let (uid, stranger) = (uid_of(&attestation), uid_of(&another));
            let as_somebody = |uid: u32, line: &str| {
                sh(&format!(
                    "setpriv --reuid {uid} --regid {uid} --clear-groups -- {line}"
                ));
            };
            as_somebody(uid, "/bin/echo elsewhere");
            as_somebody(stranger, "/bin/echo of another session");
            as_somebody(65_534, "/bin/echo of nobody");
            as_somebody(
                uid,
                "bash -c 'true 2>/dev/null >/dev/tcp/127.0.0.1/9; true'",
            );
            assert!(run(&pass, "/bin/echo inside").status.success());
            assert!(run_on_terminal(&pass, "true").status.success());

            let seen = ended(&mut control, &attestation, &host);
            let told = |line: &str| {
                let told = seen.iter().filter_map(|sighting| match sighting {
                    Sighting::ProcessStarted {
                        argv, uid, outside, ..
                    } if argv.join(" ") == line => Some((*uid, *outside)),
                    _ => None,
                });
                told.collect::<Vec<_>>()
            };
            assert_eq!(told("/bin/echo elsewhere"), [(uid, true)], "{seen:#?}");
            assert_eq!(told("/bin/echo inside"), [(uid, false)], "{seen:#?}");
            assert_eq!(told("/bin/echo of another session"), []);
            assert_eq!(told("/bin/echo of nobody"), []);
            let connected = seen.iter().filter(|sighting| {
                matches!(sighting, Sighting::ConnectionOpened { remote, outside: true, .. }
                    if remote == "127.0.0.1:9")
            });
            assert_eq!(connected.count(), 1, "{seen:#?}");
            // What sshd does for a login is the login, and no program of the session's.
            let strays = seen.iter().filter_map(|sighting| match sighting {
                Sighting::ProcessStarted {
                    argv,
                    outside: true,
                    ..
                } => Some(argv.join(" ")),
                _ => None,
            });
            let own = [
                "/bin/echo elsewhere",
                "bash -c true 2>/dev/null >/dev/tcp/127.0.0.1/9; true",
            ];
            assert_eq!(strays.collect::<Vec<_>>(), own);
            second.end(EndCause::Asked);
        },
    );
}

/// Starts so many programs from four shells at once, each with arguments of its own.
fn burst(pass: &Pass, each: u32) -> Child {
    let script = format!(
        "touch /tmp/ready; until test -e /tmp/go; do sleep 0.05; done
         for shell in 1 2 3 4; do
             (n=0; while test $n -lt {each}; do /bin/true $shell $n; n=$((n+1)); done) &
         done; wait; touch /tmp/over"
    );
    ssh(pass, pass.order.account.as_str(), "session")
        .arg(script)
        .spawn()
        .unwrap()
}

/// The starts of a burst that were told, and how many ends.
fn told_of_burst(seen: &[Sighting]) -> (BTreeSet<Vec<String>>, usize) {
    let mut pids = BTreeSet::new();
    let mut starts = BTreeSet::new();
    let mut ends = 0;
    for sighting in seen {
        match sighting {
            Sighting::ProcessStarted { argv, pid, .. } if argv[0] == "/bin/true" => {
                pids.insert(*pid);
                assert!(starts.insert(argv.clone()), "{argv:?} is told twice");
            }
            Sighting::ProcessEnded { pid, .. } if pids.remove(pid) => ends += 1,
            _ => {}
        }
    }
    (starts, ends)
}

#[test]
fn no_program_of_a_burst_is_lost() {
    sandbox::run("ran::no_program_of_a_burst_is_lost", || {
        let ca = Ca::new();
        let host = Host::start(&ca);
        let pass = ca.pass(STARTER_BUNDLE, 300);
        let (mut control, attestation) = open(&pass, &host);
        let login = burst(&pass, 1500);
        sh("touch /tmp/go");
        wait(&mut control, login);
        let seen = ended(&mut control, &attestation, &host);
        assert_eq!(lost(&seen), 0);
        let (starts, ends) = told_of_burst(&seen);
        assert_eq!((starts.len(), ends), (6000, 6000));
    });
}

/// While the daemon stands still nobody reads a buffer that has room for a few programs.
#[test]
fn what_there_was_no_room_for_is_counted_and_told() {
    sandbox::run(
        "ran::what_there_was_no_room_for_is_counted_and_told",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            fs::write("/etc/portreeve/host.toml", "watch_buffer_kib = 4\n").unwrap();
            host.kill_daemon();
            host.restart_daemon();
            let pass = ca.pass(STARTER_BUNDLE, 300);
            let (mut control, attestation) = open(&pass, &host);
            let login = burst(&pass, 50);
            until("the login", || Path::new("/tmp/ready").exists());
            let daemon = Pid::from_raw(host.daemon.id().try_into().unwrap());
            kill(daemon, Signal::SIGSTOP).unwrap();
            sh("touch /tmp/go");
            until("the burst", || Path::new("/tmp/over").exists());
            kill(daemon, Signal::SIGCONT).unwrap();
            wait(&mut control, login);
            // What comes after a loss is told as ever.
            assert!(run(&pass, "/bin/echo afterwards").status.success());
            let seen = ended(&mut control, &attestation, &host);
            let afterwards = started(&seen)
                .iter()
                .filter(|(line, ..)| line == "/bin/echo afterwards")
                .count();
            assert_eq!(afterwards, 1, "{seen:#?}");
            let (starts, ends) = told_of_burst(&seen);
            let told = u64::try_from(starts.len() + ends).unwrap();
            assert!(lost(&seen) > 0 && told < 400, "{seen:#?}");
            // The shells and their sleeping are not in `told`, and may be among those that were lost.
            assert!(told + lost(&seen) >= 400, "{told} {}", lost(&seen));
        },
    );
}

/// A program of ours that the kernel takes or attaches for nobody leaves what can still be watched.
#[test]
fn a_host_whose_hooks_fail_falls_back_and_says_so() {
    sandbox::run(
        "ran::a_host_whose_hooks_fail_falls_back_and_says_so",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            let nothing = HostWatch::NOTHING;
            let only_processes = HostWatch {
                processes: Watcher::Ebpf,
                connections: Watcher::Absent,
                outside: Some(OutsideWatch {
                    processes: Watcher::Ebpf,
                    connections: Watcher::Absent,
                }),
            };
            for (without, watch, said) in [
                (
                    "-net_admin,-sys_admin",
                    only_processes,
                    "connections of sessions are not watched: the program `portreeve_conn4`",
                ),
                (
                    "-bpf,-sys_admin",
                    nothing,
                    "what runs in sessions is not watched: ",
                ),
                (
                    "-perfmon,-sys_admin",
                    nothing,
                    "what runs in sessions is not watched: the program `portreeve_level` is not loaded",
                ),
            ] {
                host.kill_daemon();
                host.restart_daemon_without(without);
                let log = crate::host::log();
                assert!(log.contains(said), "{without}: {log}");
                let pass = ca.pass(STARTER_BUNDLE, 300);
                let (mut control, attestation) = open(&pass, &host);
                assert_eq!(watch_of(&attestation, &host), watch, "{without}");
                let script =
                    "/bin/echo told; bash -c 'true 2>/dev/null >/dev/tcp/127.0.0.1/9; true'";
                assert!(run(&pass, script).status.success());
                let (events, receipt) = control.end(EndCause::Asked);
                receipt.verify(&host.identity).unwrap();
                let seen = sightings(&attestation, &events, &host);
                let is_told = started(&seen)
                    .iter()
                    .any(|(line, ..)| line == "/bin/echo told");
                assert_eq!(is_told, watch != nothing, "{without}: {seen:#?}");
                let connected =
                    |sighting: &Sighting| matches!(sighting, Sighting::ConnectionOpened { .. });
                assert!(!seen.iter().any(connected), "{without}: {seen:#?}");
            }
        },
    );
}

/// However long and deep it is: what is told is bounded, and what is cut says so.
#[test]
fn what_is_told_of_a_program_is_bounded() {
    sandbox::run("ran::what_is_told_of_a_program_is_bounded", || {
        let ca = Ca::new();
        let host = Host::start(&ca);
        let pass = ca.pass(STARTER_BUNDLE, 300);
        let (mut control, attestation) = open(&pass, &host);
        let script = r#"
            /bin/true many $(seq 100)
            /bin/true long $(head -c 3000 /dev/zero | tr '\0' y) end
            /bin/true large $(for n in 1 2 3 4 5 6 7 8 9; do head -c 1000 /dev/zero | tr '\0' z; echo; done) end
            at() { mkdir -p "$2"; cd "$2"; /bin/true "$1"; cd; }
            at near $(printf 'd/%.0s' $(seq 25)); at far $(printf 'd/%.0s' $(seq 40))
            name=$(head -c 200 /dev/zero | tr '\0' n); mkdir -p /tmp/$name/$name/$name
            cp /bin/true /tmp/$name/$name/$name/p; /tmp/$name/$name/$name/p path
        "#;
        let ran = run(&pass, script);
        assert!(ran.status.success(), "{}", text(&ran.stderr));
        let seen = ended(&mut control, &attestation, &host);
        let of = |word: &str| {
            let found = seen.iter().find_map(|sighting| match sighting {
                Sighting::ProcessStarted {
                    argv,
                    cwd,
                    program,
                    file,
                    ..
                } if argv.get(1).is_some_and(|first| first == word) => {
                    Some((argv.clone(), cwd.clone(), program.clone(), file.clone()))
                }
                _ => None,
            });
            found.unwrap_or_else(|| panic!("`{word}` is not in {seen:#?}"))
        };
        let many = of("many").0;
        assert_eq!((many.len(), many[64].as_str()), (65, "…"));
        let long = of("long").0;
        assert_eq!((long[2].len(), &long[3][..]), (1024 + "…".len(), "end"));
        // The kernel's programs read 8 KiB, and the ninth of these is beyond that.
        let large = of("large").0;
        assert_eq!(large.last().unwrap(), "…");
        assert!(!large.contains(&"end".to_owned()), "{large:?}");
        assert!(of("near").1.unwrap().ends_with("/d/d"));
        assert_eq!(of("far").1, None);
        let (_, _, program, file) = of("path");
        assert!(
            program.len() < 512 && program.starts_with("/tmp/nnn"),
            "{program}"
        );
        let parts: Vec<u64> = file
            .unwrap()
            .split(':')
            .map(|part| part.parse().unwrap())
            .collect();
        assert!(parts.len() == 3 && parts[2] > 0, "{parts:?}");
        assert_eq!(lost(&seen), 0);
    });
}

#[test]
fn a_host_that_cannot_watch_says_so_and_serves() {
    sandbox::run("ran::a_host_that_cannot_watch_says_so_and_serves", || {
        let ca = Ca::new();
        let mut host = Host::start(&ca);
        sh("mount --bind /dev/null /sys/kernel/btf/vmlinux");
        host.kill_daemon();
        host.restart_daemon();
        let pass = ca.pass(STARTER_BUNDLE, 300);
        let (mut control, attestation) = open(&pass, &host);
        assert_eq!(watch_of(&attestation, &host), HostWatch::NOTHING);
        assert!(run(&pass, "true").status.success());
        assert_eq!(ended(&mut control, &attestation, &host), []);
        assert_eq!(status().0, Some(0), "{}", crate::host::log());
    });
}

#[test]
fn a_session_that_nobody_watched_while_the_daemon_was_dead_says_so() {
    sandbox::run(
        "ran::a_session_that_nobody_watched_while_the_daemon_was_dead_says_so",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            let pass = ca.pass(STARTER_BUNDLE, 300);
            let (control, attestation) = open(&pass, &host);
            host.kill_daemon();
            drop(control);
            host.restart_daemon();
            until("the removal", || {
                !sh("cat /etc/passwd").contains(pass.order.account.as_str())
                    && status().1.contains("\"unfinished\": []")
            });
            let (mut control, _) = open(&ca.pass(STARTER_BUNDLE, 300), &host);
            let mut events = Vec::new();
            let receipt = loop {
                match control.report() {
                    HostReport::Event(event) => events.push(event),
                    HostReport::Receipt(receipt) => break receipt,
                }
            };
            let seen = sightings(&attestation, &events, &host);
            assert!(
                matches!(
                    seen.as_slice(),
                    [Sighting::EventsLost {
                        processes: None,
                        connections: None,
                        cause: LossCause::Restart,
                        ..
                    }]
                ),
                "{seen:?}"
            );
            let receipt = clean(&receipt, &host);
            assert_eq!(receipt.last_event, events.last().unwrap().digest());
            control.end(EndCause::Asked);
        },
    );
}
