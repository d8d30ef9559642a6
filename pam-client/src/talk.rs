//! What is said over a control connection: lines in both directions, one message each.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::control::{FromBastion, FromHost, HostReport, LEASE_SILENCE, MAX_LINE};
use portreeve_protocol::look::LookOrder;
use portreeve_protocol::order::Order;
use portreeve_protocol::signed::Signed;

use crate::clock;
use crate::host::Host;
use crate::leases::Live;
use crate::lines::{Lines, TooLong};

/// How long an order may take to arrive, and reports to be acknowledged after a refusal.
pub(crate) const SILENCE: Duration = Duration::from_secs(LEASE_SILENCE);
/// How long the acknowledgement of a receipt is waited for.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long a bastion may take to take what it is told. A stuck one must not hold up the end.
const WRITE_PATIENCE: Duration = Duration::from_secs(2);

/// Why a conversation is over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The bastion ended the connection.
    #[error("the connection was ended")]
    Ended,
    /// It broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// A line is too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A line is not understood.
    #[error("a line is not understood: {0}")]
    Format(#[from] serde_json::Error),
}

impl Broken {
    /// Why the session that it carried ends.
    pub(crate) fn cause(&self) -> EndCause {
        match self {
            Self::Ended | Self::Io(_) => EndCause::LinkLost,
            Self::TooLong(_) | Self::Format(_) => EndCause::HostFailed,
        }
    }
}

/// What a bastion may order, once in a connection.
#[derive(Debug)]
pub(crate) enum First {
    /// A session.
    Session {
        /// The order.
        order: Signed<Order>,
        /// The bundle beside it.
        bundle: String,
    },
    /// A look at this host.
    Look {
        /// The order.
        order: Signed<LookOrder>,
    },
}

/// The two directions of a control connection.
#[derive(Debug)]
pub(crate) struct Talk {
    stream: UnixStream,
    lines: Lines,
}

impl Talk {
    /// Over a stream of which `rest` was read already.
    pub(crate) fn new(stream: UnixStream, rest: &[u8]) -> io::Result<Self> {
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        let mut lines = Lines::new(MAX_LINE);
        lines.push(rest);
        Ok(Self { stream, lines })
    }

    /// Says something.
    pub(crate) fn say(&mut self, message: &FromHost) -> Result<(), Broken> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        Ok(self.stream.write_all(&line)?)
    }

    /// Tells what happened.
    pub(crate) fn report(&mut self, reports: Vec<HostReport>) -> Result<(), Broken> {
        for report in reports {
            self.say(&FromHost::Report { report })?;
        }
        Ok(())
    }

    /// The order that comes first; nothing when something else comes instead.
    pub(crate) fn order(&mut self) -> Result<Option<First>, Broken> {
        let deadline = clock::now().boot + SILENCE;
        loop {
            match self.message() {
                Ok(Some(FromBastion::Order { order, bundle })) => {
                    return Ok(Some(First::Session { order, bundle }));
                }
                Ok(Some(FromBastion::Look { order })) => return Ok(Some(First::Look { order })),
                // A bastion that is eager to renew does no harm.
                Ok(Some(FromBastion::Renew)) => {}
                Ok(Some(FromBastion::End { .. })) => return Err(Broken::Ended),
                Ok(Some(FromBastion::Acknowledge { .. })) | Err(Broken::Format(_)) => {
                    return Ok(None);
                }
                Ok(None) => {
                    let left = deadline.saturating_sub(clock::now().boot);
                    if !self.wait(None, &[], left)? {
                        return Err(Broken::Ended);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for the acknowledgement of everything, for a moment.
    pub(crate) fn farewell(&mut self, live: &Live, host: &Host) -> Result<(), Broken> {
        let deadline = clock::now().boot + FAREWELL;
        while !live.book().is_acknowledged() {
            while let Some(message) = self.message()? {
                if let FromBastion::Acknowledge { mut reports } = message
                    && let Err(error) = live.book().acknowledged(&mut reports)
                {
                    host.complain(&error.to_string());
                }
            }
            let left = deadline.saturating_sub(clock::now().boot);
            if left.is_zero() || (!live.book().is_acknowledged() && !self.wait(None, &[], left)?) {
                break;
            }
        }
        Ok(())
    }

    /// The next message that has arrived.
    pub(crate) fn message(&mut self) -> Result<Option<FromBastion>, Broken> {
        match self.lines.next()? {
            Some(line) => Ok(Some(serde_json::from_slice(&line)?)),
            None => Ok(None),
        }
    }

    /// Waits until the bastion speaks, the session is woken, one of `others` is readable, or `span` is over;
    /// takes what the bastion said. Says whether anything happened.
    pub(crate) fn wait(
        &mut self,
        live: Option<&Live>,
        others: &[BorrowedFd<'_>],
        span: Duration,
    ) -> Result<bool, Broken> {
        let mut fds = vec![PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)];
        fds.extend(live.map(|live| PollFd::new(live.waker().as_fd(), PollFlags::POLLIN)));
        fds.extend(others.iter().map(|&fd| PollFd::new(fd, PollFlags::POLLIN)));
        // Rounded up, or the last millisecond would be spent in a loop.
        let span = span.saturating_add(Duration::from_millis(1));
        let timeout = PollTimeout::try_from(span).unwrap_or(PollTimeout::MAX);
        let happened = match poll(&mut fds, timeout) {
            Ok(happened) => happened > 0,
            Err(Errno::EINTR) => true,
            Err(error) => return Err(io::Error::from(error).into()),
        };
        let speaks = fds.first().and_then(PollFd::any).unwrap_or(false);
        if speaks {
            self.take()?;
        }
        Ok(happened)
    }

    fn take(&mut self) -> Result<(), Broken> {
        let mut buffer = vec![0; 64 * 1024];
        let read = self.stream.read(&mut buffer)?;
        if read == 0 {
            return Err(Broken::Ended);
        }
        self.lines.push(buffer.get(..read).unwrap_or_default());
        Ok(())
    }
}
