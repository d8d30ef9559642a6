//! Against Debian's `age` in both directions, and against every way a file can be wrong.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;

mod grammar;

const CHUNK: usize = 64 * 1024;

/// A generator for tests: different bytes at each call, the same in each run.
fn counting() -> impl FnMut(&mut [u8]) {
    let mut next = 0u8;
    move |bytes| {
        for byte in bytes {
            next = next.wrapping_mul(141).wrapping_add(71);
            *byte = next;
        }
    }
}

fn identity(seed: u8) -> Identity {
    Identity::from_secret_bytes(&[seed; 32])
}

fn sealed_to(identity: &Identity, plaintext: &[u8]) -> Vec<u8> {
    seal(&[identity.recipient()], plaintext, &mut counting()).unwrap()
}

fn plaintext(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("cannot run `{program}`, which Debian's package `age` has: {error}")
        });
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "`{program}` failed");
    output.stdout
}

#[test]
fn what_is_sealed_opens_at_every_chunk_border() {
    let (one, two) = (identity(1), identity(2));
    for len in [
        0,
        1,
        15,
        16,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        2 * CHUNK,
        2 * CHUNK + 7,
    ] {
        let plaintext = plaintext(len);
        let sealed = seal(
            &[one.recipient(), two.recipient()],
            &plaintext,
            &mut counting(),
        )
        .unwrap();
        for identity in [&one, &two] {
            let opened = open(std::slice::from_ref(identity), &sealed, len).unwrap();
            assert_eq!(*opened, plaintext, "{len} bytes");
        }
    }
}

#[test]
fn debians_age_opens_what_we_seal() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, other) = (identity(3), identity(9));
    let key_file = folder.path().join("key.txt");
    std::fs::write(&key_file, identity.expose_secret_text().as_bytes()).unwrap();
    for len in [0, 1, CHUNK, CHUNK + 1, 200_000] {
        let plaintext = plaintext(len);
        let sealed = seal(
            &[other.recipient(), identity.recipient()],
            &plaintext,
            &mut counting(),
        )
        .unwrap();
        assert_eq!(
            run("age", &["-d", "-i", key_file.to_str().unwrap()], &sealed),
            plaintext,
            "{len} bytes"
        );
    }
}

#[test]
fn we_open_what_debians_age_seals() {
    let (identity, other) = (identity(4), identity(5));
    let (to, other) = (
        identity.recipient().to_string(),
        other.recipient().to_string(),
    );
    for len in [0, 1, CHUNK, CHUNK + 1, 200_000] {
        let plaintext = plaintext(len);
        let sealed = run("age", &["-r", &other, "-r", &to], &plaintext);
        assert_eq!(
            *open(std::slice::from_ref(&identity), &sealed, len).unwrap(),
            plaintext,
            "{len} bytes"
        );
    }
}

#[test]
fn keys_made_by_age_keygen_read_and_print_the_same() {
    let text = String::from_utf8(run("age-keygen", &[], b"")).unwrap();
    let secret = text
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-1"))
        .unwrap();
    let public = text
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .unwrap();
    let identity: Identity = secret.parse().unwrap();
    assert_eq!(identity.expose_secret_text().as_str(), secret);
    let in_file: Vec<_> = Identity::all_in(&text)
        .unwrap()
        .iter()
        .map(Identity::recipient)
        .collect();
    assert_eq!(in_file, [identity.recipient()]);
    assert!(Identity::all_in("# one\nAGE-SECRET-KEY-1X\n").is_err());
    assert_eq!(identity.recipient().to_string(), public);
    assert_eq!(public.parse(), Ok(identity.recipient()));
}

#[test]
fn stored_vectors_open() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/age");
    let read = |name: &str| std::fs::read(format!("{folder}/{name}")).unwrap();
    let identity: Identity = String::from_utf8(read("key.txt"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let identity = std::slice::from_ref(&identity);
    assert_eq!(
        *open(identity, &read("two-recipients.age"), 64).unwrap(),
        read("two-recipients.txt")
    );
    assert_eq!(*open(identity, &read("empty.age"), 0).unwrap(), b"");
    assert_eq!(
        open(identity, &read("passphrase.age"), 64).unwrap_err(),
        OpenError::NotForUs
    );
    assert_eq!(
        open(identity, &read("armoured.age"), 64).unwrap_err(),
        OpenError::NotAge
    );
}

#[test]
fn counting_bytes_as_randomness_give_the_stored_vector() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/age");
    let mut count_up = {
        let mut next = 0u8;
        move |bytes: &mut [u8]| {
            for byte in bytes {
                *byte = next;
                next = next.wrapping_add(1);
            }
        }
    };
    let sealed = seal(&[identity(1).recipient()], b"portreeve\n", &mut count_up).unwrap();
    assert_eq!(
        sealed,
        std::fs::read(format!("{folder}/fixed.age")).unwrap()
    );
}

#[test]
fn bad_keys_are_refused() {
    let good = identity(1);
    let recipient = good.recipient().to_string();
    let secret = good.expose_secret_text();
    let wrong_checksum = format!("{}q", recipient.split_at(recipient.len() - 1).0);
    let short =
        bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("age").unwrap(), &[1; 31]).unwrap();
    let long =
        bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("age").unwrap(), &[1; 33]).unwrap();
    let modified =
        bech32::encode::<bech32::Bech32m>(bech32::Hrp::parse("age").unwrap(), &[1; 32]).unwrap();
    let weak =
        bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("age").unwrap(), &[0; 32]).unwrap();
    let wants = ParseKeyError::Prefix { wanted: "age1" };
    for (text, expected) in [
        ("", wants),
        ("age", wants),
        (secret.as_str(), wants),
        (recipient.to_uppercase().as_str(), wants),
        (wrong_checksum.as_str(), ParseKeyError::Checksum),
        (format!("{recipient}\n").as_str(), ParseKeyError::Checksum),
        (modified.as_str(), ParseKeyError::Checksum),
        ("age1", ParseKeyError::Checksum),
        (short.as_str(), ParseKeyError::Length),
        (long.as_str(), ParseKeyError::Length),
        (weak.as_str(), ParseKeyError::Weak),
    ] {
        assert_eq!(text.parse::<Recipient>(), Err(expected), "`{text}`");
    }
    for text in [
        recipient.as_str(),
        &secret.to_lowercase(),
        secret.split_at(1).1,
        secret.split_at(secret.len() - 1).0,
    ] {
        assert!(text.parse::<Identity>().is_err(), "`{text}`");
    }
}

#[test]
fn a_debug_print_shows_no_secret() {
    let identity = identity(1);
    let printed = format!("{identity:?}");
    assert!(printed.contains(&identity.recipient().to_string()));
    assert!(!printed.to_uppercase().contains("SECRET"));
}

#[test]
fn the_number_of_recipients_is_bounded_on_both_sides() {
    let many = vec![identity(1).recipient(); MAX_RECIPIENTS + 1];
    assert_eq!(seal(&[], b"", &mut counting()), Err(SealError::NoRecipient));
    assert_eq!(
        seal(&many, b"", &mut counting()),
        Err(SealError::TooManyRecipients {
            count: MAX_RECIPIENTS + 1
        })
    );
    let sealed = seal(&many[..MAX_RECIPIENTS], b"x", &mut counting()).unwrap();
    assert_eq!(*open(&[identity(1)], &sealed, 1).unwrap(), b"x");
    let (version, rest) =
        sealed.split_at(sealed.iter().position(|byte| *byte == b'\n').unwrap() + 1);
    let one_more = [version, b"-> x\n\n", rest].concat();
    assert_eq!(
        open(&[identity(1)], &one_more, 1).unwrap_err(),
        OpenError::HeaderTooLarge
    );
}

#[test]
fn another_identity_does_not_open() {
    let sealed = sealed_to(&identity(1), b"x");
    assert_eq!(
        open(&[identity(2)], &sealed, 1).unwrap_err(),
        OpenError::NotForUs
    );
    assert_eq!(open(&[], &sealed, 1).unwrap_err(), OpenError::NotForUs);
}

#[test]
fn content_above_the_limit_is_refused_before_it_is_opened() {
    let mut sealed = sealed_to(&identity(1), &[7; 100]);
    assert_eq!(
        open(&[identity(1)], &sealed, 99).unwrap_err(),
        OpenError::TooLarge { limit: 99 }
    );
    // Damage in the payload is not seen: the size alone decides.
    *sealed.last_mut().unwrap() ^= 1;
    assert_eq!(
        open(&[identity(1)], &sealed, 99).unwrap_err(),
        OpenError::TooLarge { limit: 99 }
    );
}

#[test]
fn no_flipped_bit_is_accepted() {
    let sealed = sealed_to(&identity(1), b"hello");
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut altered = sealed.clone();
            altered[at] ^= 1 << bit;
            assert!(
                open(&[identity(1)], &altered, 64).is_err(),
                "bit {bit} of byte {at}"
            );
        }
    }
}

#[test]
fn no_cut_or_extended_file_is_accepted() {
    for len in [5, CHUNK, CHUNK + 5] {
        let sealed = sealed_to(&identity(1), &plaintext(len));
        let cuts = (0..sealed.len())
            .rev()
            .step_by(if len == 5 { 1 } else { 997 });
        for cut in cuts.chain([CHUNK + 16 + 200, sealed.len() - 5 - 16]) {
            if cut < sealed.len() {
                assert!(
                    open(&[identity(1)], &sealed[..cut], 2 * CHUNK).is_err(),
                    "{len} cut to {cut}"
                );
            }
        }
        for more in [&b"\n"[..], &[0; 16], &[0; 17], &[0; CHUNK + 16]] {
            assert!(
                open(&[identity(1)], &[&sealed, more].concat(), 4 * CHUNK).is_err(),
                "{len} and more"
            );
        }
    }
}

#[test]
fn an_empty_final_chunk_after_a_full_one_is_refused() {
    // Built by hand with the right keys: only the rule itself can refuse it.
    let identity = identity(1);
    let sealed = sealed_to(&identity, &plaintext(CHUNK));
    let header = header::parse(&sealed).ok().unwrap();
    let file_key = wrap::unwrap(&header.stanzas[0], &identity)
        .ok()
        .flatten()
        .unwrap();
    let (nonce, _) = header.payload.split_at(payload::NONCE_LEN);
    let cipher = file_key.payload_cipher(nonce);
    let mut longer = Vec::new();
    payload::seal_onto(&mut longer, &cipher, &plaintext(CHUNK + 1));
    let mut empty_final = [];
    let mut number_one_final = [0u8; 12];
    number_one_final[10] = 1;
    number_one_final[11] = 1;
    let tag = wrap::seal_in_place(&cipher, &number_one_final.into(), &mut empty_final);
    let forged = [&longer[..CHUNK + 16], tag.as_slice()].concat();
    assert!(matches!(
        payload::open(&cipher, &forged, 2 * CHUNK),
        Err(payload::BadPayload::Damaged)
    ));
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_never_open_or_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let with_start = [b"age-encryption.org/v1\n-> X25519 ".as_slice(), &bytes].concat();
        proptest::prop_assert!(open(&[identity(1)], &bytes, 1000).is_err());
        proptest::prop_assert!(open(&[identity(1)], &with_start, 1000).is_err());
    }
}
