//! A TCP connection as russh needs it.
//!
//! russh does not read while it writes. Two of it facing each other, each with a full send buffer, would wait for each
//! other for ever; so a blocked write here takes in what the peer sends meanwhile. Reads are buffered, because russh reads
//! a packet's length and its body apart. An agent that is held sends a packet of two bytes for each answer (russh can give
//! back no less than that and hear of it), which would be a busy loop: the reading waits in between, and the writing does
//! not. And a connection whose peer no longer reads can be cut from outside, which
//! nothing that waits inside russh could do.

use std::io;
use std::os::fd::AsRawFd as _;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use nix::sys::socket::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::opened::Gauges;

/// How much is read at once, at least and at most. Most connections are quiet, and one that carries a lot says so by
/// filling its buffer.
const READ_LEAST: usize = 4 * 1024;
const READ_MOST: usize = 128 * 1024;
/// So many reads in a row that the least would have held, and the buffer is that small again.
const QUIET_READS: u8 = 8;
/// How long the reading waits before the next: a part of the time for which the agent has been held, which is less than
/// what waits for the host will last, within these bounds.
const HELD_PART: u32 = 4;
const HELD_LEAST: Duration = Duration::from_millis(1);
const HELD_MOST: Duration = Duration::from_millis(100);
/// How much a blocked write takes in. A peer that keeps to the windows of its channels never sends more.
const MAX_AHEAD: usize = 32 * 1024 * 1024;

/// A TCP connection with a read buffer.
#[derive(Debug)]
pub struct Socket {
    stream: Arc<TcpStream>,
    ahead: BytesMut,
    pace: Pace,
    hold: Hold,
    is_at_end: bool,
}

/// Waits between the reads of an agent that is held.
#[derive(Debug, Default)]
struct Hold {
    gauges: Gauges,
    last_read: usize,
    since: Option<Instant>,
    pause: Option<Pin<Box<Sleep>>>,
}

/// How much to read at once, learned from the reads before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    bytes: usize,
    quiet: u8,
}

/// Ends a connection from outside, at once and whatever its owner waits for.
#[derive(Debug, Clone)]
pub struct Cutter(Weak<TcpStream>);

impl Socket {
    /// Wraps a connection and switches off Nagle's delay.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub fn new(stream: TcpStream) -> io::Result<(Self, Cutter)> {
        stream.set_nodelay(true)?;
        let stream = Arc::new(stream);
        let cutter = Cutter(Arc::downgrade(&stream));
        let socket = Self {
            stream,
            ahead: BytesMut::new(),
            pace: Pace::SLOW,
            hold: Hold::default(),
            is_at_end: false,
        };
        Ok((socket, cutter))
    }

    /// Reads slowly while one of these is high and little comes.
    #[must_use]
    pub(super) fn held_by(mut self, gauges: Gauges) -> Self {
        self.hold.gauges = gauges;
        self
    }

    /// Reads once into the buffer.
    fn fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            ready!(self.hold.poll_over(context));
            self.ahead.reserve(self.pace.bytes);
            match self.stream.try_read_buf(&mut self.ahead) {
                Ok(0) => {
                    self.is_at_end = true;
                    return Poll::Ready(Ok(()));
                }
                Ok(count) => {
                    self.pace = self.pace.after(count);
                    self.hold.last_read = count;
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Takes in what is there, so that the peer's writes go on while ours wait.
    fn take_in(&mut self, context: &mut Context<'_>) {
        while !self.is_at_end && self.ahead.len() < MAX_AHEAD {
            match self.fill(context) {
                Poll::Ready(Ok(())) => {}
                // A read error shows itself to the next read.
                Poll::Ready(Err(_)) | Poll::Pending => return,
            }
        }
    }
}

impl Hold {
    /// Ready when the next read may come.
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // A read that fills not even the least buffer is no more than such packets.
        if self.last_read >= READ_LEAST || !self.gauges.is_any_high() {
            self.since = None;
            self.pause = None;
            return Poll::Ready(());
        }
        let now = Instant::now();
        let held_for = now - *self.since.get_or_insert(now);
        let pause = self
            .pause
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(pause_after(held_for))));
        ready!(pause.as_mut().poll(context));
        self.pause = None;
        Poll::Ready(())
    }
}

/// How long the reading waits when an agent has been held for so long.
fn pause_after(held_for: Duration) -> Duration {
    (held_for / HELD_PART).clamp(HELD_LEAST, HELD_MOST)
}

impl Pace {
    const SLOW: Self = Self {
        bytes: READ_LEAST,
        quiet: 0,
    };

    /// After a read of so many bytes.
    const fn after(self, count: usize) -> Self {
        let Self { bytes, quiet } = self;
        if count >= bytes && bytes < READ_MOST {
            Self {
                bytes: bytes * 2,
                quiet: 0,
            }
        } else if count > READ_LEAST {
            Self { bytes, quiet: 0 }
        } else if quiet < QUIET_READS {
            Self {
                bytes,
                quiet: quiet + 1,
            }
        } else {
            Self::SLOW
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() && !self.is_at_end {
            ready!(self.fill(context))?;
        }
        let count = self.ahead.len().min(into.remaining());
        into.put_slice(self.ahead.get(..count).unwrap_or(&[]));
        self.ahead.advance(count);
        if self.ahead.is_empty() && self.ahead.capacity() > 2 * self.pace.bytes {
            // What a blocked write took in, or a busy hour needed, must not stay allocated for the rest of the connection.
            self.ahead = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.stream.poll_write_ready(context) {
                Poll::Pending => {
                    self.take_in(context);
                    return Poll::Pending;
                }
                Poll::Ready(ready) => ready?,
            }
            match self.stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A connection that is gone already is shut down enough.
        let _ = shutdown(self.stream.as_raw_fd(), Shutdown::Write);
        Poll::Ready(Ok(()))
    }
}

impl Cutter {
    /// Ends the connection. Whoever reads or writes it finds it closed.
    pub fn cut(&self) {
        if let Some(stream) = self.0.upgrade() {
            let _ = shutdown(stream.as_raw_fd(), Shutdown::Both);
        }
    }

    /// Whether the connection still exists.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.strong_count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::queue::{self, FromAgent};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    async fn pair() -> ((Socket, Cutter), (Socket, Cutter)) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
        (
            Socket::new(one.unwrap()).unwrap(),
            Socket::new(other.unwrap().0).unwrap(),
        )
    }

    /// Writes everything before it reads anything, as russh may.
    async fn write_then_read(mut socket: Socket, count: usize) -> usize {
        socket.write_all(&vec![7; count]).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut all = Vec::new();
        socket.read_to_end(&mut all).await.unwrap();
        all.len()
    }

    #[tokio::test]
    async fn two_sides_that_only_write_do_not_block_each_other() {
        let ((one, _), (other, _)) = pair().await;
        let count = 20 * 1024 * 1024;
        let both =
            async { tokio::join!(write_then_read(one, count), write_then_read(other, count)) };
        let got = tokio::time::timeout(Duration::from_secs(30), both)
            .await
            .unwrap();
        assert_eq!(got, (count, count));
    }

    #[test]
    fn a_buffer_grows_with_what_fills_it_and_shrinks_when_it_is_quiet() {
        let mut pace = Pace::SLOW;
        for _ in 0..10 {
            pace = pace.after(pace.bytes);
        }
        assert_eq!(pace.bytes, READ_MOST);
        let quiet = |pace: Pace, reads| (0..reads).fold(pace, |pace, _| pace.after(100));
        assert_eq!(quiet(pace, QUIET_READS).bytes, READ_MOST);
        assert_eq!(quiet(pace, QUIET_READS).after(READ_MOST).quiet, 0);
        assert_eq!(quiet(pace, QUIET_READS + 1), Pace::SLOW);
    }

    #[tokio::test]
    async fn a_quiet_connection_keeps_a_small_buffer() {
        let ((mut one, _), (mut other, _)) = pair().await;
        let mut bytes = vec![0; 1 << 20];
        let send = async { one.write_all(&vec![7; 1 << 20]).await.unwrap() };
        tokio::join!(send, async {
            other.read_exact(&mut bytes).await.unwrap();
        });
        for _ in 0..=QUIET_READS {
            one.write_u8(1).await.unwrap();
            other.read_u8().await.unwrap();
        }
        assert!(other.ahead.capacity() <= 2 * READ_LEAST);
    }

    #[tokio::test]
    async fn only_little_that_comes_of_a_held_agent_waits() {
        let (sender, _receiver, gauge) = queue::new(queue::Total::default());
        let mut hold = Hold::default();
        hold.gauges.add(&gauge);
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(hold.poll_over(&mut context).is_ready());
        while !gauge.is_high() {
            let packet = bytes::Bytes::from_static(&[0; 64 * 1024]);
            sender.push(FromAgent::Data(packet)).unwrap();
        }
        assert!(hold.poll_over(&mut context).is_pending());
        hold.last_read = READ_MOST;
        assert!(hold.poll_over(&mut context).is_ready());
        hold.last_read = 36;
        assert!(hold.poll_over(&mut context).is_pending());
        drop(gauge);
        drop(sender);
        drop(_receiver);
        assert!(hold.poll_over(&mut context).is_ready());
    }

    #[test]
    fn an_agent_that_is_held_is_no_busy_loop_and_goes_on_soon() {
        let minute = Duration::from_secs(60);
        let pauses: Vec<_> = std::iter::successors(Some(Duration::ZERO), |held| {
            Some(*held + pause_after(*held)).filter(|held| *held < minute)
        })
        .collect();
        assert!((600..700).contains(&pauses.len()), "{}", pauses.len());
        for held in pauses {
            assert!(pause_after(held) <= HELD_LEAST.max(held / 4));
        }
    }

    #[tokio::test]
    async fn a_cut_connection_ends_for_whoever_waits_in_it() {
        let ((mut one, cutter), (_other, _)) = pair().await;
        let waiting = tokio::spawn(async move { one.read_u8().await.is_err() });
        tokio::task::yield_now().await;
        cutter.cut();
        assert!(waiting.await.unwrap());
        assert!(!cutter.is_open());
    }
}
