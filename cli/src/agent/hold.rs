//! The process that holds a session's key.
//!
//! It makes the key itself and says only the public half, so the private half never crosses a
//! process border:
//!
//! 1. its parent starts it, and it prints the public key as one line;
//! 2. the parent has that key certified, and sends a [`Charge`] as one line of JSON;
//! 3. it makes the socket, prints `ready`, lets go of its parent's streams, and answers until the
//!    session expires or its folder is gone, which it then removes.
//!
//! A parent that dies in between takes it along: its standard input ends.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ed25519_dalek::SigningKey;
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid};
use portreeve_protocol::key::{MAX_BLOB, PublicKey};
use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use ssh_key::public::{Ed25519PublicKey, KeyData};

use crate::agent::answer::Identity;
use crate::agent::serve;
use crate::clock;
use crate::failure::Failure;

/// The longest line that either side reads.
const MAX_LINE: u64 = 64 * 1024;
const READY: &str = "ready";

/// What a holder is told once its key is certified.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// Where to make the socket.
    pub socket: PathBuf,
    /// The access certificate.
    pub certificate: String,
    /// When to stop.
    pub expires_at: Timestamp,
}

/// The holder itself: everything that the process does.
///
/// # Errors
/// When it cannot begin; later it has nobody to tell.
pub fn run() -> Result<(), Failure> {
    close_to_others();
    let seed = zeroize::Zeroizing::new(clock::random::<32>()?);
    let key = SigningKey::from_bytes(&seed);
    let public = PublicKey::new(KeyData::Ed25519(Ed25519PublicKey(
        key.verifying_key().to_bytes(),
    )))
    .map_err(|error| Failure::failed("no key was made").because(&error))?;
    say(&public.to_string())?;

    let Some(charge) = charge()? else {
        return Ok(());
    };
    let identity = Identity::new(key, &charge.certificate)
        .map_err(|error| Failure::failed("the certificate cannot be used").because(&error))?;
    let listener = serve::bind(&charge.socket).map_err(|error| {
        Failure::failed(format!(
            "the socket `{}` cannot be made",
            charge.socket.display()
        ))
        .because(&error)
    })?;
    say(READY)?;
    detach()
        .map_err(|error| Failure::failed("the holder cannot leave its terminal").because(&error))?;

    let _ = serve::serve(
        &listener,
        &charge.socket,
        identity,
        charge.expires_at,
        clock::now,
    );
    if let Some(folder) = charge.socket.parent() {
        let _ = std::fs::remove_dir_all(folder);
    }
    Ok(())
}

/// Keeps the key out of core files and away from other processes of the same user.
fn close_to_others() {
    let _ = nix::sys::prctl::set_dumpable(false);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}

fn charge() -> Result<Option<Charge>, Failure> {
    let mut line = String::new();
    BufReader::new(io::stdin().lock().take(MAX_LINE)).read_line(&mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(&line)
        .map(Some)
        .map_err(|error| Failure::failed("the holder's charge is not understood").because(&error))
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Leaves the terminal and lets go of the streams, so that whoever waits for the end of our
/// parent's output does not wait for us.
fn detach() -> io::Result<()> {
    // Only a leader of a process group cannot; then a session of its own is not needed either.
    let _ = setsid();
    std::env::set_current_dir("/")?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(())
}

/// A holder that was started and has made its key.
#[derive(Debug)]
pub struct Holder {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    public: PublicKey,
}

impl Holder {
    /// Starts one.
    ///
    /// # Errors
    /// When the program cannot be started, or says something else than a key.
    pub fn start(program: &Path) -> Result<Self, Failure> {
        let not_started = |error: &(dyn std::error::Error + 'static)| {
            Failure::failed("the process that holds the session's key cannot be started")
                .because(error)
        };
        let mut child = Command::new(program)
            .arg("hold")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| not_started(&error))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::failed("the holder has no streams"));
        };
        let mut stdout = BufReader::new(stdout);
        let line = line_of(&mut stdout)?;
        let public = line.parse().map_err(|error| not_started(&error))?;
        Ok(Self {
            child,
            stdin,
            stdout,
            public,
        })
    }

    /// The key to have certified.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Tells it what it is for, and waits until its socket is there. It lives on by itself.
    ///
    /// # Errors
    /// When it does not get ready; it said why on standard error.
    pub fn charge(mut self, charge: &Charge) -> Result<(), Failure> {
        let mut text = serde_json::to_string(charge)
            .map_err(|error| Failure::failed("the holder cannot be told").because(&error))?;
        text.push('\n');
        self.stdin.write_all(text.as_bytes())?;
        if line_of(&mut self.stdout)? == READY {
            Ok(())
        } else {
            let _ = self.child.wait();
            Err(Failure::failed("the process that holds the session's key did not get ready")
                .next("a socket's path has 107 bytes at most: point PORTREEVE_RUNTIME_DIR to a short one"))
        }
    }
}

fn line_of(from: &mut BufReader<ChildStdout>) -> Result<String, Failure> {
    let mut line = String::new();
    let most = u64::try_from(MAX_BLOB).unwrap_or(MAX_LINE);
    from.by_ref()
        .take(most)
        .read_line(&mut line)
        .map_err(|error| Failure::failed("the holder broke off").because(&error))?;
    Ok(line.trim_end().to_owned())
}
