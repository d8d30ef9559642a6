//! The Debian packages on a bare Debian 12: what they bring, what an upgrade leaves alone, and that
//! nothing stays when they go.

mod snapshot;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use portreeve_tests::installation::{HOST, Installation, Wish};
use portreeve_tests::{Host, Lab, Network, Topology, debian, programs, until};

use snapshot::{Difference, Snapshot};

const PATIENCE: Duration = Duration::from_secs(60);
/// A time for everything in the packages.
const EPOCH: &str = "1767225600";
const PROGRAM: &str = "/usr/lib/portreeve/portreeve-host";
/// The units, and how exposed each may be by the measure of `systemd-analyze security`: 0 is in a
/// vault, 100 in the street. The host client has to see and end what sessions made of the machine.
const UNITS: [(&str, u32); 4] = [
    ("portreeve-bastion", 15),
    ("portreeve-ca", 20),
    ("portreeve-host", 55),
    ("portreeve-signer", 10),
];
/// What is no part of the host's disk.
const KERNEL: [&str; 3] = ["/dev", "/proc", "/sys"];

/// What may be another afterwards, and why. A path that ends with a slash stands for all below it.
const MAY_CHANGE: &[(&str, &str)] = &[
    ("/var/log/", "logs"),
    ("/var/lib/dpkg/", "dpkg's own state"),
    ("/run/sshd.pid", "the test starts sshd"),
    ("/run/mount", "the test mounts something"),
    ("/run/utmp", "who logged in; a log"),
    ("/run/motd.dynamic", "sshd's PAM writes it at every login"),
    ("/run/motd.dynamic.new", "the same"),
    (
        "/etc/.pwd.lock",
        "empty; the lock of whatever changes accounts",
    ),
    (
        "/etc/passwd-",
        "useradd's copy of the file before its last change",
    ),
    ("/etc/group-", "the same"),
    ("/etc/shadow-", "the same"),
    ("/etc/gshadow-", "the same"),
];
/// What is written to and says afterwards, byte for byte, what it said before.
const MAY_BE_WRITTEN: &[(&str, &str)] = &[
    ("/etc/passwd", "accounts come and go"),
    ("/etc/group", "the same"),
    ("/etc/shadow", "the same"),
    ("/etc/gshadow", "the same"),
    ("/etc/pam.d/sshd", "lines come with enrolment and go again"),
];

#[test]
fn the_same_programs_give_the_same_packages() {
    let (one, other) = (make("one", &[]), make("other", &[]));
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&one).len(), 4, "{:?}", names(&one));
    assert_eq!(names(&one), names(&other));
    for name in names(&one) {
        assert!(
            fs::read(one.join(&name)).unwrap() == fs::read(other.join(&name)).unwrap(),
            "{name} differs"
        );
    }
}

#[test]
fn what_the_packages_bring_is_in_order_and_goes_when_they_are_purged() {
    let lab = bare_lab();
    let host = lab.host("bare");
    let before = look(host);
    let all = make("all", &[]);
    install(host, &all, "portreeve");

    // The host client is for a host that is enrolled; until then it only lies there.
    let accounts = host.read_text("/etc/passwd").unwrap();
    for (user, is_there) in [
        ("portreeve:", false),
        ("portreeve-ca:", true),
        ("portreeve-signer:", true),
        ("portreeve-bastion:", true),
    ] {
        assert_eq!(
            accounts.lines().any(|line| line.starts_with(user)),
            is_there,
            "{accounts}"
        );
    }
    let directories = host.run(&[
        "stat",
        "--format=%a %U:%G %n",
        "/var/lib/portreeve-ca",
        "/var/lib/portreeve-signer",
        "/var/lib/portreeve-bastion",
        "/etc/portreeve-bastion",
    ]);
    assert_eq!(
        directories.unwrap().text(),
        "750 portreeve-ca:portreeve-ca /var/lib/portreeve-ca\n\
         700 portreeve-signer:portreeve-ca /var/lib/portreeve-signer\n\
         700 portreeve-bastion:portreeve-bastion /var/lib/portreeve-bastion\n\
         700 portreeve-bastion:portreeve-bastion /etc/portreeve-bastion"
    );
    for unit in ["portreeve-ca", "portreeve-bastion", "portreeve-host"] {
        let wanted = format!("/etc/systemd/system/multi-user.target.wants/{unit}.service");
        assert!(host.exists(&wanted).unwrap(), "{unit} is not enabled");
    }
    for (unit, exposed) in UNITS {
        let unit = format!("{unit}.service");
        // There is no `man` here to look a page up with.
        let said = analyze(host, &["verify", "--man=no", &unit]);
        assert_eq!(said, "", "{unit}");
        let threshold = format!("--threshold={exposed}");
        analyze(host, &["security", "--offline=true", &threshold, &unit]);
    }
    let status = host.run(&["portreeve-host", "status"]).unwrap();
    assert_eq!(status.code(), Some(3), "{}", status.complaint());

    purge(
        host,
        &[
            "portreeve",
            "portreeve-ca",
            "portreeve-bastion",
            "portreeve-host",
        ],
    );
    assert_as_before(host, &before);
}

#[test]
fn an_upgrade_spares_the_session_and_a_purge_leaves_the_host_as_it_was() {
    let (old, new) = (
        make("old", &["--only", "portreeve-host"]),
        make(
            "new",
            &[
                "--only",
                "portreeve-host",
                "--package-version",
                "0.1.0+next",
            ],
        ),
    );
    let mut before = None;
    let mut site = Installation::with_host(&bare_root(), &mut |host| {
        before = Some(look(host));
        install(host, &old, "portreeve-host");
        Ok(())
    })
    .unwrap();
    site.sign_in("alice").unwrap();
    let session = site
        .agent()
        .start_session(&Wish::default())
        .unwrap()
        .session;

    // A program that runs through all of it, and says so all the time.
    let counting = ["sh", "-c", "while :; do echo still here; sleep 0.05; done"];
    let counts = site
        .agent()
        .exec(session, &counting)
        .spawn("count")
        .unwrap();
    let count = || counts.log().unwrap().lines().count();
    let counts_on = || {
        let so_far = count();
        until("the program to go on", PATIENCE, || {
            Ok((count() > so_far + 5).then_some(()))
        })
        .unwrap();
    };
    counts_on();

    let prod = site.lab().host(HOST).clone();
    install(&prod, &new, "portreeve-host");
    assert!(
        running_program(&site).ends_with("(deleted)"),
        "the daemon is not restarted: {}",
        running_program(&site)
    );
    // As `systemctl reload` does, where systemd runs.
    site.daemon
        .process()
        .unwrap()
        .signal(Signal::SIGHUP)
        .unwrap();
    until("the daemon to hear it", PATIENCE, || {
        let status = prod.run(&["portreeve-host", "status"])?.ok()?.text();
        Ok(status.contains("makes room").then_some(()))
    })
    .unwrap();
    counts_on();
    let hello = site
        .agent()
        .exec(session, &["echo", "hello"])
        .run()
        .unwrap();
    assert_eq!(hello.ok().unwrap().text(), "hello");

    site.agent().end(session).unwrap();
    site.daemon.wait_for_end().unwrap();
    site.daemon.start_again().unwrap();
    assert_eq!(running_program(&site), PROGRAM);
    let next = site
        .agent()
        .start_session(&Wish::default())
        .unwrap()
        .session;
    let hello = site.agent().exec(next, &["echo", "hello"]).run().unwrap();
    assert_eq!(hello.ok().unwrap().text(), "hello");
    site.agent().end(next).unwrap();

    // Who removes the program of a daemon that runs is told to stop it, and nothing is changed.
    let refused = prod.run(&["dpkg", "--purge", "portreeve-host"]).unwrap();
    assert!(!refused.success());
    assert!(
        refused.complaint().contains("stop it first"),
        "{}",
        refused.complaint()
    );
    prod.run(&["portreeve-host", "status"])
        .unwrap()
        .ok()
        .unwrap();
    site.daemon.stop().unwrap();
    purge(&prod, &["portreeve-host"]);
    assert_as_before(&prod, &before.unwrap());
}

/// What `systemd-analyze` complains about; it writes to `/run`, which is another for it.
fn analyze(host: &Host, arguments: &[&str]) -> String {
    let script = r#"mount -t tmpfs run /run; exec systemd-analyze --no-pager "$@""#;
    let analyzed = host
        .command("unshare")
        .args(["--mount", "sh", "-euc", script, "analyze"])
        .args(arguments)
        .run();
    analyzed.unwrap().ok().unwrap().complaint()
}

/// Makes packages out of the programs of this build; the folder with them.
fn make(name: &str, options: &[&str]) -> PathBuf {
    let built = programs::directory().unwrap();
    let folder = built.join("packages").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    let output = Command::new(built.join("xtask"))
        .args(["package", "--profile", "dev", "--no-build", "--output"])
        .arg(&folder)
        .args(options)
        .env("SOURCE_DATE_EPOCH", EPOCH)
        .stdin(Stdio::null())
        .output()
        .expect("run `cargo build --workspace --bins`");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    folder
}

fn bare_root() -> PathBuf {
    debian::ensure(&mut |_| {}).unwrap()
}

fn bare_lab() -> Lab {
    let topology = Topology::empty()
        .host("bare", [Network::production().at(30)])
        .made_of("bare", &bare_root());
    Lab::with(&topology).unwrap()
}

/// Installs all packages of a folder whose name begins so, or upgrades to them.
fn install(host: &Host, folder: &Path, name: &str) {
    let script = format!("dpkg --install {}/{name}*.deb", folder.display());
    host.command("sh")
        .args(["-c", &script])
        .limit(PATIENCE * 2)
        .run()
        .unwrap()
        .ok()
        .unwrap();
}

fn purge(host: &Host, names: &[&str]) {
    let purged = host.command("dpkg").arg("--purge").args(names).run();
    purged.unwrap().ok().unwrap();
}

/// What the daemon's process runs, with a note when that is no longer on disk.
fn running_program(site: &Installation) -> String {
    let link = format!("/proc/{}/exe", site.daemon.process().unwrap().pid());
    let program = fs::read_link(link).unwrap();
    program.to_str().unwrap().to_owned()
}

fn look(host: &Host) -> Snapshot {
    // The sources and what was built are the machine's, and are only shown to the host.
    let source = programs::source();
    let built = programs::directory().unwrap();
    let mut skipped: Vec<_> = KERNEL.iter().map(Path::new).collect();
    skipped.extend([source.as_path(), built.as_path()]);
    Snapshot::of(&host.file_system().unwrap(), &skipped)
}

fn assert_as_before(host: &Host, before: &Snapshot) {
    let differences = before.differences(&look(host), |path, difference| {
        let is_in = |list: &[(&str, &str)]| {
            list.iter().any(|(known, _)| match known.strip_suffix('/') {
                Some(directory) => path.starts_with(directory),
                None => path == Path::new(known),
            })
        };
        is_in(MAY_CHANGE) || (difference == Difference::Written && is_in(MAY_BE_WRITTEN))
    });
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
