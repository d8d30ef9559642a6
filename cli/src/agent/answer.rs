//! What the agent answers: pure, bytes to bytes.
//!
//! Two requests are served: listing the one certificate, and signing a login with it. What is to
//! be signed is read first, so the socket cannot be used to log in as somebody else, to sign a
//! file, or to sign anything but an SSH login with this certificate.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use portreeve_protocol::key::MAX_BLOB;
use portreeve_protocol::name::AccountName;
use ssh_key::Certificate;

use crate::agent::wire::{Malformed, Reader, put_string};

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
/// SSH_MSG_USERAUTH_REQUEST (RFC 4252, section 6).
const USERAUTH_REQUEST: u8 = 50;

/// The one identity of an agent: a session's key with its access certificate.
pub struct Identity {
    key: SigningKey,
    certificate: Vec<u8>,
    comment: String,
    account: AccountName,
}

/// Why key and certificate make no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnIdentity {
    /// The certificate is not one line of OpenSSH's format, or too long.
    #[error("the certificate is not understood")]
    Certificate,
    /// It certifies another key.
    #[error("the certificate is for another key")]
    OtherKey,
    /// It is not for exactly one session account.
    #[error("the certificate is not for one session account")]
    Account,
}

impl Identity {
    /// Puts a key and its certificate together.
    ///
    /// # Errors
    /// When they do not belong together, or it is no certificate for one account.
    pub fn new(key: SigningKey, certificate: &str) -> Result<Self, NotAnIdentity> {
        if certificate.len() > MAX_BLOB {
            return Err(NotAnIdentity::Certificate);
        }
        let certificate = Certificate::from_openssh(certificate.trim())
            .map_err(|_| NotAnIdentity::Certificate)?;
        let certified = certificate.public_key().ed25519().map(|key| key.0);
        if certified != Some(key.verifying_key().to_bytes()) {
            return Err(NotAnIdentity::OtherKey);
        }
        let [account] = certificate.valid_principals() else {
            return Err(NotAnIdentity::Account);
        };
        Ok(Self {
            key,
            account: account.parse().map_err(|_| NotAnIdentity::Account)?,
            comment: certificate.key_id().to_owned(),
            certificate: certificate
                .to_bytes()
                .map_err(|_| NotAnIdentity::Certificate)?,
        })
    }

    /// The answer to one message.
    #[must_use]
    pub fn answer(&self, message: &[u8]) -> Vec<u8> {
        self.understood(message)
            .unwrap_or_else(|Malformed| vec![FAILURE])
    }

    fn understood(&self, message: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut request = Reader::new(message);
        match request.byte()? {
            REQUEST_IDENTITIES => {
                request.end()?;
                let mut answer = vec![IDENTITIES_ANSWER, 0, 0, 0, 1];
                put_string(&mut answer, &self.certificate);
                put_string(&mut answer, self.comment.as_bytes());
                Ok(answer)
            }
            SIGN_REQUEST => {
                let key = request.string()?;
                let data = request.string()?;
                // The flags choose among RSA's hashes; Ed25519 has no choice.
                let _ = request.number()?;
                request.end()?;
                if key != self.certificate || !self.is_login(data)? {
                    return Ok(vec![FAILURE]);
                }
                let mut signature = Vec::with_capacity(83);
                put_string(&mut signature, b"ssh-ed25519");
                put_string(&mut signature, &self.key.sign(data).to_bytes());
                let mut answer = vec![SIGN_RESPONSE];
                put_string(&mut answer, &signature);
                Ok(answer)
            }
            _ => Ok(vec![FAILURE]),
        }
    }

    /// Whether `data` is what a client signs to log in to our account with our certificate
    /// (RFC 4252, section 7, and OpenSSH's host-bound form of it).
    fn is_login(&self, data: &[u8]) -> Result<bool, Malformed> {
        let mut data = Reader::new(data);
        let _session_id = data.string()?;
        let message = data.byte()?;
        let user = data.string()?;
        let service = data.string()?;
        let method = data.string()?;
        let signed = data.byte()?;
        let _algorithm = data.string()?;
        let key = data.string()?;
        match method {
            b"publickey" => {}
            b"publickey-hostbound-v00@openssh.com" => {
                let _host_key = data.string()?;
            }
            _ => return Ok(false),
        }
        data.end()?;
        Ok(message == USERAUTH_REQUEST
            && user == self.account.as_str().as_bytes()
            && service == b"ssh-connection"
            && signed == 1
            && key == self.certificate)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.account)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ssh_key::certificate::{Builder, CertType};
    use ssh_key::private::{Ed25519Keypair, KeypairData};

    pub(crate) const ACCOUNT: &str = "pr-0123456789abcdef";

    pub(crate) fn private(seed: u8) -> ssh_key::PrivateKey {
        let pair = Ed25519Keypair::from_seed(&[seed; 32]);
        ssh_key::PrivateKey::new(KeypairData::Ed25519(pair), "").unwrap()
    }

    /// A certificate on the key of `seed`, for these principals, by the CA of seed 99.
    pub(crate) fn certificate(seed: u8, principals: &[&str]) -> String {
        let subject = private(seed);
        let mut builder = Builder::new(
            [7; 16].to_vec(),
            subject.public_key().key_data().clone(),
            0,
            u64::MAX - 1,
        )
        .unwrap();
        builder.cert_type(CertType::User).unwrap();
        builder.key_id("portreeve access").unwrap();
        if principals.is_empty() {
            builder.all_principals_valid().unwrap();
        }
        for principal in principals {
            builder.valid_principal(*principal).unwrap();
        }
        builder.sign(&private(99)).unwrap().to_openssh().unwrap()
    }

    pub(crate) fn identity() -> Identity {
        Identity::new(
            SigningKey::from_bytes(&[1; 32]),
            &certificate(1, &[ACCOUNT]),
        )
        .unwrap()
    }

    fn login(identity: &Identity, user: &str, method: &str) -> Vec<u8> {
        let mut data = Vec::new();
        put_string(&mut data, &[3; 32]);
        data.push(USERAUTH_REQUEST);
        put_string(&mut data, user.as_bytes());
        put_string(&mut data, b"ssh-connection");
        put_string(&mut data, method.as_bytes());
        data.push(1);
        put_string(&mut data, b"ssh-ed25519-cert-v01@openssh.com");
        put_string(&mut data, &identity.certificate);
        data
    }

    fn sign_request(key: &[u8], data: &[u8]) -> Vec<u8> {
        let mut message = vec![SIGN_REQUEST];
        put_string(&mut message, key);
        put_string(&mut message, data);
        message.extend_from_slice(&[0; 4]);
        message
    }

    #[test]
    fn a_login_is_signed_and_nothing_else() {
        let identity = identity();
        let certificate = identity.certificate.clone();
        let data = login(&identity, ACCOUNT, "publickey");
        let answer = identity.answer(&sign_request(&certificate, &data));
        assert_eq!(answer[0], SIGN_RESPONSE);
        let signature = ed25519_dalek::Signature::from_slice(&answer[answer.len() - 64..]).unwrap();
        identity
            .key
            .verifying_key()
            .verify_strict(&data, &signature)
            .unwrap();

        let mut sshsig = b"SSHSIG".to_vec();
        put_string(&mut sshsig, b"file");
        let mut longer = data.clone();
        longer.push(0);
        for (what, key, data) in [
            (
                "another user",
                &certificate,
                login(&identity, "root", "publickey"),
            ),
            (
                "another method",
                &certificate,
                login(&identity, ACCOUNT, "hostbased"),
            ),
            ("a file", &certificate, sshsig),
            ("a longer text", &certificate, longer),
            ("nothing", &certificate, Vec::new()),
            ("another key", &vec![1, 2, 3], data.clone()),
        ] {
            assert_eq!(
                identity.answer(&sign_request(key, &data)),
                [FAILURE],
                "{what}"
            );
        }
    }

    #[test]
    fn every_other_request_fails() {
        let identity = identity();
        for kind in (0..=255).filter(|kind| !matches!(*kind, REQUEST_IDENTITIES | SIGN_REQUEST)) {
            assert_eq!(identity.answer(&[kind, 0, 0, 0, 1]), [FAILURE], "{kind}");
        }
        assert_eq!(identity.answer(&[]), [FAILURE]);
        assert_eq!(identity.answer(&[REQUEST_IDENTITIES, 0]), [FAILURE]);
        assert_eq!(identity.answer(&[SIGN_REQUEST, 255]), [FAILURE]);
    }

    #[test]
    fn key_and_certificate_must_belong_together() {
        let make = |seed, principals: &[&str]| {
            Identity::new(
                SigningKey::from_bytes(&[1; 32]),
                &certificate(seed, principals),
            )
            .unwrap_err()
        };
        assert_eq!(make(2, &[ACCOUNT]), NotAnIdentity::OtherKey);
        assert_eq!(make(1, &[]), NotAnIdentity::Account);
        assert_eq!(make(1, &["root"]), NotAnIdentity::Account);
        assert_eq!(
            make(1, &[ACCOUNT, "pr-0000000000000000"]),
            NotAnIdentity::Account
        );
        let key = SigningKey::from_bytes(&[1; 32]);
        assert_eq!(
            Identity::new(key, "ssh-ed25519 AAAA").unwrap_err(),
            NotAnIdentity::Certificate
        );
    }
}
