//! The control connection as the daemon sees it: hello, order, lease, end.
//!
//! One thread per connection. The connection is the lease: when this function's loop ends, for
//! whatever reason, the session ends.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::control::{
    FromBastion, FromHost, HostReport, LEASE_SILENCE, MAX_LINE, OrderRefusal,
};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::order::Order;
use portreeve_protocol::signed::Signed;

use crate::begin::{self, Begun, Refused};
use crate::clock;
use crate::end::{self, Ended};
use crate::host::Host;
use crate::lease::Verdict;
use crate::leases::Live;
use crate::lines::{Lines, TooLong};
use crate::log;
use crate::spool::Parcel;
use crate::tail::{Tail, Watch};

/// How long an order may take to arrive, and reports to be acknowledged after a refusal.
const SILENCE: Duration = Duration::from_secs(LEASE_SILENCE);
/// How long the acknowledgement of a receipt is waited for.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long a bastion may take to take what it is told. A stuck one must not hold up the end.
const WRITE_PATIENCE: Duration = Duration::from_secs(2);
/// How many reports of an earlier session are on their way at a time.
const WINDOW: usize = 50;
/// How many reports of its own a session may have on their way before it is ended: the bastion
/// takes none of them, so nothing of what happens is safe.
const MOST_UNACKNOWLEDGED: usize = 10_000;

/// Why a conversation is over.
#[derive(Debug, thiserror::Error)]
enum Broken {
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
    fn cause(&self) -> EndCause {
        match self {
            Self::Ended | Self::Io(_) => EndCause::LinkLost,
            Self::TooLong(_) | Self::Format(_) => EndCause::HostFailed,
        }
    }
}

/// Holds a control connection from its first line to its end.
pub(crate) fn converse(host: &Host, stream: UnixStream, rest: Vec<u8>) {
    let mut talk = match Talk::new(stream, &rest) {
        Ok(talk) => talk,
        Err(error) => return host.complain(&format!("control connection: {error}")),
    };
    if let Err(error) = greet_and_serve(host, &mut talk) {
        log::info!("control connection: {error}");
    }
}

fn greet_and_serve(host: &Host, talk: &mut Talk) -> Result<(), Broken> {
    talk.say(&FromHost::Hello {
        host: host.trust.host.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
    })?;
    let begun = match talk.order()? {
        Some((order, bundle)) => begin::begin(host, &order, &bundle),
        None => Err(Refused {
            refusal: OrderRefusal::Malformed,
            detail: "an order comes first".into(),
        }),
    };
    match begun {
        Ok(begun) => {
            session(host, talk, begun);
            Ok(())
        }
        Err(Refused { refusal, detail }) => {
            log::warning!("an order is refused ({refusal:?}): {detail}");
            talk.say(&FromHost::Refused { refusal, detail })?;
            deliver_only(host, talk)
        }
    }
}

/// A session from ready to gone.
fn session(host: &Host, talk: &mut Talk, begun: Begun<'_>) {
    let tail = follow(host, &begun.live);
    let ready = talk.say(&FromHost::Ready {
        attestation: begun.attestation.clone(),
    });
    let (cause, tail) = match ready {
        Ok(()) => Hold {
            host,
            talk,
            parcel: None,
        }
        .until_over(&begun, tail),
        Err(error) => (error.cause(), tail.map(|(tail, _)| tail)),
    };
    begun.place.close();
    let live = &begun.live;
    let Ended { receipt, again } = end::end(host, &live.plan, &**live, tail, cause);
    let told = (|| {
        talk.report(live.book().unsent())?;
        if let Some(receipt) = receipt {
            talk.say(&FromHost::Gone { receipt })?;
        }
        talk.farewell(live, host)
    })();
    if let Err(error) = told {
        log::info!(
            "session {}: the bastion did not take the receipt: {error}",
            live.plan.session
        );
    }
    let acknowledged = live.book().is_acknowledged();
    end::settle(host, &live.plan, acknowledged, again);
}

/// Begins to follow sudo's log. Without it nothing of sudo would be reported, so the session ends
/// as it begins; `None` is a sudo without a log.
fn follow(host: &Host, live: &Live) -> Option<(Tail, Watch)> {
    let path = live.plan.sudo_log.as_deref()?;
    let followed = Tail::open(path, 0).and_then(|tail| Ok((tail, Watch::on(path)?)));
    followed
        .map_err(|error| host.complain(&format!("cannot follow `{}`: {error}", path.display())))
        .ok()
}

/// A live session in the hands of its thread.
struct Hold<'h, 't> {
    host: &'h Host,
    talk: &'t mut Talk,
    /// The reports of an earlier session that the bastion gets beside.
    parcel: Option<Parcel<'h>>,
}

impl Hold<'_, '_> {
    /// Holds the lease until it is over. Gives back the log, to be read to its end.
    fn until_over(
        mut self,
        begun: &Begun<'_>,
        followed: Option<(Tail, Watch)>,
    ) -> (EndCause, Option<Tail>) {
        let (mut tail, watch) = match followed {
            Some((tail, watch)) => (Some(tail), Some(watch)),
            None if begun.live.plan.sudo_log.is_some() => return (EndCause::RecordingFailed, None),
            None => (None, None),
        };
        let mut lease = begun.lease.clone();
        let cause = loop {
            let now = clock::now();
            let wait = match lease.verdict(now) {
                Verdict::Over(cause) => break cause,
                Verdict::Live(wait) => wait,
            };
            if self.host.is_stopping() {
                break EndCause::Shutdown;
            }
            match self.turn(&begun.live, tail.as_mut(), watch.as_ref(), wait) {
                Ok(Turn::Quiet) => {}
                Ok(Turn::Heard) => lease.renew(clock::now()),
                Ok(Turn::Over(cause)) => break cause,
                Err(error) => {
                    log::info!("session {}: {error}", begun.live.plan.session);
                    break error.cause();
                }
            }
        };
        (cause, tail)
    }

    /// Tells what there is to tell, waits for something to happen, and takes it in.
    fn turn(
        &mut self,
        live: &Live,
        tail: Option<&mut Tail>,
        watch: Option<&Watch>,
        wait: Duration,
    ) -> Result<Turn, Broken> {
        let unsent = live.book().unsent();
        self.talk.report(unsent)?;
        if live.book().unacknowledged() > MOST_UNACKNOWLEDGED {
            return Ok(Turn::Over(EndCause::RecordingFailed));
        }
        deliver_earlier(self.host, self.talk, &mut self.parcel)?;

        self.talk.wait(Some(live), watch, wait)?;
        live.waker().clear();
        if let Some(watch) = watch {
            watch.clear();
        }
        if let Some(tail) = tail
            && !self.tell_of_sudo(live, tail)
        {
            return Ok(Turn::Over(EndCause::RecordingFailed));
        }
        let mut turn = Turn::Quiet;
        while let Some(message) = self.talk.message()? {
            turn = self.heard(live, message)?;
            if let Turn::Over(_) = turn {
                break;
            }
        }
        Ok(turn)
    }

    fn heard(&mut self, live: &Live, message: FromBastion) -> Result<Turn, Broken> {
        match message {
            FromBastion::Renew => Ok(Turn::Heard),
            FromBastion::End { cause } => Ok(Turn::Over(cause)),
            FromBastion::Acknowledge { mut reports } => {
                if let Err(error) = live.book().acknowledged(&mut reports) {
                    self.host.complain(&error.to_string());
                    return Ok(Turn::Over(EndCause::RecordingFailed));
                }
                acknowledge_earlier(self.host, &mut self.parcel, reports);
                Ok(Turn::Heard)
            }
            FromBastion::Order { .. } => {
                log::warning!(
                    "session {}: the bastion sent a second order",
                    live.plan.session
                );
                Ok(Turn::Over(EndCause::HostFailed))
            }
        }
    }

    /// Puts what sudo logged into the book; says whether that went well.
    fn tell_of_sudo(&self, live: &Live, tail: &mut Tail) -> bool {
        let events = match tail.read() {
            Ok(events) => events,
            Err(error) => {
                self.host
                    .complain(&format!("cannot read sudo's log: {error}"));
                return false;
            }
        };
        for event in events {
            let at = event.at.unwrap_or_else(|| clock::now().wall);
            if let Err(error) = live.book().enter(event.fact, at, &self.host.identity) {
                self.host.complain(&error.to_string());
                return false;
            }
        }
        true
    }
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The bastion said nothing.
    Quiet,
    /// The bastion was heard.
    Heard,
    /// The session is over.
    Over(EndCause),
}

/// After a refusal: what earlier sessions left to say, until the bastion has heard it or is silent.
fn deliver_only(host: &Host, talk: &mut Talk) -> Result<(), Broken> {
    let mut parcel = None;
    loop {
        deliver_earlier(host, talk, &mut parcel)?;
        if parcel.is_none() || !talk.wait(None, None, SILENCE)? {
            return Ok(());
        }
        while let Some(message) = talk.message()? {
            match message {
                FromBastion::Acknowledge { reports } => {
                    acknowledge_earlier(host, &mut parcel, reports)
                }
                FromBastion::Renew => {}
                FromBastion::End { .. } | FromBastion::Order { .. } => return Ok(()),
            }
        }
    }
}

fn deliver_earlier<'h>(
    host: &'h Host,
    talk: &mut Talk,
    parcel: &mut Option<Parcel<'h>>,
) -> Result<(), Broken> {
    if parcel.is_none() {
        *parcel = host.spool.take();
    }
    match parcel {
        Some(parcel) => talk.report(parcel.next(WINDOW)),
        None => Ok(()),
    }
}

fn acknowledge_earlier(host: &Host, parcel: &mut Option<Parcel<'_>>, mut reports: Vec<Digest>) {
    let Some(taken) = parcel else {
        return;
    };
    match taken.acknowledged(&mut reports) {
        Ok(true) => *parcel = None,
        Ok(false) => {}
        Err(error) => host.complain(&error.to_string()),
    }
}

/// The two directions of a control connection.
#[derive(Debug)]
struct Talk {
    stream: UnixStream,
    lines: Lines,
}

impl Talk {
    fn new(stream: UnixStream, rest: &[u8]) -> io::Result<Self> {
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        let mut lines = Lines::new(MAX_LINE);
        lines.push(rest);
        Ok(Self { stream, lines })
    }

    fn say(&mut self, message: &FromHost) -> Result<(), Broken> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        Ok(self.stream.write_all(&line)?)
    }

    fn report(&mut self, reports: Vec<HostReport>) -> Result<(), Broken> {
        for report in reports {
            self.say(&FromHost::Report { report })?;
        }
        Ok(())
    }

    /// The order, with its bundle; nothing when something else comes instead.
    fn order(&mut self) -> Result<Option<(Signed<Order>, String)>, Broken> {
        let deadline = clock::now().boot + SILENCE;
        loop {
            match self.message() {
                Ok(Some(FromBastion::Order { order, bundle })) => return Ok(Some((order, bundle))),
                // A bastion that is eager to renew does no harm.
                Ok(Some(FromBastion::Renew)) => {}
                Ok(Some(FromBastion::End { .. })) => return Err(Broken::Ended),
                Ok(Some(FromBastion::Acknowledge { .. })) | Err(Broken::Format(_)) => {
                    return Ok(None);
                }
                Ok(None) => {
                    let left = deadline.saturating_sub(clock::now().boot);
                    if !self.wait(None, None, left)? {
                        return Err(Broken::Ended);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for the acknowledgement of everything, for a moment.
    fn farewell(&mut self, live: &Live, host: &Host) -> Result<(), Broken> {
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
            if left.is_zero() || (!live.book().is_acknowledged() && !self.wait(None, None, left)?) {
                break;
            }
        }
        Ok(())
    }

    /// The next message that has arrived.
    fn message(&mut self) -> Result<Option<FromBastion>, Broken> {
        match self.lines.next()? {
            Some(line) => Ok(Some(serde_json::from_slice(&line)?)),
            None => Ok(None),
        }
    }

    /// Waits until the bastion speaks, the session is woken, its log changes, or `span` is over;
    /// takes what the bastion said. Says whether anything happened.
    fn wait(
        &mut self,
        live: Option<&Live>,
        watch: Option<&Watch>,
        span: Duration,
    ) -> Result<bool, Broken> {
        let mut fds = vec![PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)];
        fds.extend(live.map(|live| PollFd::new(live.waker().as_fd(), PollFlags::POLLIN)));
        fds.extend(watch.map(|watch| PollFd::new(watch.as_fd(), PollFlags::POLLIN)));
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
