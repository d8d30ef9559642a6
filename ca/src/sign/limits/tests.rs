//! A table per kind: what is within the limits, and each way of being beyond one of them.

use std::time::Duration;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::time::Timestamp;

use super::*;
use crate::sign::LogHead;
use crate::sign::examples::{self, NOW, limits};

/// A way to bend an example, and the refusal it gets.
type Row<T> = (fn(&mut T), &'static str);

/// Every row is refused with a message that holds its text; the example itself is not.
fn check<T, W: std::fmt::Debug>(
    example: fn() -> T,
    ask: impl Fn(T) -> Result<Within<W>, Refusal>,
    table: &[Row<T>],
) {
    assert!(ask(example()).is_ok());
    for (line, (bend, why)) in table.iter().enumerate() {
        let mut bent = example();
        bend(&mut bent);
        let refusal = ask(bent).expect_err(why).to_string();
        assert!(refusal.contains(why), "row {line}: {refusal}");
    }
}

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

const HOUR: u64 = 3600;

#[test]
fn access_certificates() {
    check(
        examples::access,
        |spec| limits().access(spec, NOW),
        &[
            (
                |s| s.validity.until = after(12 * HOUR + 121),
                "may live 43200 s at most",
            ),
            (|s| s.validity.until = NOW, "must begin now and end later"),
            (|s| s.validity.from = after(121), "must begin now"),
            (
                |s| s.validity.from = NOW.minus(Duration::from_secs(121)),
                "must begin now",
            ),
            (
                |s| s.validity.from = Timestamp::from_seconds(0),
                "must begin now",
            ),
            (|s| s.serial = 0, "serial number"),
            (|s| s.bastions.clear(), "bastions"),
            (|s| s.bastions.push(s.bastions[0].clone()), "bastions"),
            (
                |s| s.bastions = (0..17).map(|n| format!("b{n}").parse().unwrap()).collect(),
                "bastions",
            ),
            (
                |s| s.source_address = Some("0.0.0.0".parse().unwrap()),
                "source address",
            ),
            (
                |s| s.source_address = Some("::".parse().unwrap()),
                "source address",
            ),
            (|s| s.grant.clear(), "grant"),
            (|s| s.grant = "c2Vh=".into(), "grant"),
            (|s| s.grant = "c2Vh\n".into(), "grant"),
            (|s| s.grant = "A".repeat(2 * MAX_BLOB), "grant"),
        ],
    );
}

#[test]
fn session_certificates() {
    check(
        examples::session,
        |spec| limits().session(spec, NOW),
        &[
            (
                |s| s.validity.until = after(12 * HOUR + 121),
                "session certificate may live",
            ),
            (|s| s.validity.until = NOW, "must begin now and end later"),
            (|s| s.validity.from = after(121), "must begin now"),
            (|s| s.serial = 0, "serial number"),
            (|s| s.source_addresses.clear(), "addresses"),
            (
                |s| s.source_addresses.push("0.0.0.0".parse().unwrap()),
                "addresses",
            ),
            (
                |s| s.source_addresses = vec![s.source_addresses[0]; 65],
                "addresses",
            ),
            (|s| s.key = ecdsa(), "Ed25519"),
        ],
    );
}

#[test]
fn control_certificates() {
    check(
        examples::control,
        |spec| limits().control(spec, NOW),
        &[
            (
                |s| s.validity.until = after(300 + 121),
                "control certificate may live 300 s",
            ),
            (|s| s.validity.until = NOW, "must begin now and end later"),
            (|s| s.validity.from = after(121), "must begin now"),
            (|s| s.serial = 0, "serial number"),
            (|s| s.source_addresses.clear(), "addresses"),
            (|s| s.key = ecdsa(), "Ed25519"),
        ],
    );
}

#[test]
fn look_certificates() {
    check(
        examples::look,
        |spec| limits().look_certificate(spec, NOW),
        &[
            (
                |s| s.validity.until = after(60 + 121),
                "look certificate may live 60 s",
            ),
            (|s| s.validity.until = NOW, "must begin now and end later"),
            (|s| s.validity.from = after(121), "must begin now"),
            (|s| s.serial = 0, "serial number"),
            (|s| s.source_addresses.clear(), "addresses"),
            (|s| s.key = ecdsa(), "Ed25519"),
        ],
    );
}

#[test]
fn look_orders() {
    check(
        examples::look_order,
        |order| limits().look(order, NOW),
        &[
            (|o| o.issued_at = after(121), "must begin now"),
            (
                |o| o.issued_at = NOW.minus(Duration::from_secs(121)),
                "must begin now",
            ),
            (|o| o.deliver_by = NOW, "must begin now and end later"),
            (|o| o.deliver_by = after(60 + 121), "may live 60 s"),
        ],
    );
}

#[test]
fn bastion_host_certificates() {
    check(
        examples::bastion_host,
        |spec| limits().bastion_host(spec, NOW),
        &[
            (
                |s| s.validity.until = after(9600 * HOUR + 121),
                "bastion host certificate may live",
            ),
            (|s| s.validity.from = after(121), "must begin now"),
            (|s| s.serial = 0, "serial number"),
        ],
    );
}

#[test]
fn orders() {
    check(
        examples::order,
        |order| limits().order(order, NOW),
        &[
            (
                |o| o.account = "pr-0123456789abcdef".parse().unwrap(),
                "account",
            ),
            (|o| o.session_serial = 0, "serial number"),
            (|o| o.issued_at = after(121), "must begin now"),
            (
                |o| o.issued_at = NOW.minus(Duration::from_secs(121)),
                "must begin now",
            ),
            (|o| o.deliver_by = NOW, "must begin now and end later"),
            (|o| o.deliver_by = after(300 + 121), "may live 300 s"),
            (|o| o.expires_at = after(59), "must begin now and end later"),
            (
                |o| o.expires_at = after(12 * HOUR + 121),
                "may live 43200 s",
            ),
        ],
    );
}

#[test]
fn tokens() {
    check(
        examples::claims,
        |claims| limits().token(claims, NOW),
        &[
            (|c| c.iss = "https://other.example.com".into(), "issuer"),
            (|c| c.sub = "https://idp.example.com#bob".into(), "subject"),
            (|c| c.human_sub = "bob".into(), "subject"),
            (|c| c.human_sub.clear(), "subject"),
            (|c| c.act.sub = "soc/other".parse().unwrap(), "one agent"),
            (|c| c.client_id = "soc/other".parse().unwrap(), "one agent"),
            (|c| c.aud.clear(), "audience"),
            (|c| c.aud = "a".repeat(513), "fit a token"),
            (|c| c.jti.clear(), "an id"),
            (|c| c.cnf.jkt.clear(), "bound to a key"),
            (|c| c.cnf.jkt = "k".repeat(42), "bound to a key"),
            (|c| c.cnf.jkt = "=".repeat(43), "bound to a key"),
            (|c| c.groups = vec!["g".into(); 501], "fit a token"),
            (|c| c.groups = vec!["g".repeat(9000)], "fit a token"),
            (|c| c.iat += 121, "must begin now"),
            (|c| c.iat -= 121, "must begin now"),
            (|c| c.exp = NOW.as_seconds(), "end later"),
            (|c| c.exp = NOW.as_seconds() + 3600 + 121, "may live 3600 s"),
            (|c| c.exp = i64::MAX, "may live 3600 s"),
        ],
    );
}

#[test]
fn a_log_only_grows_and_never_forks() {
    let head = |size, root: &[u8]| LogHead {
        size,
        root: Digest::of(root),
    };
    let last = Some(head(5, b"a"));
    assert!(limits().checkpoint(head(0, b""), None).is_ok());
    assert!(limits().checkpoint(head(5, b"a"), last).is_ok());
    assert!(limits().checkpoint(head(6, b"b"), last).is_ok());
    assert!(limits().checkpoint(head(4, b"a"), last).is_err());
    assert!(limits().checkpoint(head(5, b"b"), last).is_err());
}

/// A key on P-256, as some agents have, and session keys never are.
fn ecdsa() -> portreeve_protocol::key::PublicKey {
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBAFj5P5fKzOAyIjM/X0qyLc7Qxxysxsjq3wUsr8otnjeAHz5MvbVly2Wlkt28oJpuThXioxuEnjGLHfNTAeYPfE="
        .parse()
        .unwrap()
}
