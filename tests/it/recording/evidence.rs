//! Recordings in other hands: files of evidence, and a reader that is not ours.

use portreeve_tests::installation::Wish;
use portreeve_tests::programs;
use serde_json::Value;

use super::{bytes, every_byte, exported, site, wait_for_the_end};

#[test]
fn evidence_of_a_session_verifies_for_whoever_has_nothing_but_keys() {
    let site = site();
    let granted = site.agent().start_session(&Wish::default()).unwrap();
    let command = [
        "sh",
        "-c",
        "cat; sudo cat /etc/shadow; echo done >&2; exit 3",
    ];
    let said = site
        .agent()
        .exec(granted.session, &command)
        .input(&every_byte(3000))
        .run()
        .unwrap();
    assert_eq!(said.code(), Some(3), "{}", said.complaint());
    wait_for_the_end(&site, &granted);

    let (bastion, account) = (site.lab().host("bastion"), &site.agent().account);
    let recording = bastion.read(&site.evidence.recording(&granted)).unwrap();
    account.write("recording.tar", &recording).unwrap();
    let session = granted.session.to_string();
    let made = [
        "evidence",
        &session,
        "--recording",
        "recording.tar",
        "--output",
        "evidence.tar",
    ];
    account.portreeve(made).run().unwrap().ok().unwrap();
    let evidence = format!("{}/evidence.tar", account.home());
    let evidence = account.host().read(&evidence).unwrap();

    let mut altered = evidence.clone();
    let last = altered.len() - 100_000.min(altered.len() / 2);
    altered[last] ^= 1;
    bastion.write("/tmp/evidence.tar", evidence, 0o600).unwrap();
    bastion.write("/tmp/altered.tar", altered, 0o600).unwrap();
    let verified = site
        .evidence
        .verify(bastion, &["/tmp/evidence.tar"])
        .unwrap();
    let verified = verified.ok().unwrap().text();
    for wanted in [
        "/tmp/evidence.tar: evidence holds",
        "your key:   the log's key",
        "each of the 1 programs in the recording was permitted",
        "what passed on each channel, and how it ended, is what the trail counts",
        "of the host's events are in recording and trail alike",
        "the trail tells why the session ended",
    ] {
        assert!(verified.contains(wanted), "{wanted}: {verified}");
    }
    let refused = site
        .evidence
        .verify(bastion, &["/tmp/altered.tar"])
        .unwrap();
    assert_eq!(refused.code(), Some(7), "{}", refused.text());
}

#[test]
fn a_reader_that_shares_no_code_sees_what_the_export_shows() {
    let site = site();
    let granted = site.agent().start_session(&Wish::default()).unwrap();
    let command = ["sh", "-c", "cat; printf \"it's\\ttwo\\n\" >&2; exit 4"];
    site.agent()
        .exec(granted.session, &command)
        .input(&every_byte(5000))
        .run()
        .unwrap();
    wait_for_the_end(&site, &granted);
    let bastion = site.lab().host("bastion");
    let folder = tempfile::tempdir().unwrap();
    let local = |name: &str, from: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, bastion.read(from).unwrap()).unwrap();
        path
    };
    let read = std::process::Command::new("python3")
        .arg(programs::source().join("tests/vectors/recording/read.py"))
        .arg(local("recording.tar", &site.evidence.recording(&granted)))
        .arg(local("key", &site.evidence.review_key))
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{complaint}");
    let read = String::from_utf8(read.stdout).unwrap();
    let exported: Vec<Value> = exported(&site, &granted)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(read.lines().count(), exported.len(), "{read}");
    for (line, event) in read.lines().zip(&exported) {
        let kind = event["type"].as_str().unwrap();
        let start = format!(
            "{} {} {} [",
            event["at_us"],
            event["channel"],
            kind.replace('_', " ")
        );
        assert!(line.starts_with(&start), "{line}: {event}");
        let fields = match kind {
            "input" | "output" | "error_output" => python(&bytes(event)),
            "exit_status" => event["status"].to_string(),
            _ => continue,
        };
        assert_eq!(line, format!("{start}{fields}]"));
    }
}

/// Bytes as Python shows them.
fn python(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    let mut text = format!("b{quote}");
    for byte in bytes {
        match *byte {
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\\' => text.push_str("\\\\"),
            byte if char::from(byte) == quote => text.push_str(&format!("\\{quote}")),
            b' '..=b'~' => text.push(char::from(*byte)),
            byte => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push(quote);
    text
}
