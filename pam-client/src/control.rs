//! The far end of a bastion's control connection: passes lines between sshd's standard streams and
//! the daemon, and understands none.
//!
//! Run by sshd as the forced command of the user `portreeve`. It ends when either side ends, which
//! ends the lease.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use portreeve_protocol::control::MAX_LINE;

use crate::ask::{self, AskError};
use crate::lines::TooLong;
use crate::root::Ask;

/// Why the connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// There is no daemon.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// One side sent a line that is too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// Reading or writing failed.
    #[error("the control connection broke: {0}")]
    Io(#[from] io::Error),
}

/// Passes lines until either side ends.
pub(crate) fn run(socket: &Path) -> Result<(), ControlError> {
    let mut daemon = ask::open(socket, &Ask::Control)?;
    daemon.set_read_timeout(None)?;
    daemon.set_write_timeout(None)?;
    let result = pass(&mut daemon);
    // The daemon sees the end at once, also when this process lingers.
    let _ = daemon.shutdown(Shutdown::Both);
    result
}

fn pass(daemon: &mut UnixStream) -> Result<(), ControlError> {
    let (mut bastion_in, mut bastion_out) = (io::stdin().lock(), io::stdout().lock());
    let mut from_bastion = Meter::default();
    let mut from_daemon = Meter::default();
    // Larger than the buffer inside standard input, which is then passed by: what `poll` reports as
    // unread is unread.
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (bastion_speaks, daemon_speaks) = who_speaks(bastion_in.as_fd(), daemon.as_fd())?;
        if daemon_speaks {
            let read = daemon.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return Ok(());
            };
            from_daemon.count(bytes)?;
            bastion_out.write_all(bytes)?;
            bastion_out.flush()?;
        }
        if bastion_speaks {
            let read = bastion_in.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return Ok(());
            };
            from_bastion.count(bytes)?;
            daemon.write_all(bytes)?;
        }
    }
}

fn who_speaks(bastion: BorrowedFd<'_>, daemon: BorrowedFd<'_>) -> io::Result<(bool, bool)> {
    let mut fds = [
        PollFd::new(bastion, PollFlags::POLLIN),
        PollFd::new(daemon, PollFlags::POLLIN),
    ];
    loop {
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => break,
        }
    }
    // An end or an error of either side also shows as something to read.
    Ok((speaks(fds.first()), speaks(fds.last())))
}

fn speaks(fd: Option<&PollFd<'_>>) -> bool {
    fd.and_then(PollFd::any).unwrap_or(true)
}

/// Counts the bytes since the last line feed, so that a line has a bound without being kept.
#[derive(Debug, Default)]
struct Meter {
    length: usize,
}

impl Meter {
    fn count(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.length = self.length.saturating_add(piece.len());
            if self.length > MAX_LINE {
                return Err(TooLong(MAX_LINE));
            }
            if piece.ends_with(b"\n") {
                self.length = 0;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_bound_however_it_is_cut() {
        let mut meter = Meter::default();
        let half = vec![b'x'; MAX_LINE / 2];
        assert!(meter.count(&half).is_ok());
        assert!(meter.count(&half).is_ok());
        assert_eq!(meter.count(b"x"), Err(TooLong(MAX_LINE)));

        let mut meter = Meter::default();
        let mut whole = vec![b'x'; MAX_LINE - 1];
        whole.push(b'\n');
        for _ in 0..3 {
            assert!(meter.count(&whole).is_ok());
        }
    }
}
