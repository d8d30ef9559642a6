//! What is recorded is what passed, byte for byte; what cannot be recorded does not pass.

mod disk;
mod evidence;
mod random;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use portreeve_tests::installation::{HOST, Installation, SessionGranted, Story, Visit, Wish};
use portreeve_tests::until;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(15);

static SITE: LazyLock<Installation> = LazyLock::new(signed_in);

fn signed_in() -> Installation {
    let site = Installation::new().unwrap();
    site.sign_in("alice").unwrap();
    site
}

fn site() -> Visit {
    SITE.visit()
}

#[test]
fn a_command_is_recorded_with_input_output_and_error_output() {
    let site = site();
    let granted = site.agent().start_session(&Wish::default()).unwrap();
    let given = every_byte(100_000);
    let said = site
        .agent()
        .account
        .portreeve(["exec", "--session", &granted.session.to_string()])
        .args(["-c", r"cat; printf 'no\0\377' >&2; exit 7"])
        .input(&given)
        .run()
        .unwrap();
    assert_eq!(said.code(), Some(7), "{}", said.complaint());
    assert!(said.stdout == given && said.stderr == b"no\0\xff");

    let channel = only_channel(&site, &granted);
    assert_eq!(channel.command, r"cat; printf 'no\0\377' >&2; exit 7");
    assert!(channel.input == given && channel.output == given && channel.error == b"no\0\xff");
    assert_eq!(channel.status, Some(7));
}

#[test]
fn a_shell_with_a_terminal_is_recorded_as_it_was_seen() {
    let site = site();
    let wish = Wish {
        ticket: "INC-SHELL",
        ..Wish::default()
    };
    let granted = site.agent().start_session(&wish).unwrap();
    let typed = "echo it is $((6 * 7)); tty\nexit 5\n";
    let said = site
        .agent()
        .account
        .portreeve([
            "ssh",
            HOST,
            "-o",
            "RequestTTY=force",
            "-o",
            "LogLevel=ERROR",
        ])
        .args(wish.options())
        .input(typed.as_bytes())
        .run()
        .unwrap();
    assert_eq!(said.code(), Some(5), "{said:?}");
    assert!(
        said.text().contains("it is 42") && said.text().contains("/dev/pts/"),
        "{said:?}"
    );

    let channel = only_channel(&site, &granted);
    assert_eq!(channel.program, "shell");
    assert!(
        channel.output == said.stdout,
        "{:?}",
        String::from_utf8_lossy(&channel.output)
    );
    assert_eq!(channel.input, typed.as_bytes());
}

#[test]
fn files_that_are_copied_pass_through_the_recording() {
    let site = site();
    let wish = Wish {
        ticket: "INC-COPY",
        ..Wish::default()
    };
    let granted = site.agent().start_session(&wish).unwrap();
    let account = &site.agent().account;
    let config = account
        .portreeve(["ssh-config", HOST])
        .run()
        .unwrap()
        .ok()
        .unwrap();
    account.write("copy.conf", &config.stdout).unwrap();
    account.write("there", &every_byte(20_000)).unwrap();
    let copy = |from: &str, to: &str| {
        let command = account.command("scp").args(["-F", "copy.conf", from, to]);
        let variables = [
            ("PORTREEVE_TICKET", wish.ticket),
            ("PORTREEVE_PURPOSE", portreeve_tests::installation::PURPOSE),
            ("PORTREEVE_BUNDLE", wish.bundle),
        ];
        let command = variables
            .iter()
            .fold(command, |command, (name, value)| command.env(name, value));
        command.run().unwrap().ok().unwrap();
    };
    copy("there", "prod:file");
    copy("prod:file", "back");
    let back = account
        .host()
        .read(&format!("{}/back", account.home()))
        .unwrap();
    assert!(back == every_byte(20_000));

    let channels = end_and_read(&site, &granted);
    let has_it = |bytes: &[u8]| contains(bytes, &every_byte(20_000));
    assert!(
        channels.iter().all(|channel| channel.program == "sftp"),
        "{channels:?}"
    );
    assert!(channels.iter().any(|channel| has_it(&channel.input)));
    assert!(channels.iter().any(|channel| has_it(&channel.output)));
}

#[test]
fn what_a_host_prints_does_not_drive_the_reviewers_terminal() {
    let site = site();
    let granted = site.agent().start_session(&Wish::default()).unwrap();
    let command = ["printf", r"\033]0;owned\007\033[2J\302\2331m\rgone\n"];
    site.agent()
        .exec(granted.session, &command)
        .run()
        .unwrap()
        .ok()
        .unwrap();
    wait_for_the_end(&site, &granted);
    let reviewer = site.lab().host("bastion");
    let ways: [&[&str]; 3] = [
        &["replay", "--no-wait"],
        &["replay", "--commands"],
        &["export", "--format", "transcript"],
    ];
    for way in ways {
        let shown = reviewer
            .command("portreeve")
            .args(way)
            .args([
                "--identity",
                &site.evidence.review_key,
                &site.evidence.recording(&granted),
            ])
            .run()
            .unwrap()
            .ok()
            .unwrap();
        let driving = shown
            .stdout
            .iter()
            .any(|byte| *byte < b' ' && !b"\n\t".contains(byte));
        assert!(
            !driving && !contains(&shown.stdout, b"\xc2\x9b"),
            "{way:?}: {:?}",
            shown.text()
        );
        assert!(shown.text().contains("owned"), "{way:?}: {}", shown.text());
    }
}

#[test]
fn a_bastion_that_is_killed_leaves_a_recording_that_says_where_it_was_cut() {
    let mut site = signed_in();
    let granted = site.agent().start_session(&Wish::default()).unwrap();
    let command = ["sh", "-c", "echo before the cut; exec sleep 3600"];
    let _running = site
        .agent()
        .exec(granted.session, &command)
        .spawn("cut")
        .unwrap();
    let recording = site.evidence.recording(&granted);
    let bastion = site.lab().host("bastion").clone();
    until("a segment on disk", PATIENCE, || {
        let entries = bastion.run(&["tar", "-tf", &recording])?.text();
        Ok(entries.contains("segments/000000.age").then_some(()))
    })
    .unwrap();
    site.bastion.kill().unwrap();
    site.bastion.start_again().unwrap();

    wait_for(&site, &granted, |story| {
        story.names().iter().any(|name| name == "recording_sealed")
    });
    let verified = site
        .evidence
        .verify(&bastion, &[&recording])
        .unwrap()
        .ok()
        .unwrap();
    let says = "what came after the last segment is lost";
    assert!(verified.text().contains(says), "{}", verified.text());
    let channels = read(&site, &granted);
    assert!(
        channels
            .iter()
            .any(|channel| channel.output == b"before the cut\n"),
        "{channels:?}"
    );
}

/// What a recording has of one channel.
#[derive(Debug, Default)]
struct Channel {
    program: String,
    command: String,
    input: Vec<u8>,
    output: Vec<u8>,
    error: Vec<u8>,
    status: Option<u64>,
    /// What was done to files, but for questions.
    files: Vec<String>,
}

fn only_channel(site: &Installation, granted: &SessionGranted) -> Channel {
    let mut channels = end_and_read(site, granted);
    assert_eq!(channels.len(), 1, "{channels:?}");
    channels.remove(0)
}

fn end_and_read(site: &Installation, granted: &SessionGranted) -> Vec<Channel> {
    wait_for_the_end(site, granted);
    read(site, granted)
}

/// The channels of a recording, as `portreeve export` gives them.
fn read(site: &Installation, granted: &SessionGranted) -> Vec<Channel> {
    let exported = exported(site, granted);
    let mut channels: BTreeMap<u64, Channel> = BTreeMap::new();
    for line in exported.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let number = event["channel"].as_u64().unwrap();
        if number == 0 {
            continue;
        }
        let channel = channels.entry(number).or_default();
        match event["type"].as_str().unwrap() {
            "started" => {
                channel.program = event["program"].as_str().unwrap().to_owned();
                channel.command = event["command"]["text"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
            }
            "input" => channel.input.extend(bytes(&event)),
            "output" => channel.output.extend(bytes(&event)),
            "error_output" => channel.error.extend(bytes(&event)),
            "exit_status" => channel.status = event["status"].as_u64(),
            "file" => channel.files.extend(file(&event)),
            _ => {}
        }
    }
    channels.into_values().collect()
}

/// A recording as `portreeve export` gives it, all of it.
fn exported(site: &Installation, granted: &SessionGranted) -> String {
    site.lab()
        .host("bastion")
        .command("portreeve")
        .args([
            "export",
            "--format",
            "jsonl",
            "--with-input",
            "--unredacted",
            "--identity",
            &site.evidence.review_key,
        ])
        .arg(site.evidence.recording(granted))
        .run()
        .unwrap()
        .ok()
        .unwrap()
        .text()
}

/// Operation, paths, size and digest; nothing for what only asks.
fn file(event: &Value) -> Option<String> {
    let operation = event["operation"].as_str().unwrap();
    let is_question = ["stat", "lstat", "realpath", "limits", "statvfs", "names"];
    if is_question.contains(&operation) {
        return None;
    }
    assert_eq!(event["result"], 0, "{event}");
    let mut words = vec![operation.to_owned()];
    for path in ["path", "other"] {
        words.extend(event[path]["text"].as_str().map(str::to_owned));
    }
    let content = &event["content"];
    if content.is_object() {
        let size = content["read"].as_u64().unwrap() + content["written"].as_u64().unwrap();
        words.push(size.to_string());
        words.push(content["digest"].as_str().unwrap_or("no digest").to_owned());
        assert!(content["remark"].is_null(), "{event}");
    }
    Some(words.join(" "))
}

fn bytes(event: &Value) -> Vec<u8> {
    match event["text"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => Base64::decode_vec(event["base64"].as_str().unwrap()).unwrap(),
    }
}

fn wait_for_the_end(site: &Installation, granted: &SessionGranted) {
    site.agent().end(granted.session).unwrap();
    wait_for(site, granted, |story| story.closed().is_some());
}

fn wait_for(
    site: &Installation,
    granted: &SessionGranted,
    is_so: impl Fn(&Story) -> bool,
) -> Story {
    let read = || Story::of(&site.agent().trail(granted.session)?);
    let story = until("the trail", PATIENCE, || {
        let story = read()?;
        Ok(is_so(&story).then_some(story))
    });
    story.unwrap_or_else(|error| panic!("{error}: {:?}", read().unwrap().names()))
}

/// Bytes in which every value occurs, in an order that does not repeat soon.
fn every_byte(length: usize) -> Vec<u8> {
    (0..length)
        .map(|place| (place * place / 7 + place) as u8)
        .collect()
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}
