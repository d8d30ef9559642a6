//! What is altered: a small session made for it, or one that is given.

use std::io::Cursor;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use portreeve_protocol::age::Identity;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::checkpoint::{NotAVerifierKey, Trail};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::key::{NotAKey, PublicKey};
use portreeve_protocol::time::Timestamp;
use portreeve_recording::manifest::End;
use portreeve_recording::read::{ReadError, Recording};
use portreeve_recording::write::{Entropy, PoolOptions, RecorderPool, RecordingFailed, Refused};
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

use super::story::{self, NoStory};
use super::tree::Log;
use crate::keys::LogKey;
use crate::review::course::Told;
use crate::review::evidence::{self, CannotMake};
use crate::review::judge;
use crate::review::known::{Keys, Known};

/// The originals of what is altered, and the keys that they verify with.
#[derive(Debug)]
pub struct Specimen {
    /// The recording.
    pub recording: Vec<u8>,
    /// The trail of its session.
    pub trail: Trail,
    /// What it proves.
    pub told: Told,
    /// Both, as a file of evidence.
    pub evidence: Vec<u8>,
    /// All keys, brought along.
    pub keys: Keys,
    /// Those who made it, where it was made here: for alterations by insiders.
    pub makers: Option<Makers>,
    /// Another session, to replace parts by.
    pub other: Option<Box<Self>>,
}

/// The private keys behind a specimen.
#[derive(Debug)]
pub struct Makers {
    /// The bastion's.
    pub bastion: PrivateKey,
    /// The log.
    pub log: Log,
    /// Where in the log the session's events are.
    pub places: Vec<usize>,
}

/// Why there is nothing to alter.
#[derive(Debug, thiserror::Error)]
pub enum NoSpecimen {
    /// No story can be told.
    #[error(transparent)]
    Story(#[from] NoStory),
    /// The recording cannot be written.
    #[error("the canary's recording cannot be written")]
    Io(#[from] std::io::Error),
    /// The recording takes no event.
    #[error("the canary's recording takes no event")]
    Refused(#[from] Refused),
    /// The recording failed.
    #[error("the canary's recording failed")]
    Failed(#[from] RecordingFailed),
    /// The recording cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A key is no key.
    #[error("a key of the canary is no key")]
    Key(#[from] ssh_key::Error),
    /// A key is of another kind.
    #[error("a key of the canary is no key")]
    NotAKey(#[from] NotAKey),
    /// The log has no name.
    #[error(transparent)]
    Log(#[from] NotAVerifierKey),
    /// No file of evidence can be made.
    #[error(transparent)]
    Evidence(#[from] CannotMake),
}

/// Five private keys of 32 bytes each, and where random bytes come from.
#[derive(Clone)]
pub struct Seeds {
    /// For the keys of bastion, host, log, reviewer, and another log.
    pub keys: [[u8; 32]; 5],
    /// For sealing.
    pub entropy: Entropy,
}

impl std::fmt::Debug for Seeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seeds")
    }
}

/// Two sessions of one installation; `folder` is empty and takes their recordings.
///
/// # Errors
/// [`NoSpecimen`]
pub async fn specimen(seeds: &Seeds, folder: &Path) -> Result<Specimen, NoSpecimen> {
    let mut specimen = one(seeds, folder, "0190b8a2-7c1e-7000-8000-00000000002a").await?;
    let other = one(seeds, folder, "0190b8a2-7c1e-7000-8000-00000000002b").await?;
    specimen.other = Some(Box::new(other));
    Ok(specimen)
}

async fn one(seeds: &Seeds, folder: &Path, session: &str) -> Result<Specimen, NoSpecimen> {
    let session: SessionId = serde_json::from_value(session.into()).map_err(NoStory::Value)?;
    let [bastion, host, log, review, _] = &seeds.keys;
    let (bastion, host) = (private(bastion)?, private(host)?);
    let log = SigningKey::from_bytes(log);
    let reviewer = Identity::from_secret_bytes(review);

    let words = story::host_words(session, &host)?;
    let recipients = serde_json::json!([reviewer.recipient()]);
    let info = story::info(session, &recipients)?;
    let options = PoolOptions {
        threads: NonZeroUsize::MIN,
        segment_age: Duration::from_secs(3600),
        ..PoolOptions::default()
    };
    let signer = Arc::new(bastion.clone());
    let pool = RecorderPool::start(options, signer, Arc::clone(&seeds.entropy))?;
    let recorder = pool.begin(folder.to_owned(), info);
    for batch in story::batches(&words)? {
        for event in &batch {
            let position = recorder.try_record(event)?;
            if Some(event) == batch.last() {
                recorder.flush_through(position).await?;
            }
        }
    }
    let end = End {
        cause: EndCause::Asked,
        at: Timestamp::from_seconds(1_767_225_700),
    };
    let finished = recorder.finish(end).await?;
    drop(recorder);
    drop(pool);
    let recording = std::fs::read(&finished.path)?;

    let mut leaves = Vec::new();
    let mut places = Vec::new();
    for (event, number) in story::logged(session, &words, &finished)?
        .into_iter()
        .zip(0_u32..)
    {
        if number % 3 == 0 {
            leaves.push(story::between(number)?);
        }
        places.push(leaves.len());
        leaves.push(event);
    }
    let log = Log {
        leaves,
        name: "ca.example.com/log".into(),
        key: log,
    };
    let keys = Keys {
        log: Some(Known::brought(LogKey::Alone(
            *log.key.verifying_key().as_bytes(),
        ))),
        bastion: Some(Known::brought(public(&bastion)?)),
        host: Some(Known::brought(public(&host)?)),
        identities: vec![reviewer].into(),
        of_ca: Vec::new(),
    };
    let mut specimen = Specimen::given(recording, log.trail(&places)?, keys)?;
    specimen.makers = Some(Makers {
        bastion,
        log,
        places,
    });
    Ok(specimen)
}

impl Specimen {
    /// A recording and the trail of its session.
    ///
    /// # Errors
    /// When they make no file of evidence.
    pub fn given(recording: Vec<u8>, trail: Trail, keys: Keys) -> Result<Self, NoSpecimen> {
        let mut opened = Recording::open(Cursor::new(&recording))?;
        let material = evidence::make(&mut opened, &trail, &keys)?;
        let mut file = Vec::new();
        evidence::write(&material, &mut Cursor::new(&recording), &mut file)?;
        Ok(Self {
            recording,
            told: judge::trail(&trail, &keys).told,
            trail,
            evidence: file,
            keys,
            makers: None,
            other: None,
        })
    }
}

fn private(seed: &[u8; 32]) -> Result<PrivateKey, ssh_key::Error> {
    PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(seed)), "")
}

pub(super) fn public(key: &PrivateKey) -> Result<PublicKey, NotAKey> {
    PublicKey::new(key.public_key().key_data().clone())
}
