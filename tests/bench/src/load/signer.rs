//! Access certificates from the signer alone.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use portreeve_ca::clock::Clock;
use portreeve_ca::sign::{AccessSpec, SignerClient, Validity};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::pair::{Human, Pair};
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::task::Ticket;
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

use super::Rate;

/// How many requests are under way at once.
const TOGETHER: u32 = 64;

/// Asks for so many certificates.
pub(super) async fn run(socket: &Path, count: u32) -> Result<Rate> {
    let client = SignerClient::new(socket.to_path_buf());
    let spec = spec()?;
    client.access_certificate(spec.clone()).await?;
    let begin = Instant::now();
    let workers: Vec<_> = (0..TOGETHER)
        .map(|_| {
            let (client, spec) = (client.clone(), spec.clone());
            tokio::spawn(async move {
                for _ in 0..count / TOGETHER {
                    client.access_certificate(spec.clone()).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for worker in workers {
        worker.await??;
    }
    Ok(Rate {
        count: count / TOGETHER * TOGETHER,
        seconds: begin.elapsed().as_secs_f64(),
    })
}

/// A certificate with a grant of the usual size.
fn spec() -> Result<AccessSpec> {
    let now = Clock::system().now();
    let pair = Ed25519Keypair::from_seed(&[1; 32]);
    let key = PrivateKey::new(KeypairData::Ed25519(pair), "")?;
    Ok(AccessSpec {
        serial: 1 << 62,
        key: PublicKey::new(key.public_key().key_data().clone())?,
        session: SessionId::new(now, [7; 10]),
        pair: Pair {
            human: Human {
                issuer: "https://idp.example.com".into(),
                subject: "alice".into(),
                name: "alice@example.com".parse()?,
            },
            agent: "soc/forensics".parse()?,
        },
        ticket: Ticket::new("INC-4711")?,
        bundle: BundleRef {
            name: "forensic-read-only".parse()?,
            digest: Digest::of(b"bundle"),
        },
        bastions: vec!["bastion-1".parse()?],
        source_address: Some([192, 0, 2, 10].into()),
        grant: "A".repeat(6000),
        validity: Validity {
            from: now,
            until: now.plus(Duration::from_secs(600)),
        },
    })
}
