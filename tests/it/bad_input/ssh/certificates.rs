//! Certificates that let nobody in.

use std::thread;

use portreeve_protocol::certificate::{
    EXTENSION_BUNDLE, EXTENSION_GRANT, EXTENSION_SESSION, OPTION_BASTION, OPTION_SOURCE_ADDRESS,
};
use portreeve_tests::Host;
use ssh_key::Certificate;
use ssh_key::certificate::CertType;

use super::super::now;
use super::super::site::turn;
use super::super::table::{Logged, Table, refused};
use super::client::{Shown, Told, attempt};
use super::forge::{Draft, Granted, SEED, nested, private};

const UNAUTHENTICATED: &str = "portreeve: unauthenticated: the caller is not authenticated";
const UNAVAILABLE: &str = "portreeve: session_unavailable: the session is not available";

fn out(words: &str) -> Told {
    Told {
        is_in: false,
        words: words.to_owned(),
    }
}

fn seconds(from_now: i64) -> u64 {
    u64::try_from(now() + from_now).unwrap()
}

#[test]
fn a_bad_certificate_lets_nobody_in() {
    let site = turn();
    let granted = Granted::new(&site);
    let access_ca = site.ca_key("access_ca");
    let good = || granted.draft();
    let sign = |alter: fn(&mut Draft)| good().with(alter).sign(&access_ca);
    let set = |name: &'static str, value: &str| {
        let value = value.to_owned();
        good()
            .with(|draft| {
                draft.options.insert(name.to_owned(), value);
            })
            .sign(&access_ca)
    };
    let without_option = |name: &str| {
        let without = good().with(|draft| drop(draft.options.remove(name)));
        without.sign(&access_ca)
    };
    let extended = |name: &str, value: Option<&str>| {
        let altered = good().with(|draft| {
            draft.extensions.remove(name);
            if let Some(value) = value {
                draft.extensions.insert(name.to_owned(), value.to_owned());
            }
        });
        altered.sign(&access_ca)
    };
    let opened = granted.opened();
    let inner = |line: &str| Certificate::from_openssh(line).unwrap();
    let by_transport = "no certificate that is valid now was shown and proved";
    let rows: Vec<(&str, Certificate, &str, &str)> = vec![
        (
            "of another CA",
            good().sign(&private(51)),
            UNAUTHENTICATED,
            "not signed by the access CA",
        ),
        (
            "of the session CA",
            good().sign(&site.ca_key("session_ca")),
            UNAUTHENTICATED,
            "not signed by the access CA",
        ),
        (
            "of the CA of bastions",
            good().sign(&site.ca_key("bastion_host_ca")),
            UNAUTHENTICATED,
            "not signed by the access CA",
        ),
        (
            "certified by its own key",
            good().sign(&private(SEED)),
            UNAUTHENTICATED,
            "not signed by the access CA",
        ),
        (
            "of a host",
            sign(|draft| draft.kind = CertType::Host),
            UNAUTHENTICATED,
            "not a user certificate",
        ),
        (
            "expired",
            sign(|draft| draft.before = seconds(-1)),
            "",
            by_transport,
        ),
        (
            "not yet valid",
            sign(|draft| draft.after = seconds(60)),
            "",
            by_transport,
        ),
        (
            "for another bastion",
            set(OPTION_BASTION, "bastion-2"),
            UNAVAILABLE,
            "the certificate is for another bastion",
        ),
        (
            "for a bastion whose name goes on",
            set(OPTION_BASTION, "bastion-10,xbastion-1"),
            UNAVAILABLE,
            "the certificate is for another bastion",
        ),
        (
            "for no bastion",
            without_option(OPTION_BASTION),
            UNAVAILABLE,
            "the certificate is for another bastion",
        ),
        (
            "with an option that nobody knows",
            set("colour@example.com", "red"),
            UNAUTHENTICATED,
            "a critical option that is not known here",
        ),
        (
            "with a forced command",
            set("force-command", "id"),
            UNAUTHENTICATED,
            "a critical option that is not known here",
        ),
        (
            "for another address",
            set(OPTION_SOURCE_ADDRESS, "192.0.2.99/32"),
            UNAUTHENTICATED,
            "not for this source address",
        ),
        (
            "for an address that is none",
            set(OPTION_SOURCE_ADDRESS, "here"),
            UNAUTHENTICATED,
            "not for this source address",
        ),
        (
            "for no address",
            set(OPTION_SOURCE_ADDRESS, ""),
            UNAUTHENTICATED,
            "not for this source address",
        ),
        (
            "for two accounts",
            sign(|draft| draft.principals.push("root".to_owned())),
            "",
            "not the certificate's only principal",
        ),
        (
            "for every account",
            sign(|draft| draft.principals.clear()),
            "",
            "not the certificate's only principal",
        ),
        (
            "without session",
            extended(EXTENSION_SESSION, None),
            UNAUTHENTICATED,
            "extension is missing or malformed",
        ),
        (
            "with a session that is none",
            extended(EXTENSION_SESSION, Some("x")),
            UNAUTHENTICATED,
            "extension is missing or malformed",
        ),
        (
            "without the version of its bundle",
            extended(EXTENSION_BUNDLE, None),
            UNAUTHENTICATED,
            "extension is missing or malformed",
        ),
        (
            "without grant",
            extended(EXTENSION_GRANT, None),
            UNAUTHENTICATED,
            "extension is missing or malformed",
        ),
        (
            "with a grant that is no base64",
            extended(EXTENSION_GRANT, Some("*")),
            UNAUTHENTICATED,
            "extension is missing or malformed",
        ),
        (
            "of 17 KiB",
            extended("long@example.com", Some(&"x".repeat(17 * 1024))),
            UNAUTHENTICATED,
            "the certificate is larger than 16 KiB",
        ),
        (
            "of 200 KiB",
            extended("long@example.com", Some(&"x".repeat(200 * 1024))),
            UNAUTHENTICATED,
            "the certificate is larger than 16 KiB",
        ),
    ];
    let mut table = Table::patient(&site, "certificates");
    let agent = site.installation.lab().host("agent");
    let show = |user: &str, certificate: Certificate, seed: u8| {
        attempt(
            agent,
            user,
            &Shown::Certificate(Box::new(certificate), private(seed)),
        )
    };
    for (name, certificate, words, why) in rows {
        let told = show(granted.user(), certificate, SEED);
        table.row(name, &told, &out(words), refused(why));
    }
    let certificate = || granted.certificate.clone();
    for (name, user) in [
        ("as root", "root"),
        ("as the control user", "portreeve"),
        ("as another session's account", "pr-0123456789abcdef"),
        ("as nobody", ""),
        ("as an account with a line end", "pr-0123\nroot"),
    ] {
        let told = show(user, certificate(), SEED);
        table.row(
            name,
            &told,
            &out(""),
            refused("not the certificate's only principal"),
        );
    }
    let told = show(granted.user(), certificate(), 52);
    table.row(
        "right, without its key",
        &told,
        &out(""),
        refused(by_transport),
    );
    let elsewhere = site.installation.lab().host("bastion");
    let shown = Shown::Certificate(Box::new(certificate()), private(SEED));
    let told = attempt(elsewhere, granted.user(), &shown);
    table.row(
        "right, from elsewhere",
        &told,
        &out(UNAUTHENTICATED),
        refused("not for this source address"),
    );

    // A session certificate opens a host to the bastion, and nothing to anybody else.
    let session_key = *opened.session_key.expose_seed();
    let session_key = {
        use ssh_key::private::{Ed25519Keypair, KeypairData};
        let pair = Ed25519Keypair::from_seed(&session_key);
        ssh_key::PrivateKey::new(KeypairData::Ed25519(pair), "").unwrap()
    };
    for (name, line) in [
        (
            "the session's certificate for its host",
            &opened.session_certificate,
        ),
        ("its certificate for orders", &opened.control_certificate),
    ] {
        let shown = Shown::Certificate(Box::new(inner(line)), session_key.clone());
        let told = attempt(agent, granted.user(), &shown);
        table.row(
            name,
            &told,
            &out(UNAUTHENTICATED),
            refused("not signed by the access CA"),
        );
    }
    for (name, shown, logged) in [
        (
            "its key alone",
            Shown::Key(private(SEED)),
            refused(by_transport),
        ),
        (
            "a key of nobody",
            Shown::Key(private(53)),
            refused(by_transport),
        ),
        (
            "a password",
            Shown::Password("secret"),
            refused(by_transport),
        ),
        ("nothing", Shown::Nothing, refused(by_transport)),
    ] {
        let told = attempt(agent, granted.user(), &shown);
        table.row(name, &told, &out(""), logged);
    }

    for levels in [2, 9, 600, 1000] {
        let name = format!("of {levels} certificates in each other");
        let told = show_nested(agent, levels);
        table.row(&name, &told, &out(""), refused(by_transport));
    }

    // What is right is let in, and a session is begun by one certificate only.
    let right = Granted::new(&site);
    let told = show(right.user(), right.certificate.clone(), SEED);
    table.row(
        "right",
        &told.is_in,
        &true,
        Logged::Event("session_claimed", ""),
    );
    let renewed = right
        .draft()
        .with(|draft| draft.serial += 1)
        .sign(&access_ca);
    let told = show(right.user(), renewed, SEED);
    let logged = Logged::Event(
        "connection_refused",
        "another certificate opened this session",
    );
    table.row(
        "right, beside another one",
        &told,
        &out(UNAUTHENTICATED),
        logged,
    );
    table.done();
}

/// Shows a nested certificate. Merely to make one of it takes a stack that no thread has by itself.
fn show_nested(agent: &Host, levels: usize) -> Told {
    let agent = agent.clone();
    let show = move || {
        let certificate = Certificate::from_bytes(&nested(levels)).unwrap();
        let shown = Shown::Certificate(Box::new(certificate), private(SEED));
        attempt(&agent, "pr-0123456789abcdef", &shown)
    };
    let large = thread::Builder::new().stack_size(1 << 30);
    large.spawn(show).unwrap().join().unwrap()
}
