//! The signer's core: a request and a moment in, an answer out. No socket, no clock, no file.

use std::sync::Mutex;

use portreeve_protocol::checkpoint::{Checkpoint, NotAVerifierKey, VerifierKey};
use portreeve_protocol::signed::{Signed, Statement};
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{self, ACCESS_TOKEN, DelegatedClaims, Header, Jwk};
use ssh_key::{HashAlg, LineEnding, SshSig};

use super::certificate::{self, CertificateError, Nonce, RoleKey};
use super::keys::{KeyStore, Role};
use super::limits::{Limits, Within};
use super::rate::Meter;
use super::{Kind, LogHead, PublicKeys, Refusal, Request, Response};

/// Keys and limits: answers everything that the signer may be asked.
pub(crate) struct Signatory {
    keys: Box<dyn KeyStore>,
    limits: Limits,
    log: VerifierKey,
    token_key_id: String,
    memory: Mutex<Memory>,
}

/// All that the signer remembers between requests.
struct Memory {
    meter: Meter,
    last_checkpoint: Option<LogHead>,
}

/// Why the keys cannot be used with these limits.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignatoryError {
    /// The log's name or key cannot stand in a checkpoint.
    #[error("the log cannot be called `{0}`")]
    Log(String, #[source] NotAVerifierKey),
    /// The token or log key is no Ed25519 key.
    #[error("the token and log keys must be Ed25519 keys")]
    Algorithm,
}

impl Signatory {
    /// Takes keys and limits.
    pub(crate) fn new(keys: Box<dyn KeyStore>, limits: Limits) -> Result<Self, SignatoryError> {
        let log = keys.public_key(Role::Log).ed25519();
        let log = VerifierKey::new(&limits.log_origin, &log.ok_or(SignatoryError::Algorithm)?)
            .map_err(|error| SignatoryError::Log(limits.log_origin.clone(), error))?;
        let token = Jwk::of(keys.public_key(Role::Token)).ok_or(SignatoryError::Algorithm)?;
        let memory = Mutex::new(Memory {
            meter: Meter::new(limits.rates()),
            last_checkpoint: None,
        });
        Ok(Self {
            keys,
            limits,
            log,
            token_key_id: token.thumbprint(),
            memory,
        })
    }

    /// Answers one request.
    pub(crate) fn answer(&self, request: Request, now: Timestamp, nonce: Nonce) -> Response {
        self.signed(request, now, nonce)
            .unwrap_or_else(|refusal| Response::Refused { refusal })
    }

    fn signed(&self, request: Request, now: Timestamp, nonce: Nonce) -> Result<Response, Refusal> {
        let (keys, limits) = (self.keys.as_ref(), &self.limits);
        if let Some(kind) = kind_of(&request) {
            self.remember(|memory| memory.meter.use_one(kind, now))?;
        }
        match request {
            Request::PublicKeys => Ok(Response::PublicKeys(Box::new(self.public_keys()))),
            Request::AccessCertificate(spec) => {
                let spec = limits.access(spec, now)?;
                certified(Kind::Access, certificate::access(keys, spec, nonce))
            }
            Request::SessionCertificate(spec) => {
                let spec = limits.session(spec, now)?;
                certified(Kind::Session, certificate::session(keys, spec, nonce))
            }
            Request::ControlCertificate(spec) => {
                let spec = limits.control(spec, now)?;
                certified(Kind::Control, certificate::control(keys, spec, nonce))
            }
            Request::BastionHostCertificate(spec) => {
                let spec = limits.bastion_host(spec, now)?;
                certified(
                    Kind::BastionHost,
                    certificate::bastion_host(keys, spec, nonce),
                )
            }
            Request::Order { order } => {
                let order = self.statement(Kind::Order, limits.order(*order, now)?)?;
                Ok(Response::Order { order })
            }
            Request::LookCertificate(spec) => {
                let spec = limits.look_certificate(spec, now)?;
                certified(Kind::LookCertificate, certificate::look(keys, spec, nonce))
            }
            Request::Look { order } => {
                let order = self.statement(Kind::Look, limits.look(*order, now)?)?;
                Ok(Response::Look { order })
            }
            Request::Token { claims } => self.token(limits.token(*claims, now)?),
            Request::Checkpoint(head) => self.remember(|memory| {
                let head = limits.checkpoint(head, memory.last_checkpoint)?;
                memory.last_checkpoint = Some(*head.get());
                self.checkpoint(head)
            }),
        }
    }

    /// What a host is told, signed by the order key under the namespace of its kind.
    fn statement<T: Statement>(
        &self,
        kind: Kind,
        statement: Within<T>,
    ) -> Result<Signed<T>, Refusal> {
        let payload = Signed::payload_of(&statement.into_inner()).map_err(|_| Refusal::Shape {
            kind,
            detail: "it has a canonical form".into(),
        })?;
        let key = RoleKey {
            keys: self.keys.as_ref(),
            role: Role::Order,
        };
        let signature = SshSig::sign(&key, T::NAMESPACE, HashAlg::Sha512, payload.as_bytes())
            .and_then(|signature| signature.to_pem(LineEnding::LF))
            .map_err(|_| Refusal::Key)?;
        Ok(Signed::assemble(payload, signature))
    }

    fn token(&self, claims: Within<DelegatedClaims>) -> Result<Response, Refusal> {
        let header = Header::new(ACCESS_TOKEN, Some(self.token_key_id.clone()));
        let input =
            token::signing_input(&header, &claims.into_inner()).map_err(|_| Refusal::Key)?;
        let signature = self.raw(Role::Token, input.as_bytes())?;
        Ok(Response::Token {
            token: token::assemble(&input, &signature),
        })
    }

    fn checkpoint(&self, head: Within<LogHead>) -> Result<Response, Refusal> {
        let LogHead { size, root } = head.into_inner();
        let checkpoint = Checkpoint {
            origin: self.log.name().to_owned(),
            size,
            root,
        };
        let signature = self.raw(Role::Log, checkpoint.text().as_bytes())?;
        Ok(Response::Checkpoint {
            note: checkpoint.signed(&self.log, &signature),
        })
    }

    fn raw(&self, role: Role, message: &[u8]) -> Result<[u8; 64], Refusal> {
        self.keys.sign(role, message).map_err(|_| Refusal::Key)
    }

    fn public_keys(&self) -> PublicKeys {
        let key = |role| self.keys.public_key(role).clone();
        PublicKeys {
            access_ca: key(Role::AccessCa),
            session_ca: key(Role::SessionCa),
            bastion_host_ca: key(Role::BastionHostCa),
            order: key(Role::Order),
            token: key(Role::Token),
            log: key(Role::Log),
            log_verifier: self.log.to_string(),
        }
    }

    /// What a panic under the lock leaves is whole: every step writes one value.
    fn remember<T>(&self, with: impl FnOnce(&mut Memory) -> T) -> T {
        with(
            &mut self
                .memory
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}

const fn kind_of(request: &Request) -> Option<Kind> {
    match request {
        Request::PublicKeys => None,
        Request::AccessCertificate(_) => Some(Kind::Access),
        Request::SessionCertificate(_) => Some(Kind::Session),
        Request::ControlCertificate(_) => Some(Kind::Control),
        Request::BastionHostCertificate(_) => Some(Kind::BastionHost),
        Request::Order { .. } => Some(Kind::Order),
        Request::LookCertificate(_) => Some(Kind::LookCertificate),
        Request::Look { .. } => Some(Kind::Look),
        Request::Token { .. } => Some(Kind::Token),
        Request::Checkpoint(_) => Some(Kind::Checkpoint),
    }
}

fn certified(
    kind: Kind,
    certificate: Result<String, CertificateError>,
) -> Result<Response, Refusal> {
    match certificate {
        Ok(certificate) => Ok(Response::Certificate { certificate }),
        Err(CertificateError::TooLong) => Err(Refusal::Shape {
            kind,
            detail: CertificateError::TooLong.to_string(),
        }),
        Err(CertificateError::Ssh(_)) => Err(Refusal::Key),
    }
}
