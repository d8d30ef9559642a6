//! A host on which everything fails once: the daemon is killed at each change it makes for a
//! session, and each change fails with each error that it can fail with. Afterwards the host is as
//! before.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use portreeve_protocol::attest::{Attestation, EndCause};
use portreeve_protocol::control::{FromBastion, FromHost, OrderRefusal};
use portreeve_protocol::signed::Signed;

use crate::SLEEPER;
use crate::bastion::{Answer, Control, until};
use crate::ca::{Ca, Pass};
use crate::host::{self, Host, sh, snapshot, status};
use crate::sandbox;
use crate::tracer::{Point, Tracer, points, start_traced};

const STATE: &str = "/var/lib/portreeve";
const GROUPS: &str = "/sys/fs/cgroup/portreeve";

/// How a session went.
enum Course {
    /// It was ready, and its end was reported.
    Gone(Attestation),
    /// It was never ready.
    Refused(OrderRefusal, String),
    /// The daemon said nothing more.
    Died(Option<Attestation>),
}

/// A session from its order to its end, with a process in it that must be killed.
fn course(pass: &Pass, host: &Host) -> Course {
    let mut control = Control::without_ssh();
    let mut attested = None;
    let mut process: Option<Child> = None;
    control.try_say(&FromBastion::Order {
        order: pass.signed.clone(),
        bundle: pass.bundle.clone(),
    });
    let course = loop {
        match control.hear() {
            Some(FromHost::Ready { attestation }) => {
                let said: Attestation = verified(&attestation, host);
                process = Some(inhabit(&said));
                attested = Some(said);
                control.try_say(&FromBastion::End {
                    cause: EndCause::Asked,
                });
            }
            Some(FromHost::Gone { receipt }) => {
                control.try_say(&FromBastion::Acknowledge {
                    reports: vec![receipt.digest()],
                });
                receipt.verify(&host.identity).unwrap();
                break Course::Gone(attested.unwrap());
            }
            Some(FromHost::Refused { refusal, detail }) => break Course::Refused(refusal, detail),
            Some(FromHost::Hello { .. } | FromHost::Report { .. } | FromHost::Inventory { .. }) => {
            }
            None => break Course::Died(attested),
        }
    };
    control.finish();
    if let Some(mut process) = process {
        // Left alone it is for the next daemon, which waits for no parent of it.
        std::thread::spawn(move || process.wait());
    }
    course
}

fn verified(attestation: &Signed<Attestation>, host: &Host) -> Attestation {
    attestation.verify(&host.identity).unwrap().into_inner()
}

/// A process in a session and a file in its home, as after a login.
fn inhabit(session: &Attestation) -> Child {
    let script = format!(
        "echo $$ >{group}/cgroup.procs; touch {home}/file; chown {uid} {home}/file; \
         exec setpriv --reuid {uid} --regid {uid} --clear-groups sleep 600",
        group = session.cgroup,
        home = session.home,
        uid = session.uid,
    );
    let child = Command::new("sh")
        .args(["-c", &script])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let procs = format!("{}/cgroup.procs", session.cgroup);
    until("the process in the session", || {
        fs::read_to_string(&procs).map_or(true, |text| !text.is_empty())
    });
    child
}

/// The paths that a session's steps are about.
fn paths_of(pass: &Pass) -> Vec<String> {
    let (account, session) = (&pass.order.account, pass.order.session);
    let group = format!("{GROUPS}/{account}");
    [
        format!("{STATE}/journal"),
        format!("{STATE}/journal/{session}.journal"),
        format!("{STATE}/sudo/{account}.json"),
        format!("/home/{account}"),
        "/etc/sudoers.d".to_owned(),
        format!("/etc/sudoers.d/portreeve-{account}"),
        format!("/etc/sudoers.d/.portreeve-{account}.new"),
        format!("{group}/cgroup.kill"),
        format!("{group}/cgroup.freeze"),
        format!("{group}/pids.max"),
        group,
    ]
    .into()
}

/// The changes that one undisturbed session makes on its paths.
fn changes(ca: &Ca, host: &Host, paths: fn(&Pass) -> Vec<String>) -> Vec<Point> {
    let pass = ca.order(SLEEPER, 300);
    let tracer = Tracer::attach(host.daemon.id(), &paths(&pass), None);
    assert!(
        matches!(course(&pass, host), Course::Gone(..)),
        "{}",
        host::log()
    );
    points(&tracer.detach())
}

/// Whether a call only looks.
fn is_a_look(point: &Point) -> bool {
    point.call == "openat" && !point.shown.contains("O_CREAT")
}

/// The host loses its power and comes back: no process, no control group and nothing in `/run` is
/// left, nor the end of a journal that was not synced.
fn reboot(host: &mut Host, killed_at: &Point, pass: &Pass) {
    sh(&format!(
        "for group in {GROUPS}/pr-*; do [ -d $group ] || continue; \
           echo 1 >$group/cgroup.kill; \
           while ! rmdir $group 2>/dev/null; do sleep 0.01; done; done"
    ));
    sh("umount /run && mount -t tmpfs -o mode=755 run /run && \
        mkdir -m 755 /run/lock /run/sshd /run/user && touch /run/utmp");
    let journal = PathBuf::from(format!("{STATE}/journal/{}.journal", pass.order.session));
    if killed_at.call == "fdatasync" && killed_at.shown.contains(".journal") {
        cut_last_line(&journal);
    }
    if killed_at.call == "fsync" && killed_at.shown.contains("/journal>") {
        fs::remove_file(&journal).unwrap();
    }
    host.restart_daemon();
}

fn cut_last_line(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let last = text.lines().last().unwrap().len();
    fs::write(path, &text[..text.len() - last / 2]).unwrap();
}

/// Waits until the daemon has nothing left to remove and the host is as before.
fn recovers(before: &std::collections::BTreeMap<String, String>, what: &dyn std::fmt::Debug) {
    let start = std::time::Instant::now();
    while start.elapsed() < crate::bastion::PATIENCE {
        let (_, said) = status();
        if said.contains("\"unfinished\": []")
            && said.contains("\"removing\": 0")
            && snapshot() == *before
        {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let (_, said) = status();
    let now = snapshot();
    let differs: Vec<_> = before
        .iter()
        .filter(|(key, was)| now[*key] != **was)
        .collect();
    panic!(
        "{what:?}: not as before: {differs:#?}\n{said}\n{}",
        host::log()
    );
}

#[test]
fn a_daemon_killed_at_any_change_leaves_the_host_as_before() {
    let name = "faults::a_daemon_killed_at_any_change_leaves_the_host_as_before";
    sandbox::run(name, || {
        let ca = Ca::new();
        let mut host = Host::start(&ca);
        let before = snapshot();
        let mut uids = BTreeSet::new();
        let all = changes(&ca, &host, paths_of);
        let all: Vec<_> = all.into_iter().filter(|point| !is_a_look(point)).collect();
        for wanted in ["fdatasync", "mkdir", "rmdir", "fchown", "linkat", "unlink"] {
            assert!(all.iter().any(|point| point.call == wanted), "{all:#?}");
        }
        let mut killed = 0;
        for (round, point) in all.iter().enumerate() {
            // What was not synced is lost only with the power.
            let syncs = point.call.ends_with("sync");
            let reboots = if syncs {
                vec![false, true]
            } else {
                vec![round % 2 == 0]
            };
            for reboots in reboots {
                let pass = ca.order(SLEEPER, 300);
                let fault = point.fault("signal=KILL");
                let pid = host.daemon.id();
                let tracer = Tracer::attach(pid, &paths_of(&pass), Some(&fault));
                let attested = match course(&pass, &host) {
                    Course::Gone(attested) | Course::Died(Some(attested)) => Some(attested),
                    Course::Died(None) => None,
                    Course::Refused(refusal, detail) => panic!("{point:?}: {refusal:?} {detail}"),
                };
                if let Some(attested) = attested {
                    assert!(uids.insert(attested.uid), "a UID was used again");
                }
                if tracer.outlive() {
                    killed += 1;
                    host.daemon.wait().unwrap();
                } else {
                    // A wait that was shorter this time.
                    host.kill_daemon();
                }
                if reboots {
                    reboot(&mut host, point, &pass);
                } else {
                    host.restart_daemon();
                }
                recovers(&before, point);
            }
        }
        assert!(killed >= all.len(), "{killed} of {}", all.len());
    });
}

/// A session that is live when its daemon is killed.
fn interrupted(ca: &Ca, host: &mut Host) -> Pass {
    let pass = ca.order(SLEEPER, 300);
    let mut control = Control::without_ssh();
    let Answer::Ready(attestation) = control.order(&pass) else {
        panic!("refused: {}", host::log())
    };
    let mut process = inhabit(&verified(&attestation, host));
    host.kill_daemon();
    drop(control);
    std::thread::spawn(move || process.wait());
    pass
}

#[test]
fn a_daemon_killed_while_it_recovers_leaves_the_host_as_before() {
    let name = "faults::a_daemon_killed_while_it_recovers_leaves_the_host_as_before";
    sandbox::run(name, || {
        let ca = Ca::new();
        let mut host = Host::start(&ca);
        let before = snapshot();
        let log = PathBuf::from("/var/log/strace-recovery");
        let pass = interrupted(&ca, &mut host);
        host.daemon = start_traced(&paths_of(&pass), None, &log);
        recovers(&before, &"an undisturbed recovery");
        host.kill_daemon();
        let seen = fs::read_to_string(&log).unwrap();
        let seen: Vec<_> = seen.lines().map(str::to_owned).collect();
        let all: Vec<_> = points(&seen)
            .into_iter()
            .filter(|point| !is_a_look(point))
            .collect();
        assert!(all.iter().any(|point| point.call == "rmdir"), "{all:#?}");
        host.restart_daemon();
        let mut killed = 0;
        for point in &all {
            let pass = interrupted(&ca, &mut host);
            let fault = point.fault("signal=KILL");
            host.daemon = start_traced(&paths_of(&pass), Some(&fault), &log);
            until("the end of the daemon or of its work", || {
                host.daemon.try_wait().unwrap().is_some()
                    || status().1.contains("\"unfinished\": []") && snapshot() == before
            });
            if host.daemon.try_wait().unwrap().is_some() {
                killed += 1;
            } else {
                // A wait that was shorter this time.
                host.kill_daemon();
            }
            host.restart_daemon();
            recovers(&before, point);
        }
        assert!(killed >= all.len() / 2, "{killed} of {}", all.len());
    });
}

/// The files by which the tools change accounts, and the tools.
fn paths_of_tools(_: &Pass) -> Vec<String> {
    let files = ["passwd", "shadow", "group", "gshadow"];
    let files = files.iter().flat_map(|file| {
        [
            format!("/etc/{file}"),
            format!("/etc/{file}+"),
            format!("/etc/{file}.lock"),
        ]
    });
    let tools = ["useradd", "usermod", "userdel"];
    let tools = tools.iter().map(|tool| format!("/usr/sbin/{tool}"));
    files.chain(tools).collect()
}

/// The errors of a call that have their cause in the host, and not in how it was called. Those of
/// tools are a tool that fails, whatever they are.
fn errors(call: &str, of_tool: bool) -> &'static [&'static str] {
    match call {
        call if of_tool && call != "execve" => &["EIO", "ENOSPC"],
        "openat" => &[
            "EACCES", "EDQUOT", "EIO", "EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EPERM", "EROFS",
        ],
        "write" => &["EDQUOT", "EFBIG", "EIO", "ENOSPC", "EPERM"],
        "fsync" | "fdatasync" => &["EDQUOT", "EIO", "ENOSPC", "EROFS"],
        "mkdir" => &[
            "EACCES", "EAGAIN", "EDQUOT", "EIO", "EMLINK", "ENOENT", "ENOMEM", "ENOSPC", "ENOTDIR",
            "EPERM", "EROFS",
        ],
        "rmdir" | "unlink" | "unlinkat" => &["EACCES", "EBUSY", "EIO", "ENOMEM", "EPERM", "EROFS"],
        "link" | "linkat" | "rename" => &[
            "EACCES", "EDQUOT", "EIO", "EMLINK", "ENOENT", "ENOMEM", "ENOSPC", "EPERM", "EROFS",
            "EXDEV",
        ],
        "fchown" | "fchmod" => &["EACCES", "EDQUOT", "EIO", "ENOMEM", "EPERM", "EROFS"],
        "execve" => &[
            "E2BIG", "EACCES", "EAGAIN", "EIO", "EMFILE", "ENOENT", "ENOEXEC", "ENOMEM", "EPERM",
            "ETXTBSY",
        ],
        other => panic!("which errors has {other}?"),
    }
}

#[test]
fn a_change_that_fails_leaves_the_host_as_before() {
    let name = "faults::a_change_that_fails_leaves_the_host_as_before";
    sandbox::run(name, || {
        let ca = Ca::new();
        let mut host = Host::start(&ca);
        let before = snapshot();
        let mut refusals = BTreeSet::new();
        let mut faults = BTreeSet::new();
        let places: [fn(&Pass) -> Vec<String>; 2] = [paths_of, paths_of_tools];
        for (at, paths) in places.into_iter().enumerate() {
            let points = changes(&ca, &host, paths);
            for point in points.iter().filter(|point| !is_a_look(point)) {
                for error in errors(&point.call, at == 1) {
                    faults.insert((at, point.fault(&format!("error={error}"))));
                }
            }
        }
        let rounds = faults.len();
        for (at, fault) in faults {
            let paths = places[at];
            let pass = ca.order(SLEEPER, 300);
            let tracer = Tracer::attach(host.daemon.id(), &paths(&pass), Some(&fault));
            match course(&pass, &host) {
                // What is left is named, and tried again.
                Course::Gone(..) => {}
                Course::Refused(OrderRefusal::Failed, detail) => {
                    refusals.extend(detail.split(':').next().map(str::to_owned));
                }
                Course::Refused(refusal, detail) => panic!("{fault}: {refusal:?}: {detail}"),
                Course::Died(_) => panic!("{fault}: the daemon is silent: {}", host::log()),
            }
            tracer.detach();
            if !status().1.contains("\"unfinished\": []") {
                host.kill_daemon();
                host.restart_daemon();
            }
            recovers(&before, &fault);
        }
        for step in [
            "make the control group",
            "make sudo's log",
            "make the account",
            "make the home",
            "install the sudo rules",
        ] {
            let refusal = format!("cannot {step}");
            assert!(
                refusals.contains(&refusal),
                "nothing made `{step}` fail: {refusals:#?}"
            );
        }
        assert!(
            refusals.iter().any(|refusal| refusal.contains("journal")),
            "{refusals:#?}"
        );
        assert!(rounds > 100, "{rounds}");
    });
}
