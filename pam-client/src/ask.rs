//! Asking the daemon: the client's side of its socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::lines::{Lines, TooLong};
use crate::root::{Answer, Ask, MAX_LINE};

/// How long an answer may take. sshd waits meanwhile, so it is short, and no answer is a no.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// There is no daemon.
    #[error(
        "the daemon does not run ({0}): `systemctl start portreeve-host`; `journalctl -u portreeve-host` says why it ended"
    )]
    NotRunning(#[source] io::Error),
    /// The socket is not for this user.
    #[error("only root may ask the daemon: {0}")]
    NotRoot(#[source] io::Error),
    /// The daemon broke off or took too long.
    #[error("the daemon does not answer: {0}")]
    Silent(#[source] io::Error),
    /// The daemon closed the connection.
    #[error("the daemon gave no answer")]
    NoAnswer,
    /// The answer is longer than an answer can be.
    #[error("the daemon's answer is not understood: {0}")]
    TooLong(#[from] TooLong),
    /// The answer is none.
    #[error("the daemon's answer is not understood: {0}")]
    Format(#[from] serde_json::Error),
}

/// Asks one question and waits for the answer.
pub(crate) fn ask(socket: &Path, question: &Ask) -> Result<Answer, AskError> {
    let mut stream = open(socket, question)?;
    let mut lines = Lines::new(answer_limit(question));
    let mut buffer = [0; 4096];
    loop {
        if let Some(line) = lines.next()? {
            return Ok(serde_json::from_slice(&line)?);
        }
        let read = stream.read(&mut buffer).map_err(AskError::Silent)?;
        if read == 0 {
            return Err(AskError::NoAnswer);
        }
        lines.push(buffer.get(..read).unwrap_or_default());
    }
}

/// Opens the socket and puts the question, for a caller that goes on with the connection.
pub(crate) fn open(socket: &Path, question: &Ask) -> Result<UnixStream, AskError> {
    let mut stream = UnixStream::connect(socket).map_err(|error| {
        if error.kind() == io::ErrorKind::PermissionDenied {
            AskError::NotRoot(error)
        } else {
            AskError::NotRunning(error)
        }
    })?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(AskError::Silent)?;
    stream
        .set_write_timeout(Some(PATIENCE))
        .map_err(AskError::Silent)?;
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line).map_err(AskError::Silent)?;
    Ok(stream)
}

/// A status lists every session; all other answers are short.
fn answer_limit(question: &Ask) -> usize {
    match question {
        Ask::Status => 4 * 1024 * 1024,
        Ask::Control | Ask::Principals { .. } | Ask::Account { .. } | Ask::Enter { .. } => MAX_LINE,
    }
}
