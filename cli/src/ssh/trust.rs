//! Whether the server that answers is the bastion that the CA named: pure.
//!
//! The SSH library has checked that the server holds the key of the certificate that it shows.
//! Who certified it, as what and until when is checked here, one refusal each.

use portreeve_protocol::certificate::bastion_principal;
use portreeve_protocol::session::BastionContact;
use portreeve_protocol::time::Timestamp;
use ssh_key::certificate::CertType;
use ssh_key::{Certificate, HashAlg};

/// Why a server is not the bastion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTheBastion {
    /// It shows a plain key, which nobody vouches for.
    #[error("it shows no host certificate")]
    NoCertificate,
    /// Its certificate is a user's.
    #[error("its certificate is not one of a host")]
    Kind,
    /// Its certificate names somebody else, or everybody.
    #[error("its certificate is for another name")]
    Name,
    /// Its certificate demands something that we do not understand.
    #[error("its certificate has a critical option, which none is known for hosts")]
    CriticalOption,
    /// Another CA signed, the signature does not hold, or it is not valid now.
    #[error(
        "its certificate is not of the CA that was named, altered, or not valid now; is the clock right?"
    )]
    NotValid,
}

/// Checks a host certificate against the bastion that the CA named.
///
/// # Errors
/// When it is not its certificate.
pub fn check(
    certificate: &Certificate,
    bastion: &BastionContact,
    now: Timestamp,
) -> Result<(), NotTheBastion> {
    if certificate.cert_type() != CertType::Host {
        return Err(NotTheBastion::Kind);
    }
    let name = bastion_principal(&bastion.name);
    if !certificate.valid_principals().contains(&name) {
        return Err(NotTheBastion::Name);
    }
    if certificate.critical_options().iter().next().is_some() {
        return Err(NotTheBastion::CriticalOption);
    }
    let authority = bastion.host_ca.data().fingerprint(HashAlg::Sha256);
    certificate
        .validate_at(now.as_unsigned_seconds(), [&authority])
        .map_err(|_| NotTheBastion::NotValid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::answer::tests::private;
    use crate::session::request::tests::{answer, public};
    use ssh_key::certificate::Builder;

    struct Shown {
        kind: CertType,
        principal: Option<&'static str>,
        option: Option<&'static str>,
        ca: u8,
        before: u64,
    }

    const GOOD: Shown = Shown {
        kind: CertType::Host,
        principal: Some("b1.bastion.portreeve"),
        option: None,
        ca: 98,
        before: 2_000,
    };

    fn checked(shown: &Shown) -> Result<(), NotTheBastion> {
        let mut builder = Builder::new(
            vec![1; 16],
            private(5).public_key().key_data().clone(),
            1_000,
            shown.before,
        )
        .unwrap();
        builder.cert_type(shown.kind).unwrap();
        match shown.principal {
            Some(principal) => builder.valid_principal(principal).unwrap(),
            None => builder.all_principals_valid().unwrap(),
        };
        if let Some(option) = shown.option {
            builder.critical_option(option, "").unwrap();
        }
        let certificate = builder.sign(&private(shown.ca)).unwrap();
        let bastion = answer("").bastions.remove(0);
        assert_eq!(bastion.host_ca, public(98));
        check(&certificate, &bastion, Timestamp::from_seconds(1_500))
    }

    #[test]
    fn only_the_named_bastions_certificate_is_believed() {
        assert_eq!(checked(&GOOD), Ok(()));
        for (shown, why) in [
            (
                Shown {
                    kind: CertType::User,
                    ..GOOD
                },
                NotTheBastion::Kind,
            ),
            (
                Shown {
                    principal: Some("b2.bastion.portreeve"),
                    ..GOOD
                },
                NotTheBastion::Name,
            ),
            (
                Shown {
                    principal: None,
                    ..GOOD
                },
                NotTheBastion::Name,
            ),
            (
                Shown {
                    option: Some("verify-required"),
                    ..GOOD
                },
                NotTheBastion::CriticalOption,
            ),
            (Shown { ca: 97, ..GOOD }, NotTheBastion::NotValid),
            (
                Shown {
                    before: 1_400,
                    ..GOOD
                },
                NotTheBastion::NotValid,
            ),
        ] {
            assert_eq!(checked(&shown), Err(why));
        }
    }
}
