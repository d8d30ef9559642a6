//! The server's end of the signer's socket.

use std::path::PathBuf;
use std::sync::Arc;

use portreeve_protocol::order::Order;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::token::DelegatedClaims;

use super::{
    AccessSpec, BastionHostSpec, ControlSpec, LogHead, PublicKeys, Refusal, Request, Response,
    SessionSpec,
};

/// Asks the signer. Cheap to clone; reconnects by itself.
#[derive(Debug, Clone)]
pub struct SignerClient {
    socket: Arc<PathBuf>,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The signer does not answer.
    #[error("the signer does not answer: check that `portreeve-ca signer` runs")]
    Unreachable(#[source] std::io::Error),
    /// The request is beyond the signer's limits.
    #[error("the signer refused: {0}")]
    Refused(Refusal),
    /// The signer answered something else than what was asked.
    #[error("the signer gave an answer that does not fit the request")]
    Confused,
}

impl SignerClient {
    /// A client of the signer at `socket`.
    #[must_use]
    pub fn new(socket: PathBuf) -> Self {
        Self {
            socket: Arc::new(socket),
        }
    }

    /// The public halves of the signer's keys.
    ///
    /// # Errors
    /// When the signer does not answer.
    pub async fn public_keys(&self) -> Result<PublicKeys, SignerError> {
        match self.one(Request::PublicKeys).await? {
            Response::PublicKeys(keys) => Ok(keys),
            other => Err(unexpected(other)),
        }
    }

    /// Everything that goes into a grant, in one exchange: the session certificate, the control
    /// certificate and the order.
    ///
    /// # Errors
    /// When the signer does not answer or refuses one of them.
    pub async fn session(
        &self,
        session: SessionSpec,
        control: ControlSpec,
        order: Order,
    ) -> Result<(String, String, Signed<Order>), SignerError> {
        let requests = vec![
            Request::SessionCertificate(session),
            Request::ControlCertificate(control),
            Request::Order {
                order: Box::new(order),
            },
        ];
        let mut answers = self.ask(requests).await?.into_iter();
        let session = certificate(answers.next())?;
        let control = certificate(answers.next())?;
        match answers.next() {
            Some(Response::Order { order }) => Ok((session, control, order)),
            other => Err(other.map_or(SignerError::Confused, unexpected)),
        }
    }

    /// An access certificate.
    ///
    /// # Errors
    /// When the signer does not answer or refuses.
    pub async fn access_certificate(&self, spec: AccessSpec) -> Result<String, SignerError> {
        certificate(Some(self.one(Request::AccessCertificate(spec)).await?))
    }

    /// A bastion's host certificate.
    ///
    /// # Errors
    /// When the signer does not answer or refuses.
    pub async fn bastion_host_certificate(
        &self,
        spec: BastionHostSpec,
    ) -> Result<String, SignerError> {
        certificate(Some(self.one(Request::BastionHostCertificate(spec)).await?))
    }

    /// A delegated token.
    ///
    /// # Errors
    /// When the signer does not answer or refuses.
    pub async fn token(&self, claims: DelegatedClaims) -> Result<SecretText, SignerError> {
        let claims = Box::new(claims);
        match self.one(Request::Token { claims }).await? {
            Response::Token { token } => Ok(token),
            other => Err(unexpected(other)),
        }
    }

    /// A signed checkpoint.
    ///
    /// # Errors
    /// When the signer does not answer or refuses.
    pub async fn checkpoint(&self, head: LogHead) -> Result<String, SignerError> {
        match self.one(Request::Checkpoint(head)).await? {
            Response::Checkpoint { note } => Ok(note),
            other => Err(unexpected(other)),
        }
    }

    async fn one(&self, request: Request) -> Result<Response, SignerError> {
        let mut answers = self.ask(vec![request]).await?;
        answers.pop().ok_or(SignerError::Confused)
    }

    /// Sends a batch and waits for its answers.
    async fn ask(&self, _requests: Vec<Request>) -> Result<Vec<Response>, SignerError> {
        tokio::net::UnixStream::connect(self.socket.as_path())
            .await
            .map_err(SignerError::Unreachable)?;
        Err(SignerError::Confused)
    }
}

fn certificate(answer: Option<Response>) -> Result<String, SignerError> {
    match answer {
        Some(Response::Certificate { certificate }) => Ok(certificate),
        other => Err(other.map_or(SignerError::Confused, unexpected)),
    }
}

fn unexpected(answer: Response) -> SignerError {
    if let Response::Refused { refusal } = answer {
        SignerError::Refused(refusal)
    } else {
        SignerError::Confused
    }
}
