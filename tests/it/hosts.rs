//! The test hosts themselves: if these fail, no other machine test says anything.

use std::time::Duration;

use nix::sys::signal::Signal;
use portreeve_tests::{Host, Lab, Network, Process, Topology};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn the_agent_reaches_the_bastion_and_not_production() {
    let lab = Lab::new().unwrap();
    let (agent, bastion, prod) = (lab.host("agent"), lab.host("bastion"), lab.host("prod"));
    let _on_prod = answer_on_2222(prod);
    let _on_bastion = answer_on_2222(bastion);
    let knock = |from: &str, to: &str| {
        lab.host(from)
            .run(&["nc", "-z", "-w", "1", to, "2222"])
            .unwrap()
            .success()
    };

    assert!(knock("agent", "bastion"));
    assert!(knock("bastion", "prod"));
    assert!(!knock("agent", "198.51.100.30"), "there is a route");
    agent
        .run(&["ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.20"])
        .unwrap()
        .ok()
        .unwrap();
    prod.run(&["ip", "route", "add", "192.0.2.0/24", "via", "198.51.100.20"])
        .unwrap()
        .ok()
        .unwrap();
    assert!(!knock("agent", "198.51.100.30"), "the bastion forwards");
}

#[test]
fn a_cable_can_be_pulled_and_put_back() {
    let lab = Lab::new().unwrap();
    let ping = || {
        lab.host("bastion")
            .run(&["nc", "-z", "-w", "1", "prod", "2222"])
            .unwrap()
            .success()
    };
    let _listening = answer_on_2222(lab.host("prod"));

    assert!(ping());
    lab.cut("prod", &Network::production()).unwrap();
    assert!(!ping());
    lab.mend("prod", &Network::production()).unwrap();
    portreeve_tests::until("the network to heal", PATIENCE, || Ok(ping().then_some(()))).unwrap();
}

#[test]
fn sudo_obeys_the_rules_of_the_host() {
    let lab = Lab::with(&one_host()).unwrap();
    let prod = lab.host("prod");
    prod.add_user("ada").unwrap();
    prod.write(
        "/etc/sudoers.d/ada",
        "ada ALL=(root) NOPASSWD: /usr/bin/id -u\n",
        0o440,
    )
    .unwrap();

    let allowed = prod
        .command("sudo")
        .args(["-n", "/usr/bin/id", "-u"])
        .user("ada")
        .run()
        .unwrap();
    assert_eq!(allowed.ok().unwrap().text(), "0");
    let refused = prod
        .command("sudo")
        .args(["-n", "/bin/cat", "/etc/shadow"])
        .user("ada")
        .run()
        .unwrap();
    assert!(!refused.success());
    assert!(refused.text().is_empty());
}

#[test]
fn a_key_opens_a_login_through_sshd_and_a_wrong_one_does_not() {
    let lab = Lab::new().unwrap();
    let (bastion, prod) = (lab.host("bastion"), lab.host("prod"));
    prod.add_user("ada").unwrap();
    let sshd = prod.start_sshd().unwrap();
    for name in ["right", "wrong"] {
        let path = format!("/root/{name}");
        bastion
            .run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &path])
            .unwrap()
            .ok()
            .unwrap();
    }
    prod.write(
        "/home/ada/.ssh/authorized_keys",
        bastion.read("/root/right.pub").unwrap(),
        0o644,
    )
    .unwrap();
    bastion
        .write(
            "/root/known_hosts",
            format!("prod {}\n", sshd.host_key),
            0o644,
        )
        .unwrap();
    let login = |key: &str| {
        let options = [
            "-o",
            "BatchMode=yes",
            "-o",
            "UserKnownHostsFile=/root/known_hosts",
            "-i",
            key,
        ];
        bastion
            .command("ssh")
            .args(options)
            .args(["ada@prod", "id -un; tty; exit 7"])
            .run()
            .unwrap()
    };

    let right = login("/root/right");
    assert_eq!(
        (right.text().as_str(), right.code()),
        ("ada\nnot a tty", Some(7)),
        "{}",
        sshd.process.log().unwrap()
    );
    let wrong = login("/root/wrong");
    assert_eq!(wrong.code(), Some(255));
    assert!(
        wrong.complaint().contains("Permission denied"),
        "{}",
        wrong.complaint()
    );
}

#[test]
fn killing_a_control_group_ends_what_escaped_everything_else() {
    let lab = Lab::with(&one_host()).unwrap();
    let prod = lab.host("prod");
    let ada = prod.add_user("ada").unwrap();
    let script = r#"
        mkdir /sys/fs/cgroup/session
        echo 0 >/sys/fs/cgroup/session/cgroup.procs
        setpriv --reuid=ada --regid=ada --init-groups -- setsid sh -c 'sleep 1000 & sleep 1000 &' >/dev/null 2>&1"#;
    prod.sh(script).unwrap().ok().unwrap();

    assert_eq!(prod.processes_of(ada.uid).unwrap().len(), 2);
    prod.sh("echo 1 >/sys/fs/cgroup/session/cgroup.kill")
        .unwrap()
        .ok()
        .unwrap();
    portreeve_tests::until("the group to die", PATIENCE, || {
        Ok(prod.processes_of(ada.uid)?.is_empty().then_some(()))
    })
    .unwrap();
    prod.sh("rmdir /sys/fs/cgroup/session")
        .unwrap()
        .ok()
        .unwrap();
}

#[test]
fn after_a_power_cut_the_disk_is_as_it_was_and_everything_else_is_gone() {
    let lab = Lab::new().unwrap();
    let (bastion, prod) = (lab.host("bastion"), lab.host("prod"));
    prod.add_user("ada").unwrap();
    prod.write("/var/lib/kept", "kept", 0o644).unwrap();
    prod.sh("touch /run/gone /tmp/gone; mkdir /sys/fs/cgroup/gone")
        .unwrap()
        .ok()
        .unwrap();
    let mut sleeper = prod
        .command("sleep")
        .arg("1000")
        .user("ada")
        .spawn("sleep")
        .unwrap();
    let key = prod.start_sshd().unwrap().host_key;

    prod.power_cut().unwrap();
    assert!(
        prod.run(&["true"]).is_err(),
        "a host without power runs nothing"
    );
    sleeper.wait(PATIENCE).unwrap();
    prod.boot().unwrap();

    assert_eq!(prod.read_text("/var/lib/kept").unwrap(), "kept");
    for gone in ["/run/gone", "/tmp/gone", "/sys/fs/cgroup/gone"] {
        assert!(!prod.exists(gone).unwrap(), "{gone}");
    }
    assert!(
        prod.processes_of(prod.user("ada").unwrap().uid)
            .unwrap()
            .is_empty()
    );
    assert_eq!(prod.start_sshd().unwrap().host_key, key);
    assert!(prod.boot().is_err(), "it is on already");
    let _again = prod.start_sshd().unwrap();
    assert!(
        bastion
            .run(&["nc", "-z", "-w", "2", "prod", "22"])
            .unwrap()
            .success()
    );
}

#[test]
fn a_power_cut_says_nothing_on_the_network() {
    let lab = Lab::new().unwrap();
    let (bastion, prod) = (lab.host("bastion"), lab.host("prod"));
    let _listening = answer_on_2222(prod);
    let mut client = bastion
        .command("sh")
        .args(["-c", "sleep 1000 | nc prod 2222"])
        .spawn("client")
        .unwrap();
    let connected = "ss --no-header --tcp state established dport = :2222 | wc -l";
    let count = || bastion.sh(connected).unwrap().ok().unwrap().text();
    portreeve_tests::until("the connection", PATIENCE, || {
        Ok((count() == "1").then_some(()))
    })
    .unwrap();

    prod.power_cut().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(count(), "1", "the other side heard of it");
    assert!(client.is_running().unwrap());
}

#[test]
fn a_program_is_killed_alone_and_its_log_stays_readable() {
    let lab = Lab::with(&one_host()).unwrap();
    let prod = lab.host("prod");
    let ada = prod.add_user("ada").unwrap();
    let script = "echo first; echo second >&2; sleep 1000 & wait";
    let mut process = prod
        .command("sh")
        .args(["-c", script])
        .user("ada")
        .spawn("program")
        .unwrap();
    process.wait_for_log("second", PATIENCE).unwrap();
    assert_eq!(process.log().unwrap(), "first\nsecond\n");
    assert_eq!(prod.processes_of(ada.uid).unwrap().len(), 2);

    process.kill().unwrap();
    let left = prod.processes_of(ada.uid).unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].argv, ["sleep", "1000"]);
}

#[test]
fn a_program_that_ends_by_itself_hands_over_its_status() {
    let lab = Lab::with(&one_host()).unwrap();
    let prod = lab.host("prod");
    let mut process = prod
        .command("sh")
        .args(["-c", "sleep 0.2; exit 3"])
        .spawn("program")
        .unwrap();
    assert_eq!(process.wait(PATIENCE).unwrap().code(), Some(3));
    let stopped = prod.command("sh").args([
        "-c",
        "trap 'exit 4' TERM; echo up; while :; do sleep 0.1; done",
    ]);
    let mut stopped = stopped.spawn("trap").unwrap();
    stopped.wait_for_log("up", PATIENCE).unwrap();
    stopped.signal(Signal::SIGCONT).unwrap();
    assert_eq!(stopped.stop(PATIENCE).unwrap().code(), Some(4));
}

#[test]
fn a_command_that_hangs_is_ended() {
    let lab = Lab::with(&one_host()).unwrap();
    let hanging = lab
        .host("prod")
        .command("sleep")
        .arg("1000")
        .limit(Duration::from_millis(200))
        .run();
    assert!(
        hanging
            .unwrap_err()
            .to_string()
            .contains("did not end within 0.2 s")
    );
}

#[test]
fn nothing_of_this_process_leaks_into_a_command() {
    let lab = Lab::with(&one_host()).unwrap();
    let prod = lab.host("prod");
    prod.add_user("ada").unwrap();
    let mut variables: Vec<String> = prod
        .command("env")
        .user("ada")
        .env("ASKED", "for")
        .run()
        .unwrap()
        .ok()
        .unwrap()
        .text()
        .lines()
        .map(str::to_owned)
        .collect();
    variables.sort();
    let expected = [
        "ASKED=for",
        "HOME=/home/ada",
        "LANG=C.UTF-8",
        "LOGNAME=ada",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SHELL=/bin/bash",
        "USER=ada",
    ];
    assert_eq!(variables, expected);
}

#[test]
fn a_host_cannot_change_the_machine() {
    let lab = Lab::with(&one_host()).unwrap();
    let prod = lab.host("prod");
    let before = nix::unistd::gethostname().unwrap();
    prod.run(&["hostname", "renamed"]).unwrap().ok().unwrap();
    assert_eq!(nix::unistd::gethostname().unwrap(), before);
    let source = portreeve_tests::programs::source().join("Cargo.toml");
    let write = prod.run(&["touch", source.to_str().unwrap()]).unwrap();
    assert!(
        write.complaint().contains("Read-only"),
        "{}",
        write.complaint()
    );
    assert!(!prod.sh("echo 1 >/proc/sys/kernel/panic").unwrap().success());
    prod.write("/usr/bin/made-on-prod", "x", 0o755).unwrap();
    assert!(!std::path::Path::new("/usr/bin/made-on-prod").exists());
}

/// Something that takes one TCP connection after the other.
pub(crate) fn answer_on_2222(host: &Host) -> Process {
    let process = host
        .command("socat")
        .args(["TCP-LISTEN:2222,fork,reuseaddr", "EXEC:cat"])
        .spawn("socat")
        .unwrap();
    host.wait_port(2222).unwrap();
    process
}

fn one_host() -> Topology {
    Topology::empty().host("prod", [])
}
