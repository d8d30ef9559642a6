//! What the CA seals for a look, part by part spoiled, and what a host may answer.

use std::time::Duration;

use base64ct::{Base64Unpadded, Encoding as _};
use portreeve_protocol::age::Identity;
use portreeve_protocol::inventory::MAX_FINDINGS;
use portreeve_protocol::inventory::{Severity, StandingAccess};
use portreeve_protocol::time::Timestamp;

use super::*;
use crate::accept::tests::mint::{Mint, key};

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

fn unsealing() -> Identity {
    Identity::from_secret_bytes(&[12; 32])
}

fn look() -> OrderId {
    OrderId::new(NOW, [21; 10])
}

fn order() -> LookOrder {
    LookOrder {
        id: look(),
        host: Mint::new(NOW).grant().host.name,
        issued_at: NOW,
        deliver_by: NOW.plus(Duration::from_secs(60)),
    }
}

fn grant() -> LookGrant {
    let mint = Mint::new(NOW);
    // The control certificate of a session has the form of that of a look.
    let of_a_session = mint.grant();
    LookGrant {
        look: look(),
        host: of_a_session.host,
        key: of_a_session.session_key,
        control_certificate: of_a_session.control_certificate,
        order: Signed::sign(&order(), &mint.order_key).unwrap(),
    }
}

fn sealed(plain: &[u8], to: &Identity) -> String {
    let sealed = age::seal(&[to.recipient()], plain, &mut |bytes: &mut [u8]| {
        bytes.fill(7)
    });
    Base64Unpadded::encode_string(&sealed.unwrap())
}

fn opened(grant: &LookGrant) -> Result<LookProven, NoLook> {
    let plain = serde_json::to_vec(grant).unwrap();
    open(&unsealing(), &sealed(&plain, &unsealing()), look())
}

fn spoiled(spoil: impl FnOnce(&mut LookGrant)) -> NoLook {
    let mut grant = grant();
    spoil(&mut grant);
    opened(&grant).unwrap_err()
}

#[test]
fn what_the_ca_sealed_opens_for_this_bastion_alone() {
    let proven = opened(&grant()).unwrap();
    assert_eq!(*proven.host(), grant().host);
    assert_eq!(*proven.order(), grant().order);
    let plain = serde_json::to_vec(&grant()).unwrap();
    let another = Identity::from_secret_bytes(&[13; 32]);
    let error = open(&unsealing(), &sealed(&plain, &another), look()).unwrap_err();
    assert_eq!(error, NoLook::Sealed(age::OpenError::NotForUs));
    for bad in ["", "x", "?"] {
        assert!(open(&unsealing(), bad, look()).is_err(), "{bad}");
    }
    let no_grant = sealed(b"{}", &unsealing());
    assert_eq!(
        open(&unsealing(), &no_grant, look()).unwrap_err(),
        NoLook::Form
    );
}

#[test]
fn parts_of_another_look_host_or_key_are_refused() {
    let mint = Mint::new(NOW);
    let sign = |order: &LookOrder| Signed::sign(order, &mint.order_key).unwrap();
    let other = OrderId::new(NOW, [22; 10]);
    assert_eq!(spoiled(|grant| grant.look = other), NoLook::Part("look"));
    let of_another = sign(&LookOrder {
        id: other,
        ..order()
    });
    assert_eq!(
        spoiled(|grant| grant.order = of_another),
        NoLook::Part("order")
    );
    let for_another = sign(&LookOrder {
        host: "prod-2.example.com".parse().unwrap(),
        ..order()
    });
    assert_eq!(
        spoiled(|grant| grant.order = for_another),
        NoLook::Part("host")
    );
    let certificate = NoLook::Part("control_certificate");
    // The certificate of the session's account opens no control connection.
    let session = mint.grant().session_certificate;
    assert_eq!(
        spoiled(|grant| grant.control_certificate = session),
        certificate
    );
    let seed = portreeve_protocol::grant::SessionKey::from_seed([99; 32]);
    assert_eq!(spoiled(|grant| grant.key = seed), certificate);
    assert_eq!(
        spoiled(|grant| grant.control_certificate = "x".repeat(64 * 1024)),
        NoLook::Sealed(age::OpenError::TooLarge { limit: MAX_GRANT })
    );
}

fn inventory() -> Inventory {
    Inventory {
        host: order().host,
        number: 7,
        at: NOW,
        complete: true,
        accounts: 3,
        findings: vec![],
        more: 0,
        look: Some(look()),
    }
}

fn checked(alter: impl FnOnce(&mut Inventory)) -> Result<(), NoLook> {
    let mut said = inventory();
    alter(&mut said);
    let statement = Signed::sign(&said, &Mint::new(NOW).host_identity).unwrap();
    opened(&grant()).unwrap().check(&statement)
}

#[test]
fn only_this_hosts_answer_to_this_look_is_brought_to_the_ca() {
    assert_eq!(checked(|_| {}), Ok(()));
    let wrong = |field| Err(NoLook::Answer(field));
    assert_eq!(
        checked(|said| said.host = "prod-2.example.com".parse().unwrap()),
        wrong("host")
    );
    assert_eq!(checked(|said| said.look = None), wrong("look"));
    assert_eq!(
        checked(|said| said.look = Some(OrderId::new(NOW, [22; 10]))),
        wrong("look")
    );
    let finding = StandingAccess {
        code: "SA101".into(),
        severity: Severity::Low,
        account: None,
        what: "x".into(),
        path: None,
        line: None,
        since: None,
        last_login: None,
    };
    assert_eq!(
        checked(|said| said.findings = vec![finding; MAX_FINDINGS + 1]),
        wrong("findings")
    );
    let by_another = Signed::sign(&inventory(), &key(99)).unwrap();
    let proven = opened(&grant()).unwrap();
    assert_eq!(
        proven.check(&by_another),
        Err(NoLook::Signature(VerifyError::Signature))
    );
}
