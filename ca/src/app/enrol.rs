//! Making a host or a bastion known. The one-time token is the authority; nobody signs in.

use std::time::Duration;

use portreeve_protocol::admin::HostRecord;
use portreeve_protocol::age::Recipient;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::enrol::{BastionEnrolled, BastionEnrolment, HostEnrolment, HostProof};
use portreeve_protocol::event::MachineFact;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::problem::Code;

use super::record::machine;
use super::{App, Failure, Origin};
use crate::entropy;
use crate::sign::{BastionHostSpec, Validity};
use crate::store::{self, Change, CommitError, Refusal, StoreError};

/// How much earlier than now it begins, for clocks that are behind ours.
const EARLIER: Duration = Duration::from_secs(30);
/// The most host keys of one sshd.
const MAX_HOST_KEYS: usize = 8;
/// The longest description of a sudo.
const MAX_SUDO: usize = 200;

impl App {
    /// Enrols a host by the proof that its administrator brings.
    ///
    /// # Errors
    /// When the proof is not the host's own, the token does not hold, or the store fails.
    pub async fn enrol_host(
        &self,
        proof: &HostProof,
        origin: Origin,
    ) -> Result<HostRecord, Failure> {
        let enrolment = match check_proof(proof) {
            Ok(enrolment) => enrolment,
            Err(detail) => {
                let claimed = "a host's enrolment";
                let told = Some(detail.as_str());
                return Err(self
                    .refuse_claim(claimed, detail.clone(), Code::Invalid, told, origin)
                    .await);
            }
        };
        let host = enrolment.host.clone();
        let change = Change::EnrolHost {
            host: host.clone(),
            token: Digest::of(enrolment.token.expose().as_bytes()),
            enrolled: store::HostEnrolled {
                identity: enrolment.identity,
                host_keys: enrolment.host_keys,
                sudo: enrolment.sudo,
            },
            at: origin.at,
        };
        let enrolled = machine(origin.at, MachineFact::HostEnrolled { host: host.clone() });
        match self.store.commit(vec![change], vec![enrolled]).await {
            Ok(_) => {}
            Err(CommitError::Refused(Refusal::Token | Refusal::Missing)) => {
                return Err(self.refuse_ticket(&format!("host:{host}"), origin).await);
            }
            Err(error) => return Err(error.into()),
        }
        let record = self.store.host(&host).await?.map(|host| host.record);
        record.ok_or_else(|| {
            Failure::Store(StoreError::Damaged {
                what: "host",
                detail: "it is gone right after it was enrolled".into(),
            })
        })
    }

    /// Enrols a bastion and certifies its host key.
    ///
    /// # Errors
    /// When its keys are not usable, the token does not hold, or store or signer fail.
    pub async fn enrol_bastion(
        &self,
        request: BastionEnrolment,
        origin: Origin,
    ) -> Result<BastionEnrolled, Failure> {
        let recipient = check_bastion(&request)?;
        // The token is used up by the next step: better to learn now that nothing can be signed.
        self.signer.public_keys().await?;
        let bastion = request.bastion.clone();
        let change = Change::EnrolBastion {
            bastion: bastion.clone(),
            token: Digest::of(request.token.expose().as_bytes()),
            enrolled: store::BastionEnrolled {
                identity: request.identity,
                host_key: request.host_key.clone(),
                recipient,
            },
            at: origin.at,
        };
        let enrolled = machine(
            origin.at,
            MachineFact::BastionEnrolled {
                bastion: bastion.clone(),
            },
        );
        match self.store.commit(vec![change], vec![enrolled]).await {
            Ok(_) => {}
            Err(CommitError::Refused(Refusal::Token | Refusal::Missing)) => {
                return Err(self
                    .refuse_ticket(&format!("bastion:{bastion}"), origin)
                    .await);
            }
            Err(error) => return Err(error.into()),
        }
        let host_certificate = self
            .signer
            .bastion_host_certificate(BastionHostSpec {
                serial: entropy::serial(),
                key: request.host_key,
                bastion,
                validity: Validity {
                    from: origin.at.minus(EARLIER),
                    until: origin
                        .at
                        .plus(self.settings.bastion_certificate_ttl.as_duration()),
                },
            })
            .await?;
        Ok(BastionEnrolled {
            host_certificate,
            access_ca: self.keys.access_ca.clone(),
            issuer: self.settings.issuer.clone(),
            review_recipients: self.settings.review_recipients.clone(),
        })
    }

    /// What is told of a token that does not hold, whether or not there is such a host or bastion.
    async fn refuse_ticket(&self, claimed: &str, origin: Origin) -> Failure {
        self.refuse_claim(
            claimed,
            "the one-time token does not hold".into(),
            Code::Unauthenticated,
            Some("the one-time token is not accepted; ask an administrator for a new one"),
            origin,
        )
        .await
    }
}

/// The enrolment, if the key that it names signed it; otherwise what is wrong with it.
fn check_proof(proof: &HostProof) -> Result<HostEnrolment, String> {
    let enrolment = proof
        .enrolment
        .verify(&proof.identity)
        .map_err(|error| error.to_string())?
        .into_inner();
    if enrolment.identity != proof.identity {
        return Err("the enrolment names another identity key than the one that signed it".into());
    }
    if !(1..=MAX_HOST_KEYS).contains(&enrolment.host_keys.len()) {
        return Err("an enrolment has 1 to 8 host keys".into());
    }
    if enrolment.host_keys.contains(&enrolment.identity) {
        return Err("the identity key must not be a host key of sshd".into());
    }
    if enrolment.sudo.len() > MAX_SUDO || enrolment.sudo.chars().any(char::is_control) {
        return Err("`sudo` is one line of at most 200 characters".into());
    }
    Ok(enrolment)
}

fn check_bastion(request: &BastionEnrolment) -> Result<Recipient, Failure> {
    let invalid = |detail: &str| Failure::advise(Code::Invalid, detail);
    if PublicKey::ed25519(&request.identity).is_none() {
        return Err(invalid("`identity` must be an Ed25519 key"));
    }
    if request.identity == request.host_key {
        return Err(invalid("`identity` and `host_key` must be two keys"));
    }
    request
        .recipient
        .parse()
        .map_err(|error| invalid(&format!("`recipient`: {error}")))
}
