//! The scenario that must always work, on real parts: from the analyst's sign-in to the removed account.
//!
//! One story on one installation, a function for each chapter.

use std::time::Duration;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::session::{SessionGranted, SessionState};
use portreeve_tests::installation::{
    AGENT, Asked, HOST, Installation, ReverseShell, Story, Wish, traces,
};
use portreeve_tests::{Lab, Network, until};

const PATIENCE: Duration = Duration::from_secs(10);
/// A refusal that took longer than this was a password prompt that gave up.
const AT_ONCE: Duration = Duration::from_secs(5);

/// The exit code of `portreeve` for credentials that are not believed.
const NOT_AUTHENTICATED: i32 = 4;

#[test]
fn an_agent_finds_a_reverse_shell_and_leaves_nothing_behind() {
    let site = Installation::new().unwrap();
    let prod = site.lab().host(HOST);
    let planted = ReverseShell::plant(prod, site.lab().host("attacker")).unwrap();

    the_agent_has_no_way_to_production(&site);
    the_analyst_signs_in_and_the_agent_exchanges(&site);
    let granted = site.agent().start_session(&Wish::default()).unwrap();
    what_the_agent_holds_opens_only_the_bastion(&granted);

    let seen = the_first_command_shows_the_reverse_shell(&site, &granted, &planted);
    sudo_refuses_what_is_outside_the_bundle(&site, &granted, &planted);
    let account = prod.user(granted.account.as_str()).unwrap();
    assert!(
        account.full_name.contains("alice@example.com") && account.full_name.contains(AGENT),
        "{account:?}"
    );

    let story = the_session_ends_with_a_receipt(&site, &granted);
    assert_eq!(
        traces(prod, granted.account.as_str(), account.uid).unwrap(),
        Vec::<String>::new()
    );
    both_names_stand_in_every_event(&story);
    the_host_reported_what_sudo_was_asked(&story, &planted);
    the_host_saw_what_ran(&story);
    the_replay_shows_what_the_agent_saw(&site, &granted, &seen);
    the_evidence_verifies_offline(&site, &granted);
}

#[test]
fn the_planted_reverse_shell_shows_nc_as_root() {
    let lab = Lab::with(&Installation::topology()).unwrap();
    let prod = lab.host(HOST);
    let planted = ReverseShell::plant(prod, lab.host("attacker")).unwrap();
    let sockets = prod.run(&["ss", "-tnp"]).unwrap().ok().unwrap().text();
    assert!(shows(&sockets, &planted), "{sockets}");
}

fn the_agent_has_no_way_to_production(site: &Installation) {
    let address = site
        .lab()
        .host(HOST)
        .address(&Network::production())
        .unwrap()
        .to_string();
    let knock = |from: &str| {
        let command = site
            .lab()
            .host(from)
            .run(&["nc", "-z", "-w", "1", &address, "22"]);
        command.unwrap().success()
    };
    assert!(knock("bastion"));
    assert!(!knock("agent"));
}

fn the_analyst_signs_in_and_the_agent_exchanges(site: &Installation) {
    let alice = site.person("alice").unwrap();
    alice.login().unwrap();
    let id_token = alice.login_for_agent().unwrap();
    let human = id_token.claims().unwrap();
    let methods = human["amr"].as_array().unwrap();
    assert!(methods.iter().any(|method| method == "otp"), "{human}");

    site.agent().receive(&id_token).unwrap();
    let delegated = site.agent().exchange().unwrap().claims().unwrap();
    let human = format!(
        "{}#{}",
        human["iss"].as_str().unwrap(),
        human["sub"].as_str().unwrap()
    );
    assert_eq!(delegated["sub"], human);
    assert_eq!(delegated["act"]["sub"], AGENT);
    assert_eq!(delegated["client_id"], AGENT);
    what_the_agent_was_handed_is_not_the_analyst(site);
}

fn what_the_agent_was_handed_is_not_the_analyst(site: &Installation) {
    let as_alice = site.agent().posing_as_human(["agent", "list"]).run();
    let as_alice = as_alice.unwrap();
    assert_eq!(as_alice.code(), Some(NOT_AUTHENTICATED), "{as_alice:?}");
}

fn what_the_agent_holds_opens_only_the_bastion(granted: &SessionGranted) {
    assert_eq!(granted.account, granted.session.account());
    assert_eq!(granted.bastions.len(), 1);
    assert!(granted.expires_at > granted.connect_by);
}

fn the_first_command_shows_the_reverse_shell(
    site: &Installation,
    granted: &SessionGranted,
    planted: &ReverseShell,
) -> Vec<u8> {
    let wish = Wish::default();
    let by_ssh = site.agent().ssh(&wish, &["sudo", "ss", "-tnp"]).run();
    let by_ssh = by_ssh.unwrap().ok().unwrap();
    assert!(shows(&by_ssh.text(), planted), "{}", by_ssh.text());

    let by_exec = site
        .agent()
        .exec(granted.session, &["sudo", "ss", "-tnp"])
        .run();
    let by_exec = by_exec.unwrap().ok().unwrap();
    assert!(shows(&by_exec.text(), planted), "{}", by_exec.text());
    by_exec.stdout
}

fn sudo_refuses_what_is_outside_the_bundle(
    site: &Installation,
    granted: &SessionGranted,
    planted: &ReverseShell,
) {
    let maps = format!("/proc/{}/maps", planted.nc);
    for file in ["/etc/shadow", &maps] {
        let command = site.agent().exec(granted.session, &["sudo", "cat", file]);
        let refused = command.limit(AT_ONCE).run().unwrap();
        assert_eq!(refused.code(), Some(1), "{refused:?}");
        assert!(
            refused.complaint().contains("is not allowed to execute"),
            "{refused:?}"
        );
        assert_eq!(refused.stdout, b"", "{file}");
    }
}

fn the_session_ends_with_a_receipt(site: &Installation, granted: &SessionGranted) -> Story {
    site.agent().end(granted.session).unwrap();
    until("the host's receipt", PATIENCE, || {
        let state = site.agent().show(granted.session)?.state;
        Ok((state == SessionState::Ended).then_some(()))
    })
    .unwrap();
    let story = until("the end of the trail", PATIENCE, || {
        let story = Story::of(&site.agent().trail(granted.session)?)?;
        Ok(story.closed().is_some().then_some(story))
    })
    .unwrap();

    let (cause, confirmed) = story.closed().unwrap();
    assert_eq!(cause, EndCause::Asked);
    assert!(confirmed);
    let receipt = story.receipt().unwrap();
    assert_eq!(receipt.account, granted.account);
    assert_eq!(receipt.left, Vec::<String>::new());
    story
}

fn both_names_stand_in_every_event(story: &Story) {
    for (event, pair) in story.events.iter().zip(story.pairs()) {
        let pair = pair.unwrap_or_else(|| panic!("no pair in {event:?}"));
        assert_eq!(pair.human.name.as_str(), "alice@example.com");
        assert_eq!(pair.agent.to_string(), AGENT);
    }
    let names = story.names();
    let order = [
        "session_decided",
        "session_intended",
        "session_issued",
        "session_claimed",
        "host_ready",
        "channel_decided",
        "channel_closed",
        "session_ending",
        "host_gone",
        "recording_sealed",
        "session_closed",
    ];
    let mut rest = names.iter();
    for wanted in order {
        assert!(
            rest.any(|name| name == wanted),
            "`{wanted}` is not there, or too early: {names:?}"
        );
    }
}

fn the_host_reported_what_sudo_was_asked(story: &Story, planted: &ReverseShell) {
    let asked = |allowed: bool, last: &str| Asked {
        allowed,
        argv: if allowed {
            vec!["/usr/bin/ss".to_owned(), last.to_owned()]
        } else {
            vec!["/usr/bin/cat".to_owned(), last.to_owned()]
        },
    };
    let maps = format!("/proc/{}/maps", planted.nc);
    assert_eq!(
        short(story.sudo().unwrap()),
        short(vec![
            asked(true, "-tnp"),
            asked(true, "-tnp"),
            asked(false, "/etc/shadow"),
            asked(false, &maps),
        ])
    );
    assert_eq!(story.receipt().unwrap().sudo_commands, 2);
}

fn the_host_saw_what_ran(story: &Story) {
    let ran = story.ran().unwrap();
    let as_root = |program: &str| {
        ran.iter()
            .filter(|(argv, uid)| *uid == 0 && argv[0].rsplit('/').next() == Some(program))
            .count()
    };
    // What was allowed ran, and what was refused did not.
    assert_eq!((as_root("ss"), as_root("cat")), (2, 0), "{ran:?}");
    assert_eq!(as_root("sudo"), 4, "{ran:?}");
}

/// sudo logs the program's name as it was asked for or as it resolved it, by version.
fn short(asked: Vec<Asked>) -> Vec<Asked> {
    let by_name = asked.into_iter().map(|mut asked| {
        let name = asked.argv[0].rsplit('/').next().unwrap().to_owned();
        asked.argv[0] = name;
        asked
    });
    by_name.collect()
}

fn the_replay_shows_what_the_agent_saw(site: &Installation, granted: &SessionGranted, seen: &[u8]) {
    let recording = site.evidence.recording(granted);
    let bastion = site.lab().host("bastion");
    let review = |args: &[&str]| {
        let command = bastion.command("portreeve").args(args).arg(&recording);
        let command = command.args(["--identity", &site.evidence.review_key]);
        command.run().unwrap().ok().unwrap()
    };
    let commands = review(&["replay", "--commands"]).text();
    for command in ["sudo ss -tnp", "sudo cat /etc/shadow"] {
        assert!(commands.contains(command), "{commands}");
    }
    let raw = review(&["replay", "--no-wait", "--dangerously-raw"]).stdout;
    assert!(
        raw.windows(seen.len()).any(|window| window == seen),
        "{}",
        String::from_utf8_lossy(&raw)
    );
}

fn the_evidence_verifies_offline(site: &Installation, granted: &SessionGranted) {
    let reviewer = site.lab().host("bastion");
    let trail = site.agent().trail_text(granted.session).unwrap();
    let altered = trail.replacen("alice@example.com", "mallory@example.com", 1);
    assert_ne!(trail, altered);
    reviewer.write("/tmp/trail.json", trail, 0o644).unwrap();
    reviewer.write("/tmp/altered.json", altered, 0o644).unwrap();

    let recording = site.evidence.recording(granted);
    let verify = |files: &[&str]| site.evidence.verify(reviewer, files).unwrap();
    verify(&["/tmp/trail.json", &recording]).ok().unwrap();
    assert_eq!(verify(&["/tmp/altered.json"]).code(), Some(7));
}

fn shows(sockets: &str, planted: &ReverseShell) -> bool {
    let nc = format!("(\"nc\",pid={}", planted.nc);
    sockets
        .lines()
        .any(|line| line.contains(&planted.calls) && line.contains(&nc))
}
