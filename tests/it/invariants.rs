//! The invariants of docs/architecture.md that a machine can be asked about. Number 5 is also a matter of
//! types, 6 is shown by every trail, and 10 to 12 are unit tests of the crates.

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;
use std::time::Duration;

use nix::sys::signal::Signal;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::event::{AccessFact, ChannelRequest};
use portreeve_tests::installation::{
    AGENT, Attempt, HOST, Installation, SessionGranted, Story, Visit, Wish, open_grant,
    session_key, traces,
};
use portreeve_tests::{Host, until};
use serde_json::Value;

const PROD: &str = "198.51.100.30";
const PROD_FROM_OUTSIDE: &str = "203.0.113.30";
const PATIENCE: Duration = Duration::from_secs(15);

static SITE: LazyLock<Installation> = LazyLock::new(|| {
    let site = Installation::new().unwrap();
    site.sign_in("alice").unwrap();
    site.lab().host(HOST).add_user("standing").unwrap();
    site
});

fn site() -> Visit {
    SITE.visit()
}

/// A session whose account is on the host.
fn open(site: &Installation) -> SessionGranted {
    open_for(site, &Wish::default())
}

fn open_for(site: &Installation, wish: &Wish<'_>) -> SessionGranted {
    let granted = site.agent().start_session(wish).unwrap();
    run(site, &granted, &["true"]);
    granted
}

fn run(site: &Installation, granted: &SessionGranted, argv: &[&str]) -> String {
    let command = site.agent().exec(granted.session, argv);
    command.run().unwrap().ok().unwrap().text()
}

fn end(site: &Installation, granted: &SessionGranted) -> Story {
    site.agent().end(granted.session).unwrap();
    ended(site, granted)
}

fn ended(site: &Installation, granted: &SessionGranted) -> Story {
    until("the end of the trail", PATIENCE, || {
        let story = Story::of(&site.agent().trail(granted.session)?)?;
        Ok(story.closed().is_some().then_some(story))
    })
    .unwrap()
}

fn assert_refused(attempt: Attempt<'_>, from: &Host) {
    let output = attempt.from(from).unwrap();
    assert_eq!(
        output.code(),
        Some(255),
        "{} from {}: {output:?}",
        attempt.user,
        from.name()
    );
    assert!(
        output.complaint().contains("Permission denied"),
        "{output:?}"
    );
}

#[test]
fn number_1_no_host_accepts_what_an_agent_holds() {
    let site = site();
    let (agent, bastion, prod) = (
        site.agent(),
        site.lab().host("bastion"),
        site.lab().host(HOST),
    );
    let granted: SessionGranted = agent
        .account
        .ask(&[
            "session",
            "start",
            "--host",
            HOST,
            "--key-on-disk",
            "--ticket",
            "INC-1",
            "--purpose",
            "to try its key",
            "--bundle",
            "forensic-read-only",
        ])
        .unwrap();
    run(&site, &granted, &["true"]);
    let keys = agent
        .account
        .command("sh")
        .args([
            "-c",
            r#"find / /run /tmp -xdev -path "*$1*" -name key -user "$(id -un)" 2>/dev/null"#,
            "find",
        ])
        .arg(granted.session.to_string())
        .run()
        .unwrap()
        .text();
    let session_key = agent
        .account
        .host()
        .read_text(keys.lines().next().unwrap())
        .unwrap();
    let own_key = agent.account.host().read_text(&agent.key).unwrap();

    // From where a host can be reached at all, with all that the agent has.
    for (key, certificate) in [
        (&own_key, None),
        (&session_key, Some(granted.certificate.as_str())),
    ] {
        for user in [granted.account.as_str(), "root", "portreeve", "standing"] {
            assert_refused(
                Attempt {
                    key,
                    certificate,
                    user,
                    address: PROD,
                    port: 22,
                },
                bastion,
            );
        }
    }

    // A host whose administrator trusts the access CA by mistake refuses it too.
    let authority = ssh_key::Certificate::from_openssh(granted.certificate.trim()).unwrap();
    let authority = ssh_key::PublicKey::from(authority.signature_key().clone())
        .to_openssh()
        .unwrap();
    let config = "Port 2022\nUsePAM yes\nHostKey /etc/ssh/ssh_host_ed25519_key\nTrustedUserCAKeys /etc/ssh/mistake.pub\n";
    prod.write("/etc/ssh/mistake.pub", authority, 0o644)
        .unwrap();
    prod.write("/etc/ssh/mistake.conf", config, 0o644).unwrap();
    let gullible = prod
        .command("/usr/sbin/sshd")
        .args(["-D", "-e", "-f", "/etc/ssh/mistake.conf"]);
    let gullible = gullible.spawn("gullible-sshd").unwrap();
    prod.wait_port(2022).unwrap();
    let attempt = Attempt {
        key: &session_key,
        certificate: Some(&granted.certificate),
        user: granted.account.as_str(),
        address: PROD,
        port: 2022,
    };
    assert_refused(attempt, bastion);
    assert!(
        gullible.log().unwrap().contains("bastion@portreeve"),
        "{}",
        gullible.log().unwrap()
    );
    end(&site, &granted);
}

#[test]
fn number_2_a_session_certificate_opens_one_account_while_its_session_lasts() {
    let site = site();
    let (bastion, attacker) = (site.lab().host("bastion"), site.lab().host("attacker"));
    let (granted, other) = (open(&site), open(&site));
    let grant = open_grant(bastion, &granted).unwrap();
    let key = session_key(&grant).unwrap();
    let own = Attempt {
        key: &key,
        certificate: Some(&grant.session_certificate),
        user: granted.account.as_str(),
        address: PROD,
        port: 22,
    };
    // Without this the refusals below would say nothing.
    let opened = own.from(bastion).unwrap();
    assert_eq!(opened.text(), granted.account.as_str(), "{opened:?}");

    for user in [
        other.account.as_str(),
        "root",
        "portreeve",
        "standing",
        "pr-0123456789abcdef",
    ] {
        assert_refused(Attempt { user, ..own }, bastion);
    }
    let control = Attempt {
        certificate: Some(&grant.control_certificate),
        ..own
    };
    for user in [granted.account.as_str(), "root", "standing"] {
        assert_refused(Attempt { user, ..control }, bastion);
    }
    assert_refused(
        Attempt {
            address: PROD_FROM_OUTSIDE,
            ..own
        },
        attacker,
    );
    assert_refused(
        Attempt {
            certificate: None,
            ..own
        },
        bastion,
    );

    end(&site, &granted);
    assert_refused(own, bastion);
    end(&site, &other);
}

#[test]
fn number_3_the_bastion_has_no_standing_credential() {
    let site = site();
    let bastion = site.lab().host("bastion");
    let listing = bastion.sh("grep -rlE 'PRIVATE KEY|AGE-SECRET-KEY' /var/lib/portreeve-bastion /etc/portreeve-bastion || true");
    let listing = listing.unwrap().ok().unwrap().text();
    let mut tried = 0;
    for file in listing.lines() {
        let key = bastion.read_text(file).unwrap();
        if !key.contains("OPENSSH PRIVATE KEY") {
            continue;
        }
        tried += 1;
        for user in ["root", "portreeve", "standing", "pr-0123456789abcdef"] {
            assert_refused(
                Attempt {
                    key: &key,
                    certificate: None,
                    user,
                    address: PROD,
                    port: 22,
                },
                bastion,
            );
        }
    }
    assert!(tried >= 1, "no key was found: {listing}");
}

#[test]
fn number_4_who_holds_signing_keys_or_root_has_no_network() {
    let site = site();
    let granted = open(&site);
    let signer = pids(site.lab().host("bastion"), &["portreeve-ca", "signer"]);
    let daemon = pids(site.lab().host(HOST), &["portreeve-host", "daemon"]);
    assert!(
        !signer.is_empty() && !daemon.is_empty(),
        "{signer:?} {daemon:?}"
    );
    for pid in signer.iter().chain(&daemon) {
        assert_eq!(network_sockets(*pid), BTreeSet::new(), "of process {pid}");
    }
    // The same look finds what the server has.
    let server = pids(site.lab().host("bastion"), &["portreeve-ca", "serve"]);
    assert!(server.iter().any(|pid| !network_sockets(*pid).is_empty()));
    end(&site, &granted);
}

#[test]
fn number_5_what_is_not_permitted_does_nothing_on_a_host() {
    let site = site();
    let (agent, prod) = (site.agent(), site.lab().host(HOST));
    let granted = open(&site);
    let config = agent
        .account
        .portreeve(["ssh-config", HOST])
        .run()
        .unwrap()
        .ok()
        .unwrap()
        .text();
    agent
        .account
        .write("ssh_config", config.as_bytes())
        .unwrap();
    let forward = agent
        .account
        .command("ssh")
        .env("PORTREEVE_TICKET", "INC-4711")
        .env("PORTREEVE_PURPOSE", "to get further")
        .env("PORTREEVE_BUNDLE", "forensic-read-only")
        .args([
            "-F",
            "ssh_config",
            "-o",
            "BatchMode=yes",
            "-W",
            "127.0.0.1:22",
            HOST,
        ])
        .run()
        .unwrap();
    assert!(!forward.success());
    assert!(
        !String::from_utf8_lossy(&forward.stdout).contains("SSH-2.0"),
        "{forward:?}"
    );

    let ticket = "INC-REFUSED";
    let nothing = Wish {
        bundle: "no-such-bundle",
        ticket,
        ..Wish::default()
    };
    let nowhere = Wish {
        host: "no-such-host",
        ticket,
        ..Wish::default()
    };
    for wish in [nothing, nowhere] {
        let refused = agent.try_start_session(&wish).unwrap();
        assert_eq!(refused.code(), Some(3), "{refused:?}");
    }
    // An account's full name has the ticket.
    let made = prod
        .users()
        .unwrap()
        .into_iter()
        .find(|user| user.full_name.contains(ticket));
    assert_eq!(made, None);
    end(&site, &granted);
}

#[test]
fn number_5_a_refused_forwarding_is_in_the_trail() {
    let site = site();
    let wish = Wish {
        ticket: "INC-FORWARD",
        ..Wish::default()
    };
    let granted = open_for(&site, &wish);
    let account = &site.agent().account;
    let forward = account
        .portreeve([
            "ssh",
            HOST,
            "-o",
            "StdinNull=yes",
            "-o",
            "ExitOnForwardFailure=yes",
        ])
        .args(["-o", "RemoteForward=127.0.0.1:9999 127.0.0.1:22"])
        .args(wish.options())
        .args(["--", "true"])
        .run()
        .unwrap();
    assert!(!forward.success(), "{forward:?}");
    let story = end(&site, &granted);
    let refused = story.facts().any(|fact| {
        matches!(fact, AccessFact::ChannelDecided { decision, request: ChannelRequest::Forward { .. }, .. } if !decision.permitted)
    });
    assert!(refused, "{:?}", story.names());
}

#[test]
fn number_6_an_intent_is_recorded_before_anything_is_signed() {
    let site = Installation::new().unwrap();
    site.sign_in("alice").unwrap();
    let bastion = site.lab().host("bastion");
    let signer = bastion
        .run(&["pgrep", "-f", "^[^ ]*portreeve-ca signer"])
        .unwrap();
    let signer = signer.ok().unwrap().text();
    bastion
        .run(&["kill", "-STOP", &signer])
        .unwrap()
        .ok()
        .unwrap();
    let wish = Wish {
        ticket: "INC-UNSIGNED",
        ..Wish::default()
    };
    let failed = site.agent().try_start_session(&wish).unwrap();
    assert_eq!(failed.code(), Some(6), "{failed:?}");
    bastion
        .run(&["kill", "-CONT", &signer])
        .unwrap()
        .ok()
        .unwrap();

    let administrator = &site.person("carol").unwrap().account;
    let log = administrator.portreeve(["--json", "log", "--last", "20"]);
    let log = log.run().unwrap().ok().unwrap().text();
    let events = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_the_ticket = events.filter(|event| event["body"]["task"]["ticket"] == wish.ticket);
    let facts =
        of_the_ticket.map(|event| event["body"]["fact"]["fact"].as_str().unwrap().to_owned());
    assert_eq!(
        facts.collect::<Vec<_>>(),
        ["session_decided", "session_intended", "session_refused"]
    );
    end(&site, &open(&site));
}

#[test]
fn number_7_a_stale_feed_ends_sessions_and_lets_nobody_in() {
    let site = Installation::new().unwrap();
    site.sign_in("alice").unwrap();
    let granted = open(&site);
    let waiting = site.agent().start_session(&Wish::default()).unwrap();
    let account = site
        .lab()
        .host(HOST)
        .user(granted.account.as_str())
        .unwrap();
    let ca = site.ca.process().unwrap();
    ca.signal(Signal::SIGSTOP).unwrap();
    until("the account to go", PATIENCE, || {
        Ok(traces(site.lab().host(HOST), &account.name, account.uid)?
            .is_empty()
            .then_some(()))
    })
    .unwrap();
    let late = site.agent().exec(waiting.session, &["true"]).run().unwrap();
    assert!(!late.success(), "{late:?}");
    ca.signal(Signal::SIGCONT).unwrap();
    assert_eq!(
        ended(&site, &granted).closed(),
        Some((EndCause::FeedStale, true))
    );
}

#[test]
fn number_9_both_names_stand_in_every_event_of_an_access() {
    let site = site();
    let granted = open(&site);
    let story = end(&site, &granted);
    assert!(story.events.len() >= 10, "{:?}", story.names());
    for pair in story.pairs() {
        let pair = pair.unwrap();
        assert_eq!(pair.human.name.as_str(), "alice@example.com");
        assert_eq!(pair.agent.to_string(), AGENT);
    }
}

/// The processes of a host whose command line begins like this, the program by its file's name; by the machine's numbers.
fn pids(host: &Host, argv: &[&str]) -> Vec<u32> {
    let matches = |found: &[String]| {
        found.len() >= argv.len()
            && found
                .iter()
                .zip(argv)
                .enumerate()
                .all(|(place, (found, wanted))| {
                    let found = if place == 0 {
                        found.rsplit('/').next().unwrap()
                    } else {
                        found
                    };
                    found == *wanted
                })
    };
    let processes = host.processes().unwrap().into_iter();
    processes
        .filter(|process| matches(&process.argv))
        .map(|process| process.pid)
        .collect()
}

/// The sockets of a process that are not unix sockets, by their inode.
fn network_sockets(pid: u32) -> BTreeSet<String> {
    let mut network = BTreeSet::new();
    for table in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        let column = if table == "packet" { 8 } else { 9 };
        let inodes = text
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().nth(column));
        network.extend(inodes.map(str::to_owned));
    }
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let sockets = open.filter_map(|entry| {
        let link = fs::read_link(entry.unwrap().path()).ok()?;
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some(inode.to_owned())
    });
    sockets.filter(|inode| network.contains(inode)).collect()
}
