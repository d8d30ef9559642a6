//! Looking at what happened.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use portreeve_protocol::id::{EventId, SessionId};

use crate::review::replay::when::{self, When};
use crate::variables;

/// Which recording, and how to open it.
#[derive(Debug, Clone, Args)]
pub struct Recording {
    /// The recording's file, or the session's id
    #[arg(value_name = "FILE|SESSION")]
    pub recording: String,
    /// The age identity file that opens recordings
    #[arg(long, value_name = "FILE", env = variables::REVIEW_KEY, hide_env_values = true)]
    pub identity: Option<PathBuf>,
    /// The folder in which recordings are looked for by session, before the store
    #[arg(
        long,
        value_name = "DIR",
        env = variables::RECORDINGS,
        hide_env_values = true,
        default_value = "/var/lib/portreeve-bastion/recordings"
    )]
    pub recordings: PathBuf,
    /// The audit log's key, or a file with it, for a recording that is fetched: without it the CA's word is taken
    #[arg(long, value_name = "KEY|FILE", env = variables::LOG_KEY, hide_env_values = true)]
    pub log_key: Option<String>,
}

/// `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Which recording.
    #[command(flatten)]
    pub source: Recording,
    /// How many times faster than it happened
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = positive)]
    pub speed: f64,
    /// Cut pauses to this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = positive)]
    pub max_pause: f64,
    /// Begin at this moment: 90, 5m, 12:30, 50%, or a time
    #[arg(long, value_name = "WHEN", value_parser = when::absolute)]
    pub at: Option<When>,
    /// End at this moment
    #[arg(long, value_name = "WHEN", value_parser = when::absolute)]
    pub until: Option<When>,
    /// Print everything at once
    #[arg(long)]
    pub no_wait: bool,
    /// List the commands with their times and exit codes instead of replaying
    #[arg(long)]
    pub commands: bool,
    /// Only this channel
    #[arg(long, value_name = "NUMBER")]
    pub channel: Option<u32>,
    /// Show secrets too: passwords, keys and tokens are redacted otherwise
    #[arg(long)]
    pub unredacted: bool,
    /// DANGEROUS: let the recorded bytes drive this terminal exactly as they came
    #[arg(long = "dangerously-raw", conflicts_with = "commands")]
    pub raw: bool,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("a number above zero is wanted".into()),
    }
}

/// `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Which recording.
    #[command(flatten)]
    pub source: Recording,
    /// Into which format
    #[arg(long)]
    pub format: Format,
    /// Only this channel; by default all of them, one after the other as things happened
    #[arg(long, value_name = "NUMBER")]
    pub channel: Option<u32>,
    /// Also what the agent sent, which may hold secrets; without it a transcript and JSON lines say
    /// how much was left out
    #[arg(long)]
    pub with_input: bool,
    /// With the secrets that patterns find: by default they are redacted
    #[arg(long)]
    pub unredacted: bool,
    /// Where to write; by default standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What a recording can be converted into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// asciicast v2: output of one terminal, for asciinema's player
    AsciicastV2,
    /// asciicast v3
    AsciicastV3,
    /// What was seen, as plain text
    Transcript,
    /// Every event as one line of JSON
    Jsonl,
}

/// `trail`.
#[derive(Debug, Args)]
pub struct Trail {
    /// The session
    pub session: SessionId,
    /// Save the trail with its proofs, for `verify`
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The audit log's key, or a file with it; without it the CA's word is taken
    #[arg(long, value_name = "KEY|FILE", env = variables::LOG_KEY, hide_env_values = true)]
    pub log_key: Option<String>,
}

/// `log`.
#[derive(Debug, Args)]
pub struct Log {
    /// How many of the last events
    #[arg(long, value_name = "NUMBER", default_value_t = 100, conflicts_with_all = ["since", "event"])]
    pub last: u64,
    /// From this place of the log on
    #[arg(long, value_name = "PLACE")]
    pub since: Option<u64>,
    /// Only this event, which a refusal named
    #[arg(long, value_name = "ID")]
    pub event: Option<EventId>,
    /// The audit log's key, or a file with it; without it the CA's word is taken
    #[arg(long, value_name = "KEY|FILE", env = variables::LOG_KEY, hide_env_values = true)]
    pub log_key: Option<String>,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Recordings (tar), trails (JSON), files of evidence (tar), and sessions whose recordings are fetched from the store
    #[arg(required = true, value_name = "FILE|SESSION")]
    pub files: Vec<PathBuf>,
    /// What to verify with.
    #[command(flatten)]
    pub keys: KeyArgs,
}

/// The keys that whoever verifies brings along.
#[derive(Debug, Clone, Args)]
pub struct KeyArgs {
    /// The audit log's key, or a file with it
    #[arg(long, value_name = "KEY|FILE", env = variables::LOG_KEY, hide_env_values = true)]
    pub log_key: Option<String>,
    /// The bastion's public key, or a file with it, that recordings must be signed by
    #[arg(long, value_name = "KEY|FILE")]
    pub bastion_key: Option<String>,
    /// The host's identity key, or a file with it, that attestations and receipts must be signed by
    #[arg(long, value_name = "KEY|FILE")]
    pub host_key: Option<String>,
    /// A copy of the `.pub` files of the CA's folder of keys; the log's is among them
    #[arg(long, value_name = "DIR")]
    pub ca_keys: Option<PathBuf>,
    /// The age identity file that opens recordings, to read their segments too
    #[arg(long, value_name = "FILE", env = variables::REVIEW_KEY, hide_env_values = true)]
    pub identity: Option<PathBuf>,
}

/// `evidence`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Evidence {
    /// What to do with a file of evidence, instead of making one.
    #[command(subcommand)]
    pub act: Option<EvidenceAct>,
    /// How to make one.
    #[command(flatten)]
    pub make: MakeEvidence,
}

/// What is done with a file of evidence.
#[derive(Debug, Subcommand)]
pub enum EvidenceAct {
    /// Verify files of evidence; needs no server and no account for files
    Verify(Verify),
}

/// Making a file of evidence.
#[derive(Debug, Args)]
pub struct MakeEvidence {
    /// The session
    #[arg(required = true, value_name = "SESSION")]
    pub session: Option<SessionId>,
    /// Where to write it
    #[arg(long, short, required = true, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The recording's file; by default it is looked for by session
    #[arg(long, value_name = "FILE")]
    pub recording: Option<PathBuf>,
    /// The folder in which recordings are looked for by session
    #[arg(
        long,
        value_name = "DIR",
        env = variables::RECORDINGS,
        hide_env_values = true,
        default_value = "/var/lib/portreeve-bastion/recordings"
    )]
    pub recordings: PathBuf,
    /// A trail that `trail --output` saved; by default the CA is asked
    #[arg(long, value_name = "FILE")]
    pub trail: Option<PathBuf>,
    /// Keys to put into it as had from whoever holds them.
    #[command(flatten)]
    pub keys: KeyArgs,
}

/// `canary`.
#[derive(Debug, Args)]
pub struct Canary {
    /// A recording to alter copies of; by default one is made
    #[arg(long, value_name = "FILE", requires_all = ["trail", "log_key", "bastion_key", "host_key", "identity"])]
    pub recording: Option<PathBuf>,
    /// The trail of its session
    #[arg(long, value_name = "FILE", requires = "recording")]
    pub trail: Option<PathBuf>,
    /// Alter every byte, however long it takes
    #[arg(long)]
    pub thorough: bool,
    /// For how long to try; by default 30 seconds, with --thorough without end
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<u64>,
    /// The keys of the given recording and trail.
    #[command(flatten)]
    pub keys: KeyArgs,
}
