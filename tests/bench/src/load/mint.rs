//! Session requests over some connections at once, each with a proof of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ed25519_dalek::SigningKey;
use portreeve_ca::clock::Clock;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::{BundleName, HostName};
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::session::{SessionGranted, SessionRequest};
use portreeve_protocol::task::{Purpose, Ticket};
use portreeve_protocol::time::Ttl;
use portreeve_protocol::token::{DPOP_PROOF, Header, Jwk, ProofClaims, access_token_hash, sign};
use ssh_key::PrivateKey;

use super::Rate;

const PATH: &str = "/v1/sessions";

/// What to ask, of whom, as whom.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Mint {
    /// The CA's URL
    #[arg(long)]
    ca: String,
    /// The root of its certificate
    #[arg(long)]
    root: PathBuf,
    /// The file with the delegated token
    #[arg(long)]
    token: PathBuf,
    /// The agent's private key
    #[arg(long)]
    key: PathBuf,
    /// The host to ask for
    #[arg(long)]
    host: HostName,
    /// The bundle to ask for
    #[arg(long)]
    bundle: BundleName,
    /// How many requests
    #[arg(long)]
    count: u32,
    /// Over how many connections
    #[arg(long)]
    connections: u32,
}

impl Mint {
    /// Asks, and says how quickly everything was granted.
    pub(super) async fn run(&self) -> Result<Rate> {
        let caller = Arc::new(Caller::new(self)?);
        // One each, so that no connection is made while the clock runs.
        for client in 0..self.connections {
            caller.ask(client).await?;
        }
        let next = Arc::new(AtomicU32::new(0));
        let begin = Instant::now();
        let workers: Vec<_> = (0..self.connections)
            .map(|client| {
                let (caller, next, count) = (Arc::clone(&caller), Arc::clone(&next), self.count);
                tokio::spawn(async move {
                    while next.fetch_add(1, Ordering::Relaxed) < count {
                        caller.ask(client).await?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for worker in workers {
            worker.await??;
        }
        Ok(Rate {
            count: self.count,
            seconds: begin.elapsed().as_secs_f64(),
        })
    }
}

struct Caller {
    clients: Vec<reqwest::Client>,
    url: String,
    token: SecretText,
    key: SigningKey,
    jwk: Jwk,
    clock: Clock,
    proofs: AtomicU32,
    request: SessionRequest,
}

impl Caller {
    fn new(mint: &Mint) -> Result<Self> {
        let key = PrivateKey::read_openssh_file(&mint.key)?;
        let public = PublicKey::new(key.public_key().key_data().clone())?;
        let pair = key
            .key_data()
            .ed25519()
            .context("the agent's key is not Ed25519")?;
        let token = std::fs::read_to_string(&mint.token).context("no delegated token")?;
        let root = std::fs::read(&mint.root)?;
        let client = || -> Result<reqwest::Client> {
            let root = reqwest::Certificate::from_pem(&root)?;
            Ok(reqwest::Client::builder()
                .tls_certs_only([root])
                .http1_only()
                .build()?)
        };
        Ok(Self {
            clients: (0..mint.connections)
                .map(|_| client())
                .collect::<Result<_>>()?,
            url: format!("{}{PATH}", mint.ca),
            token: SecretText::new(token.trim().to_owned()),
            key: SigningKey::from_bytes(&pair.private.to_bytes()),
            jwk: Jwk::of(&public).context("the agent's key is not Ed25519")?,
            clock: Clock::system(),
            proofs: AtomicU32::new(0),
            request: SessionRequest {
                host: mint.host.clone(),
                ticket: Ticket::new("INC-4711")?,
                purpose: Purpose::new("Measure how many sessions a second brings")?,
                task: None,
                bundle: mint.bundle.clone(),
                ttl: Some(Ttl::from_seconds(60)?),
                key: public,
                source_address: None,
            },
        })
    }

    async fn ask(&self, client: u32) -> Result<()> {
        let client = self
            .clients
            .get(usize::try_from(client)?)
            .context("no such client")?;
        let response = client
            .post(&self.url)
            .header("Authorization", format!("DPoP {}", self.token.expose()))
            .header("DPoP", self.proof()?)
            .json(&self.request)
            .send()
            .await?;
        let status = response.status();
        let body = response.bytes().await?;
        ensure!(
            status.is_success(),
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        let granted: SessionGranted = serde_json::from_slice(&body)?;
        ensure!(
            granted.host == self.request.host,
            "a session on another host was granted"
        );
        Ok(())
    }

    fn proof(&self) -> Result<String> {
        let now = self.clock.now();
        let number = self.proofs.fetch_add(1, Ordering::Relaxed);
        let claims = ProofClaims {
            jti: format!("{}-{number}-{}", std::process::id(), now.as_micros()),
            htm: "POST".into(),
            htu: self.url.clone(),
            iat: now.as_seconds(),
            ath: access_token_hash(&self.token),
        };
        let header = Header {
            jwk: Some(self.jwk.clone()),
            ..Header::new(DPOP_PROOF, None)
        };
        Ok(sign(&header, &claims, &self.key)?.expose().to_owned())
    }
}
