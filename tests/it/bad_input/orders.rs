//! Orders that a host must not obey, given to its real daemon as a bastion would give them.

use std::time::Duration;

use portreeve_protocol::control::{FromBastion, MAX_LINE, OrderRefusal};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::{OrderId, SessionId};
use portreeve_protocol::name::HostName;
use portreeve_protocol::order::Order;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use portreeve_tests::Host;
use portreeve_tests::installation::{HOST, traces};
use serde_json::json;
use ssh_key::{HashAlg, LineEnding, PrivateKey};

use super::control::{Control, Outcome};
use super::draft::{fresh, key, public};
use super::now;
use super::site::{Site, turn};
use super::table::{Logged, Table};

fn moment(seconds_from_now: i64) -> Timestamp {
    Timestamp::from_seconds(now() + seconds_from_now)
}

/// Ten bytes that no id of this run had.
fn drawn() -> [u8; 10] {
    let mut bytes = [0; 10];
    let digest = Digest::of(fresh().as_bytes());
    bytes.copy_from_slice(&digest.as_bytes()[..10]);
    bytes
}

/// The installation's own bundle.
fn bundle(site: &Site) -> String {
    let path = "/v1/bundles/forensic-read-only";
    site.https.send(&site.lead("GET", path)).text("text")
}

/// An order that is good now.
fn order(bundle: &str) -> Order {
    let session = SessionId::new(moment(0), drawn());
    let pair = json!({
        "agent": "soc/forensics",
        "human": { "issuer": "https://idp.example.com", "subject": "alice", "name": "alice@example.com" },
    });
    let task = json!({
        "id": SessionId::new(moment(0), drawn()), "ticket": "INC-4711", "purpose": "to see what a host obeys",
    });
    Order {
        id: OrderId::new(moment(0), drawn()),
        host: HOST.parse().unwrap(),
        session,
        pair: serde_json::from_value(pair).unwrap(),
        task: serde_json::from_value(task).unwrap(),
        account: session.account(),
        bundle: BundleRef {
            name: "forensic-read-only".parse().unwrap(),
            digest: Digest::of(bundle.as_bytes()),
        },
        session_key: public(&key(30)).fingerprint(),
        session_serial: 7,
        issued_at: moment(0),
        deliver_by: moment(60),
        expires_at: moment(600),
        uid_floor: None,
    }
}

/// A text under a signature of the order key's namespace, whatever it says.
fn signed_text(payload: String, namespace: &str, key: &PrivateKey) -> Signed<Order> {
    let signature = key.sign(namespace, HashAlg::Sha512, payload.as_bytes());
    Signed::assemble(payload, signature.unwrap().to_pem(LineEnding::LF).unwrap())
}

/// Gives an order to the daemon, with this file beside it.
fn give(host: &Host, order: Signed<Order>, bundle: &str) -> Outcome {
    let mut control = Control::open(host);
    let bundle = bundle.to_owned();
    control.say(&FromBastion::Order { order, bundle });
    let outcome = control.outcome();
    if outcome == Outcome::Ready {
        control.end();
    }
    outcome
}

#[test]
fn a_host_obeys_good_orders_only_and_once() {
    use OrderRefusal::{
        Bundle, BundleUnusable, Malformed, NotFresh, OtherHost, Replayed, Signature, TooLong,
    };
    let site = turn();
    let host = site.installation.lab().host(HOST);
    let bundle = bundle(&site);
    let order_key = site.ca_key("order");
    let of_session_ca = site.ca_key("session_ca");
    let sign = |order: &Order| Signed::sign(order, &order_key).unwrap();
    let altered = |alter: fn(&mut Order)| {
        let mut order = order(&bundle);
        alter(&mut order);
        sign(&order)
    };
    let text = |order: &Order| Signed::payload_of(order).unwrap();
    let another_text = |from: &str, to: &str| {
        let good = sign(&order(&bundle));
        let payload = good.unverified_payload().replace(from, to);
        assert_ne!(payload, good.unverified_payload());
        Signed::assemble(payload, good.signature().to_owned())
    };
    let mut of_root = serde_json::to_value(order(&bundle)).unwrap();
    of_root["account"] = json!("root");
    let with_bundle = |bundle: &str| sign(&order(bundle));
    let errors = "name = \"forensic-read-only\"\n[[command]]\npath = \"*\"\n";
    let other_name = bundle.replace("forensic-read-only", "another-bundle");
    let long_line = "x".repeat(70 * 1024);
    let rows: Vec<(&str, Signed<Order>, &str, OrderRefusal)> = vec![
        (
            "for another human after it was signed",
            another_text("alice@example.com", "carol@example.com"),
            &bundle,
            Signature,
        ),
        (
            "for longer after it was signed",
            another_text("\"session_serial\":7", "\"session_serial\":8"),
            &bundle,
            Signature,
        ),
        (
            "with a blank more after it was signed",
            another_text("{\"account\"", "{ \"account\""),
            &bundle,
            Signature,
        ),
        (
            "not signed",
            Signed::assemble(text(&order(&bundle)), String::new()),
            &bundle,
            Signature,
        ),
        (
            "with a signature that is none",
            Signed::assemble(
                text(&order(&bundle)),
                "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n".to_owned(),
            ),
            &bundle,
            Signature,
        ),
        (
            "signed by the session CA",
            Signed::sign(&order(&bundle), &of_session_ca).unwrap(),
            &bundle,
            Signature,
        ),
        (
            "signed by nobody's key",
            Signed::sign(&order(&bundle), &private(31)).unwrap(),
            &bundle,
            Signature,
        ),
        (
            "signed as something else",
            signed_text(text(&order(&bundle)), "receipt@portreeve", &order_key),
            &bundle,
            Signature,
        ),
        (
            "signed as a file",
            signed_text(text(&order(&bundle)), "file", &order_key),
            &bundle,
            Signature,
        ),
        (
            "a signature of 8 KiB",
            Signed::assemble(text(&order(&bundle)), "A".repeat(8 * 1024)),
            &bundle,
            Signature,
        ),
        (
            "a text of 300 KiB",
            Signed::assemble("A".repeat(300 * 1024), String::new()),
            &bundle,
            Signature,
        ),
        (
            "a signed text that is no order",
            signed_text("{}".to_owned(), "order@portreeve", &order_key),
            &bundle,
            Malformed,
        ),
        (
            "a signed text with an unknown field",
            signed_text(
                text(&order(&bundle)).replacen('{', "{\"sudo\":\"ALL\",", 1),
                "order@portreeve",
                &order_key,
            ),
            &bundle,
            Malformed,
        ),
        (
            "for the account of another session",
            altered(|order| order.account = SessionId::new(moment(0), drawn()).account()),
            &bundle,
            Malformed,
        ),
        (
            "for a standing account",
            signed_text(of_root.to_string(), "order@portreeve", &order_key),
            &bundle,
            Malformed,
        ),
        (
            "for another host",
            altered(|order| order.host = other_host()),
            &bundle,
            OtherHost,
        ),
        (
            "from the future",
            altered(|order| order.issued_at = moment(120)),
            &bundle,
            NotFresh,
        ),
        (
            "to be delivered earlier",
            altered(|order| order.deliver_by = moment(-1)),
            &bundle,
            NotFresh,
        ),
        (
            "expired",
            altered(|order| order.expires_at = moment(-1)),
            &bundle,
            NotFresh,
        ),
        (
            "for a day",
            altered(|order| order.expires_at = moment(86_400)),
            &bundle,
            TooLong,
        ),
        (
            "to be delivered after its end",
            altered(|order| order.deliver_by = order.expires_at.plus(Duration::from_secs(1))),
            &bundle,
            TooLong,
        ),
        (
            "with another bundle beside it",
            sign(&order(&bundle)),
            &other_name,
            Bundle,
        ),
        (
            "with no bundle beside it",
            sign(&order(&bundle)),
            "",
            Bundle,
        ),
        (
            "with a bundle that is no bundle",
            with_bundle(errors),
            errors,
            BundleUnusable,
        ),
        (
            "with a bundle that is no TOML",
            with_bundle("sudo ALL"),
            "sudo ALL",
            BundleUnusable,
        ),
        (
            "with a bundle of 70 KiB",
            with_bundle(&long_line),
            &long_line,
            BundleUnusable,
        ),
    ];
    let accounts = host.users().unwrap().len();
    let mut table = Table::new(&site, "orders");
    for (name, order, bundle, refusal) in rows {
        let outcome = give(host, order, bundle);
        table.row(name, &outcome, &Outcome::Refused(refusal), Logged::Nothing);
        table.demand(
            name,
            host.users().unwrap().len() == accounts,
            "an account was made",
        );
    }

    let good = order(&bundle);
    let obeyed = give(host, sign(&good), &bundle);
    table.row("a good one", &obeyed, &Outcome::Ready, Logged::Nothing);
    let again = give(host, sign(&good), &bundle);
    table.row(
        "the same again",
        &again,
        &Outcome::Refused(Replayed),
        Logged::Nothing,
    );
    let mut renumbered = order(&bundle);
    renumbered.session = good.session;
    renumbered.account = good.account.clone();
    let mut once_more = Control::open(host);
    once_more.say(&FromBastion::Order {
        order: sign(&renumbered),
        bundle: bundle.clone(),
    });
    // The CA gives one order for a session; a second one finds nothing of the first.
    let outcome = once_more.outcome();
    table.demand(
        "another order for the same session",
        outcome != Outcome::Ended,
        outcome,
    );
    drop(once_more);
    let log = site.installation.daemon.log().unwrap();
    for refusal in [
        Signature,
        OtherHost,
        NotFresh,
        Replayed,
        TooLong,
        Bundle,
        BundleUnusable,
        Malformed,
    ] {
        let line = format!("an order is refused: {refusal}");
        table.demand(
            "the daemon's log",
            log.contains(&line),
            format!("`{line}` is not in it"),
        );
    }
    table.done();
}

#[test]
fn what_is_no_message_ends_a_control_connection() {
    let site = turn();
    let host = site.installation.lab().host(HOST);
    let bundle = bundle(&site);
    let sign = |order: &Order| Signed::sign(order, &site.ca_key("order")).unwrap();
    let refused = Outcome::Refused(OrderRefusal::Malformed);
    let mut long = vec![b'x'; MAX_LINE];
    long.push(b'\n');
    let unknown_field = {
        let message = FromBastion::Order {
            order: sign(&order(&bundle)),
            bundle: bundle.clone(),
        };
        let mut message = serde_json::to_value(&message).unwrap();
        message["root"] = json!(true);
        format!("{message}\n").into_bytes()
    };
    let rows: Vec<(&str, Vec<u8>, Outcome)> = vec![
        ("no JSON", b"hello\n".to_vec(), refused.clone()),
        ("an empty line", b"\n".to_vec(), refused.clone()),
        ("a list", b"[]\n".to_vec(), refused.clone()),
        (
            "an unknown message",
            b"{\"say\":\"shell\"}\n".to_vec(),
            refused.clone(),
        ),
        ("an unknown field", unknown_field, refused.clone()),
        (
            "half an order",
            b"{\"say\":\"order\"}\n".to_vec(),
            refused.clone(),
        ),
        (
            "an order of the wrong type",
            b"{\"say\":\"order\",\"order\":7,\"bundle\":\"\"}\n".to_vec(),
            refused.clone(),
        ),
        (
            "bytes that are no UTF-8",
            b"\xff\xfe\n".to_vec(),
            refused.clone(),
        ),
        (
            "text behind the object",
            b"{\"say\":\"renew\"} {}\n".to_vec(),
            refused.clone(),
        ),
        (
            "200,000 brackets",
            [b"[".repeat(200_000), b"\n".to_vec()].concat(),
            refused.clone(),
        ),
        (
            "an acknowledgement first",
            b"{\"say\":\"acknowledge\",\"reports\":[]}\n".to_vec(),
            refused,
        ),
        (
            "an end first",
            b"{\"say\":\"end\",\"cause\":\"asked\"}\n".to_vec(),
            Outcome::Ended,
        ),
        ("a line longer than a line may be", long, Outcome::Ended),
        (
            "a line without end",
            vec![b'x'; MAX_LINE + 1],
            Outcome::Ended,
        ),
    ];
    let mut table = Table::new(&site, "control lines");
    for (name, bytes, expected) in rows {
        let mut control = Control::open(host);
        control.say_bytes(&bytes);
        table.row(name, &control.outcome(), &expected, Logged::Nothing);
    }

    // The same in the midst of a session ends it, and nothing of it stays.
    for (name, bytes) in [
        ("no JSON in a session", b"hello\n".to_vec()),
        ("a second order in a session", {
            let order = sign(&order(&bundle));
            let message = FromBastion::Order {
                order,
                bundle: bundle.clone(),
            };
            [serde_json::to_vec(&message).unwrap(), b"\n".to_vec()].concat()
        }),
        (
            "a line longer than a line may be in a session",
            vec![b'x'; MAX_LINE + 1],
        ),
    ] {
        let good = order(&bundle);
        let mut control = Control::open(host);
        control.say(&FromBastion::Order {
            order: sign(&good),
            bundle: bundle.clone(),
        });
        control.attestation();
        let uid = host.user(good.account.as_str()).unwrap().uid;
        control.say_bytes(&bytes);
        drop(control);
        let gone = portreeve_tests::until("the account to go", Duration::from_secs(15), || {
            Ok(traces(host, good.account.as_str(), uid)?
                .is_empty()
                .then_some(()))
        });
        table.row(name, &gone.is_ok(), &true, Logged::Nothing);
    }
    table.done();
}

fn other_host() -> HostName {
    "prod-2".parse().unwrap()
}

fn private(seed: u8) -> PrivateKey {
    use ssh_key::private::{Ed25519Keypair, KeypairData};
    let pair = Ed25519Keypair::from_seed(&[seed; 32]);
    PrivateKey::new(KeypairData::Ed25519(pair), "").unwrap()
}
