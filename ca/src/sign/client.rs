//! The server's end of the signer's socket: one connection, over which many callers' batches travel
//! at the same time.

mod connection;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use portreeve_protocol::look::LookOrder;
use portreeve_protocol::order::Order;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::token::DelegatedClaims;
use tokio::sync::{mpsc, oneshot};

use super::{
    AccessSpec, BastionHostSpec, ControlSpec, LogHead, LookSpec, PublicKeys, Refusal, Request,
    Response, SessionSpec,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many batches may wait to be sent.
const QUEUE: usize = 1024;

/// Asks the signer. Cheap to clone; reconnects by itself.
#[derive(Debug, Clone)]
pub struct SignerClient {
    outbox: mpsc::Sender<Batch>,
}

/// Requests that are answered together, and who waits for the answers.
#[derive(Debug)]
struct Batch {
    requests: Vec<Request>,
    answer: oneshot::Sender<io::Result<Vec<Response>>>,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The signer does not answer.
    #[error("the signer does not answer: check that `portreeve-ca signer` runs")]
    Unreachable(#[source] io::Error),
    /// The request is beyond the signer's limits.
    #[error("the signer refused: {0}")]
    Refused(Refusal),
    /// The signer answered something else than what was asked.
    #[error("the signer gave an answer that does not fit the request")]
    Confused,
}

impl SignerClient {
    /// A client of the signer at `socket`. It connects when it is first asked, and again whenever
    /// the connection is lost; its task ends with its last clone. Call it within the runtime.
    #[must_use]
    pub fn new(socket: PathBuf) -> Self {
        let (outbox, inbox) = mpsc::channel(QUEUE);
        tokio::spawn(connection::keep(socket, inbox));
        Self { outbox }
    }

    /// The public halves of the signer's keys.
    ///
    /// # Errors
    /// When the signer does not answer.
    pub async fn public_keys(&self) -> Result<PublicKeys, SignerError> {
        let answer = self.one(Request::PublicKeys).await?;
        if let Response::PublicKeys(keys) = answer {
            Ok(*keys)
        } else {
            Err(unexpected(answer))
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

    /// What one look takes, in one exchange: the control certificate and the order.
    ///
    /// # Errors
    /// When the signer does not answer or refuses one of them.
    pub async fn look(
        &self,
        control: LookSpec,
        order: LookOrder,
    ) -> Result<(String, Signed<LookOrder>), SignerError> {
        let order = Box::new(order);
        let requests = vec![Request::LookCertificate(control), Request::Look { order }];
        let mut answers = self.ask(requests).await?.into_iter();
        let control = certificate(answers.next())?;
        match answers.next() {
            Some(Response::Look { order }) => Ok((control, order)),
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
        let answer = self.one(Request::Token { claims }).await?;
        if let Response::Token { token } = answer {
            Ok(token)
        } else {
            Err(unexpected(answer))
        }
    }

    /// A signed checkpoint.
    ///
    /// # Errors
    /// When the signer does not answer or refuses.
    pub async fn checkpoint(&self, head: LogHead) -> Result<String, SignerError> {
        let answer = self.one(Request::Checkpoint(head)).await?;
        if let Response::Checkpoint { note } = answer {
            Ok(note)
        } else {
            Err(unexpected(answer))
        }
    }

    async fn one(&self, request: Request) -> Result<Response, SignerError> {
        let mut answers = self.ask(vec![request]).await?;
        answers.pop().ok_or(SignerError::Confused)
    }

    /// Sends a batch and waits for its answers. A connection that breaks is tried once more: the
    /// signer may have been started anew, and to sign twice what is used once does no harm.
    async fn ask(&self, requests: Vec<Request>) -> Result<Vec<Response>, SignerError> {
        let expected = requests.len();
        let answers = match self.ask_once(requests.clone()).await {
            Err(error) if error.kind() != io::ErrorKind::TimedOut => self.ask_once(requests).await,
            answered => answered,
        };
        match answers {
            Ok(answers) if answers.len() == expected => Ok(answers),
            Ok(_) => Err(SignerError::Confused),
            Err(error) => Err(SignerError::Unreachable(error)),
        }
    }

    async fn ask_once(&self, requests: Vec<Request>) -> io::Result<Vec<Response>> {
        let (answer, answered) = oneshot::channel();
        let exchange = async {
            let batch = Batch { requests, answer };
            self.outbox.send(batch).await.map_err(|_| broken())?;
            answered.await.map_err(|_| broken())?
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

fn broken() -> io::Error {
    io::Error::from(io::ErrorKind::BrokenPipe)
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
