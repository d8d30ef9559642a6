//! One spoiled certificate per rule.

#[path = "../../tests/common/mint.rs"]
pub(crate) mod mint;

use std::net::IpAddr;

use portreeve_protocol::age::{Identity, OpenError, Recipient};
use portreeve_protocol::certificate::{
    EXTENSION_BUNDLE, EXTENSION_GRANT, EXTENSION_SESSION, OPTION_BASTION, OPTION_SOURCE_ADDRESS,
};
use portreeve_protocol::grant::Grant;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::problem::Code;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use ssh_key::certificate::CertType;

use super::{Acceptor, AccessProven, Reason, Refusal, Shown};
use mint::{Draft, Mint, key, public};

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fn unsealing() -> Identity {
    Identity::from_secret_bytes(&[12; 32])
}

fn recipient() -> Recipient {
    unsealing().recipient()
}

fn acceptor() -> Acceptor {
    Acceptor {
        name: "bastion-1".parse().unwrap(),
        access_ca: public(&key(1)),
        unsealing: unsealing(),
    }
}

fn judge(draft: &Draft, at: Timestamp) -> Result<AccessProven, Refusal> {
    let certificate = draft.sign();
    let user = Mint::new(NOW).session.account().to_string();
    acceptor().accept(
        Shown {
            certificate: &certificate,
            user: &user,
            peer: PEER,
        },
        at,
    )
}

fn judge_draft(spoil: impl FnOnce(&Mint, &mut Draft)) -> Result<AccessProven, Refusal> {
    let mint = Mint::new(NOW);
    let mut draft = mint.draft(&mint.grant(), recipient());
    spoil(&mint, &mut draft);
    judge(&draft, NOW)
}

fn judge_grant(spoil: impl FnOnce(&Mint, &mut Grant)) -> Result<AccessProven, Refusal> {
    let mint = Mint::new(NOW);
    let mut grant = mint.grant();
    spoil(&mint, &mut grant);
    judge(&mint.draft(&grant, recipient()), NOW)
}

/// A proof for tests of what comes after it.
pub(crate) fn proven(mint: &Mint) -> AccessProven {
    let certificate = mint.draft(&mint.grant(), recipient()).sign();
    let user = mint.session.account().to_string();
    let shown = Shown {
        certificate: &certificate,
        user: &user,
        peer: PEER,
    };
    acceptor().accept(shown, mint.now).unwrap()
}

#[track_caller]
fn check(judged: Result<AccessProven, Refusal>, expected: Reason) {
    assert_eq!(judged.unwrap_err().reason, expected);
}

#[test]
fn a_certificate_as_the_ca_makes_it_is_accepted() {
    let proven = judge_draft(|_, _| {}).unwrap();
    assert_eq!(proven.grant().pair, Mint::new(NOW).pair());
    assert_eq!(proven.serial(), 40);
    assert_eq!(proven.session_certificate().serial(), 41);
}

#[test]
fn one_larger_than_any_of_ours_is_refused() {
    check(
        judge_draft(|_, draft| draft.set_extension("padding@example.com", &"x".repeat(17 * 1024))),
        Reason::TooLarge,
    );
}

#[test]
fn one_that_certifies_a_host_is_refused() {
    check(
        judge_draft(|_, draft| draft.kind = CertType::Host),
        Reason::NotAUserCertificate,
    );
}

#[test]
fn one_of_another_ca_is_refused() {
    check(
        judge_draft(|_, draft| draft.signer = key(99)),
        Reason::OtherCa,
    );
    check(
        judge_draft(|mint, draft| draft.signer = mint.session_ca.clone()),
        Reason::OtherCa,
    );
}

#[test]
fn one_altered_after_signing_is_refused() {
    let mint = Mint::new(NOW);
    let mut bytes = mint
        .draft(&mint.grant(), recipient())
        .sign()
        .to_bytes()
        .unwrap();
    let at = bytes
        .windows(7)
        .position(|w| w == b"INC-471")
        .or_else(|| bytes.windows(16).position(|w| w == b"portreeve access"));
    bytes[at.unwrap()] ^= 1;
    let certificate = ssh_key::Certificate::from_bytes(&bytes).unwrap();
    let user = mint.session.account().to_string();
    let shown = Shown {
        certificate: &certificate,
        user: &user,
        peer: PEER,
    };
    check(acceptor().accept(shown, NOW), Reason::OtherCa);
}

#[test]
fn one_whose_time_has_not_come_is_refused() {
    let soon = NOW.as_unsigned_seconds() + 1;
    check(
        judge_draft(|_, draft| draft.valid_after = soon),
        Reason::NotYetValid,
    );
}

#[test]
fn one_whose_time_is_over_is_refused_from_the_first_second() {
    let now = NOW.as_unsigned_seconds();
    check(
        judge_draft(|_, draft| draft.valid_before = now),
        Reason::Expired,
    );
    assert!(judge_draft(|_, draft| draft.valid_before = now + 1).is_ok());
}

#[test]
fn the_user_name_must_be_the_only_principal() {
    check(
        judge_draft(|_, draft| draft.principals = vec![]),
        Reason::WrongPrincipal,
    );
    check(
        judge_draft(|_, draft| draft.principals = vec!["root".into()]),
        Reason::WrongPrincipal,
    );
    check(
        judge_draft(|_, draft| draft.principals.push("root".into())),
        Reason::WrongPrincipal,
    );
}

#[test]
fn an_unknown_critical_option_is_refused() {
    for name in ["force-command", "verify-required", "mystery@example.com"] {
        check(
            judge_draft(|_, draft| draft.set_option(name, "x")),
            Reason::UnknownOption,
        );
    }
}

#[test]
fn one_for_other_bastions_is_refused() {
    for names in [
        "bastion-2",
        "",
        "bastion-10",
        "bastion",
        "bastion-2,bastion-3",
    ] {
        check(
            judge_draft(|_, draft| draft.set_option(OPTION_BASTION, names)),
            Reason::OtherBastion,
        );
    }
    check(
        judge_draft(|_, draft| draft.options.retain(|(name, _)| name != OPTION_BASTION)),
        Reason::OtherBastion,
    );
    assert_eq!(
        judge_draft(|_, draft| draft.set_option(OPTION_BASTION, "bastion-2"))
            .unwrap_err()
            .code(),
        Code::SessionUnavailable
    );
}

#[test]
fn one_for_another_address_is_refused() {
    for list in ["198.51.100.1/32", "", "nonsense"] {
        check(
            judge_draft(|_, draft| draft.set_option(OPTION_SOURCE_ADDRESS, list)),
            Reason::WrongAddress,
        );
    }
    let without = judge_draft(|_, draft| {
        draft
            .options
            .retain(|(name, _)| name != OPTION_SOURCE_ADDRESS)
    });
    assert!(without.is_ok());
}

#[test]
fn a_certificate_names_the_version_of_the_bundle_that_its_grant_holds() {
    check(
        judge_draft(|_, draft| draft.extensions.retain(|(n, _)| n != EXTENSION_BUNDLE)),
        Reason::MalformedExtension,
    );
    let zeros = "0".repeat(64);
    for other in ["", "?", &format!("look@sha256:{zeros}")] {
        check(
            judge_draft(|_, draft| draft.set_extension(EXTENSION_BUNDLE, other)),
            Reason::OtherSession,
        );
    }
}

#[test]
fn both_extensions_must_be_there_and_in_form() {
    for name in [EXTENSION_SESSION, EXTENSION_GRANT] {
        check(
            judge_draft(|_, draft| draft.extensions.retain(|(n, _)| n != name)),
            Reason::MalformedExtension,
        );
        check(
            judge_draft(|_, draft| draft.set_extension(name, "?")),
            Reason::MalformedExtension,
        );
    }
}

#[test]
fn a_grant_sealed_to_another_bastion_is_refused() {
    let other = Identity::from_secret_bytes(&[13; 32]).recipient();
    check(
        judge_draft(|mint, draft| {
            draft.set_extension(EXTENSION_GRANT, &Mint::seal(&mint.grant(), &[other]));
        }),
        Reason::SealedToAnother,
    );
}

#[test]
fn an_altered_grant_is_refused() {
    check(
        judge_draft(|mint, draft| {
            let sealed = Mint::seal(&mint.grant(), &[recipient()]);
            let altered = format!("{}AAAA", sealed.get(..sealed.len() - 4).unwrap());
            draft.set_extension(EXTENSION_GRANT, &altered);
        }),
        Reason::GrantDamaged(OpenError::Damaged),
    );
}

#[test]
fn what_is_sealed_must_be_a_grant() {
    use base64ct::{Base64Unpadded, Encoding as _};
    check(
        judge_draft(|_, draft| {
            let sealed =
                portreeve_protocol::age::seal(&[recipient()], b"{}", &mut |bytes: &mut [u8]| {
                    bytes.fill(1)
                });
            draft.set_extension(
                EXTENSION_GRANT,
                &Base64Unpadded::encode_string(&sealed.unwrap()),
            );
        }),
        Reason::MalformedGrant,
    );
}

#[test]
fn a_grant_of_another_session_is_refused() {
    let other = SessionId::new(NOW, [77; 10]);
    check(
        judge_grant(|_, grant| grant.session = other),
        Reason::OtherSession,
    );
    check(
        judge_grant(|_, grant| grant.account = other.account()),
        Reason::OtherSession,
    );
    check(
        judge_draft(|_, draft| draft.set_extension(EXTENSION_SESSION, &other.to_string())),
        Reason::OtherSession,
    );
    check(
        judge_grant(|mint, grant| {
            let mut order = mint.order();
            order.session = other;
            grant.order = Signed::sign(&order, &mint.order_key).unwrap();
        }),
        Reason::OtherSession,
    );
    check(
        judge_grant(|_, grant| grant.host.name = "prod-2.example.com".parse().unwrap()),
        Reason::OtherSession,
    );
}

#[test]
fn a_grant_for_another_key_is_refused() {
    check(
        judge_grant(|_, grant| grant.access_key = public(&key(98)).fingerprint()),
        Reason::OtherKey,
    );
    check(
        judge_draft(|_, draft| draft.key = key(98)),
        Reason::OtherKey,
    );
}

#[test]
fn inner_certificates_must_belong_to_the_grant() {
    check(
        judge_grant(|_, grant| grant.session_certificate = grant.control_certificate.clone()),
        Reason::InnerCertificate,
    );
    check(
        judge_grant(|_, grant| grant.control_certificate = grant.session_certificate.clone()),
        Reason::InnerCertificate,
    );
    check(
        judge_grant(|_, grant| grant.session_certificate = "ssh-ed25519 AAAA".into()),
        Reason::InnerCertificate,
    );
    check(
        judge_grant(|mint, grant| {
            let mut order = mint.order();
            order.session_serial += 1;
            grant.order = Signed::sign(&order, &mint.order_key).unwrap();
        }),
        Reason::InnerCertificate,
    );
}

#[test]
fn a_grant_whose_time_is_over_is_refused() {
    check(
        judge_grant(|_, grant| grant.expires_at = NOW),
        Reason::SessionOver,
    );
}

#[test]
fn refusals_know_whose_they_are_once_that_is_proved() {
    let early = judge_draft(|_, draft| draft.signer = key(99)).unwrap_err();
    assert_eq!((early.session, early.whose), (None, None));
    let late = judge_grant(|_, grant| grant.expires_at = NOW).unwrap_err();
    assert_eq!(late.whose.unwrap().0, Mint::new(NOW).pair());
}
