//! A good header with one thing changed: what each rule of the grammar refuses.

use super::*;

/// The four lines of a good header, changed, before a good payload.
fn opened_after(change: fn(&mut Vec<String>)) -> OpenError {
    let sealed = sealed_to(&identity(1), b"hello");
    let end = sealed
        .windows(5)
        .position(|bytes| bytes == b"\n--- ")
        .unwrap()
        + 49;
    let (header, payload) = sealed.split_at(end);
    let text = std::str::from_utf8(header).unwrap();
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    change(&mut lines);
    let altered = [lines.concat().as_bytes(), payload].concat();
    open(&[identity(1)], &altered, 64).unwrap_err()
}

#[track_caller]
fn check(expected: OpenError, cases: &[fn(&mut Vec<String>)]) {
    for (number, change) in cases.iter().enumerate() {
        assert_eq!(opened_after(*change), expected, "case {number}");
    }
}

/// Base64 of zero bits.
fn zeroes(characters: usize) -> String {
    "A".repeat(characters)
}

#[test]
fn only_the_first_version_is_read() {
    check(
        OpenError::Version,
        &[
            |l| l[0] = "age-encryption.org/v2\n".into(),
            |l| l[0] = "age-encryption.org/v1\r\n".into(),
            |l| l[0] = "age-encryption.org/v1 \n".into(),
        ],
    );
    check(
        OpenError::NotAge,
        &[|l| l[0] = "hello\n".into(), |l| l.clear()],
    );
}

#[test]
fn a_header_has_stanzas_and_an_end() {
    check(
        OpenError::Header("it has no stanza"),
        &[|l| drop(l.drain(1..3))],
    );
    check(
        OpenError::Header("a line is neither a stanza nor the end"),
        &[
            |l| l.truncate(3),
            |l| l[1] = l[1].replace("-> ", "->"),
            |l| l[3] = l[3].replace("--- ", "---"),
        ],
    );
    check(
        OpenError::HeaderTooLarge,
        &[|l| l.insert(1, format!("-> {}", "x".repeat(MAX_HEADER_BYTES)))],
    );
}

#[test]
fn arguments_are_printable_and_one_space_apart() {
    check(
        OpenError::Header("a stanza argument is empty or not printable"),
        &[
            |l| l[1] = l[1].replace("X25519 ", "X25519  "),
            |l| l[1] = l[1].replace('\n', " \n"),
            |l| l[1] = l[1].replace('\n', "\r\n"),
            |l| l[1] = l[1].replace("X25519", "X25519\u{e9}"),
            |l| l[1] = "-> \n".into(),
        ],
    );
    check(
        OpenError::Header("an `X25519` stanza does not have two arguments"),
        &[
            |l| l[1] = "-> X25519\n".into(),
            |l| l[1] = l[1].replace('\n', " x\n"),
        ],
    );
}

#[test]
fn a_share_is_32_bytes_of_canonical_base64_and_not_weak() {
    check(
        OpenError::Header("an `X25519` share is not 32 bytes of canonical base64"),
        &[
            |l| l[1] = l[1].replace('\n', "=\n"),
            |l| l[1] = format!("-> X25519 {}\n", zeroes(42)),
            |l| l[1] = format!("-> X25519 {}\n", zeroes(44)),
            |l| l[1] = format!("-> X25519 {}B\n", zeroes(42)),
        ],
    );
    check(
        OpenError::WeakShare,
        &[|l| l[1] = format!("-> X25519 {}\n", zeroes(43))],
    );
}

#[test]
fn a_body_is_canonical_base64_in_lines_of_64_columns() {
    check(
        OpenError::Header("a stanza body is not canonical base64 in lines of 64 columns"),
        &[
            |l| l[2] = format!("{}B\n", zeroes(42)),
            |l| l[2] = format!("{}\n", zeroes(65)),
            |l| l[2] = format!("{}\n", zeroes(64)),
            |l| l[2] = l[2].replace('\n', "=\n"),
            |l| drop(l.remove(2)),
            |l| l.insert(1, "-> x\n!\n".into()),
        ],
    );
    check(
        OpenError::Header("an `X25519` body is not 32 bytes"),
        &[
            |l| l[2] = format!("{}\n", zeroes(44)),
            |l| l[2] = "\n".into(),
            |l| l[2] = format!("{}\n\n", zeroes(64)),
        ],
    );
}

#[test]
fn a_passphrase_stanza_stands_alone() {
    check(
        OpenError::Header("a `scrypt` stanza is not alone"),
        &[|l| l.insert(1, "-> scrypt AAAAAAAAAAAAAAAAAAAAAA 10\n\n".into())],
    );
}

#[test]
fn the_mac_is_over_the_whole_header_and_in_one_form() {
    check(
        OpenError::Header("the MAC is not 32 bytes of canonical base64"),
        &[
            |l| l[3] = l[3].replace("--- ", "---  "),
            |l| l[3] = l[3].replace('\n', " \n"),
            |l| l[3] = format!("--- {}\n", zeroes(42)),
            |l| l[3] = format!("--- {}B\n", zeroes(42)),
        ],
    );
    check(
        OpenError::HeaderAltered,
        &[
            |l| l[3] = format!("--- {}\n", zeroes(43)),
            |l| l.insert(1, "-> x\n\n".into()),
        ],
    );
}
