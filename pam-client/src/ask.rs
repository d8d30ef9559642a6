//! Asking the daemon: the client's side of its socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::lines::{Lines, TooLong};
use crate::root::{Answer, Ask, MAX_LINE};

/// How long an answer may take. sshd waits meanwhile, so it is short, and no answer is a no.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the beginning of a session waits for a daemon that makes room for another one, which
/// the service manager starts a second later.
const BETWEEN_DAEMONS: Duration = Duration::from_secs(3);

/// Why there is no answer to go on with.
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
    /// The daemon says no.
    #[error("refused: {0}")]
    Refused(String),
    /// The daemon answered something else.
    #[error("the daemon answered another question")]
    OtherAnswer,
}

impl AskError {
    /// The exit status of whoever asked.
    pub(crate) const fn exit(&self) -> Exit {
        if matches!(self, Self::NotRunning(_)) {
            Exit::NotRunning
        } else {
            Exit::Failed
        }
    }
}

/// Asks one question and waits for the answer. A no is an error.
pub(crate) fn ask(socket: &Path, question: &Ask) -> Result<Answer, AskError> {
    let mut stream = open(socket, question)?;
    let mut lines = Lines::new(answer_limit(question));
    let mut buffer = [0; 4096];
    loop {
        if let Some(line) = lines.next()? {
            let answer = serde_json::from_slice(&line)?;
            return if let Answer::Refused { why } = answer {
                Err(AskError::Refused(why))
            } else {
                Ok(answer)
            };
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
    let patience = match question {
        Ask::Control | Ask::Principals { .. } => BETWEEN_DAEMONS,
        // These are about sessions that are live, and then the daemon is there.
        Ask::Account { .. } | Ask::Enter { .. } | Ask::Status => Duration::ZERO,
    };
    let mut stream = connect(socket, patience).map_err(|error| {
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

fn connect(socket: &Path, patience: Duration) -> io::Result<UnixStream> {
    let deadline = Instant::now() + patience;
    loop {
        match UnixStream::connect(socket) {
            Err(error) if is_no_daemon(&error) && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

fn is_no_daemon(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

/// A status lists every session; all other answers are short.
fn answer_limit(question: &Ask) -> usize {
    match question {
        Ask::Status => 4 * 1024 * 1024,
        Ask::Control | Ask::Principals { .. } | Ask::Account { .. } | Ask::Enter { .. } => MAX_LINE,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_beginning_of_a_session_waits_for_the_next_daemon_and_a_status_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("host.sock");
        assert!(matches!(
            open(&socket, &Ask::Status),
            Err(AskError::NotRunning(_))
        ));
        thread::scope(|scope| {
            let control = scope.spawn(|| open(&socket, &Ask::Control).map(drop));
            let _listener = UnixListener::bind(&socket).unwrap();
            control.join().unwrap().unwrap();
        });
    }
}
