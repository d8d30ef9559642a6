//! The control connection as the daemon sees it: hello, order, lease, end.
//!
//! One thread per connection. The connection is the lease: when this function's loop ends, for
//! whatever reason, the session ends.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::control::{FromBastion, FromHost, OrderRefusal};
use portreeve_protocol::digest::Digest;

use crate::accept;
use crate::begin::{self, Begun, Refused};
use crate::clock;
use crate::end::{self, Ended};
use crate::host::Host;
use crate::lease::Verdict;
use crate::leases::Live;
use crate::log;
use crate::look;
use crate::spool::Parcel;
use crate::tail::{Tail, Unread, Watch};
use crate::talk::{Broken, First, SILENCE, Talk};
use crate::watch::Sight;

/// How many reports of an earlier session are on their way at a time.
const WINDOW: usize = 50;
/// How many reports of its own a session may have on their way before it is ended: the bastion
/// takes none of them, so nothing of what happens is safe.
const MOST_UNACKNOWLEDGED: usize = 10_000;

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
    let (begun, is_ours) = match talk.order()? {
        Some(First::Session { order, bundle }) => {
            // Asked before it is obeyed, from when on it was seen.
            let is_ours = accept::is_ours(&order, &host.trust, clock::now().wall, |order| {
                host.spool.has_seen(order)
            });
            (begin::begin(host, &order, &bundle), is_ours)
        }
        Some(First::Look { order }) => return look::serve(host, talk, &order),
        None => {
            let refusal = OrderRefusal::Malformed;
            let detail = "an order comes first".into();
            (Err(Refused { refusal, detail }), false)
        }
    };
    match begun {
        Ok(begun) => {
            session(host, talk, begun);
            Ok(())
        }
        Err(Refused { refusal, detail }) => {
            let told = format!("an order is refused: {refusal}: {detail}");
            if is_about_this_host(refusal) {
                host.complain(&told);
            } else {
                log::warning!("{told}");
            }
            talk.say(&FromHost::Refused { refusal, detail })?;
            // What sessions did is not for whoever gets as far as here: a certificate for a look and an old order do.
            if is_ours {
                deliver_only(host, talk)
            } else {
                Ok(())
            }
        }
    }
}

/// A session from ready to gone.
fn session(host: &Host, talk: &mut Talk, mut begun: Begun<'_>) {
    let tail = follow(host, &mut begun);
    let ready = talk.say(&FromHost::Ready {
        attestation: begun.attestation.clone(),
    });
    let mut sight = begun.sight.take();
    let (cause, tail) = match ready {
        Ok(()) => Hold {
            host,
            talk,
            parcel: None,
        }
        .until_over(&begun, tail, sight.as_mut()),
        Err(error) => (error.cause(), tail.map(|(tail, _)| tail)),
    };
    begun.place.close();
    let live = &begun.live;
    let Ended { receipt, again } = end::end(
        host,
        &live.plan,
        &**live,
        (tail, sight),
        cause,
        end::Found::Live,
    );
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
fn follow(host: &Host, begun: &mut Begun<'_>) -> Option<(Tail, Watch)> {
    let rules = begun.rules.take();
    let path = begun.live.plan.sudo_log.as_deref()?;
    let followed = Tail::open(path, 0).and_then(|tail| {
        let tail = match rules {
            Some(rules) => tail.with_rules(rules),
            None => tail,
        };
        Ok((tail, Watch::on(path)?))
    });
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
        mut sight: Option<&mut Sight>,
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
            let sources = Sources {
                tail: tail.as_mut(),
                watch: watch.as_ref(),
                sight: sight.as_deref_mut(),
            };
            match self.turn(&begun.live, sources, wait) {
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
    fn turn(&mut self, live: &Live, sources: Sources<'_>, wait: Duration) -> Result<Turn, Broken> {
        let Sources { tail, watch, sight } = sources;
        let unsent = live.book().unsent();
        self.talk.report(unsent)?;
        if live.book().unacknowledged() > MOST_UNACKNOWLEDGED {
            return Ok(Turn::Over(EndCause::RecordingFailed));
        }
        deliver_earlier(self.host, self.talk, &mut self.parcel)?;

        // What is left of the log is not waited for, and is not read before the bastion was heard.
        let left = tail.as_ref().and_then(|tail| tail.patience());
        let wait = left.map_or(wait, |left| left.min(wait));
        let patience = sight
            .as_ref()
            .and_then(|sight| sight.patience(clock::now()));
        let seen = sight.as_ref().filter(|_| patience.is_none());
        let others: Vec<_> = watch
            .map(Watch::as_fd)
            .into_iter()
            .chain(seen.into_iter().flat_map(|sight| sight.fds()))
            .collect();
        let wait = patience.map_or(wait, |patience| patience.min(wait));
        self.talk.wait(Some(live), &others, wait)?;
        live.waker().clear();
        if let Some(watch) = watch {
            watch.clear();
        }
        if let Some(tail) = tail
            && let Err(cause) = self.tell_of_sudo(live, tail)
        {
            return Ok(Turn::Over(cause));
        }
        if let Some(sight) = sight
            && !self.tell_of_processes(live, sight)
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
            FromBastion::Order { .. } | FromBastion::Look { .. } => {
                log::warning!(
                    "session {}: the bastion sent a second order",
                    live.plan.session
                );
                Ok(Turn::Over(EndCause::HostFailed))
            }
        }
    }

    /// Puts what sudo logged into the book, as far as there is room for it now; or says why the
    /// session cannot go on.
    fn tell_of_sudo(&self, live: &Live, tail: &mut Tail) -> Result<(), EndCause> {
        let room = self.host.share.for_sudo(live.book().length());
        let events = tail.follow(room, clock::now()).map_err(|error| {
            self.host
                .complain(&format!("cannot go on reading sudo's log: {error}"));
            match error {
                // What root does is told, or is not done.
                Unread::TooLong => EndCause::Flooded,
                Unread::Io(_) => EndCause::RecordingFailed,
            }
        })?;
        for event in events {
            let at = event.at.unwrap_or_else(|| clock::now().wall);
            let entered = live.book().enter(event.fact, at, &self.host.identity);
            entered.map_err(|error| {
                self.host.complain(&error.to_string());
                EndCause::RecordingFailed
            })?;
        }
        Ok(())
    }

    /// Puts what its processes did into the book; says whether that went well.
    fn tell_of_processes(&self, live: &Live, sight: &mut Sight) -> bool {
        let now = clock::now();
        let room = self.host.share.for_processes(live.book().length());
        sight.look(room, now).into_iter().all(|fact| {
            let entered = live.book().enter(fact, now.wall, &self.host.identity);
            entered
                .inspect_err(|error| self.host.complain(&error.to_string()))
                .is_ok()
        })
    }
}

/// What tells of a session beside its bastion.
struct Sources<'a> {
    tail: Option<&'a mut Tail>,
    watch: Option<&'a Watch>,
    sight: Option<&'a mut Sight>,
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

/// After the refusal of an order of the CA's for this host: what earlier sessions left to say, until the bastion has heard it or is silent.
fn deliver_only(host: &Host, talk: &mut Talk) -> Result<(), Broken> {
    let mut parcel = None;
    loop {
        deliver_earlier(host, talk, &mut parcel)?;
        if parcel.is_none() || !talk.wait(None, &[], SILENCE)? {
            return Ok(());
        }
        while let Some(message) = talk.message()? {
            match message {
                FromBastion::Acknowledge { reports } => {
                    acknowledge_earlier(host, &mut parcel, reports)
                }
                // A bastion ends what was refused at once, and has what it heard on its disk a moment later.
                FromBastion::Renew | FromBastion::End { .. } => {}
                FromBastion::Order { .. } | FromBastion::Look { .. } => return Ok(()),
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

/// Whether an administrator of this host can do something about a refusal: its clock, its tools, its
/// room. The others are about what came from outside.
const fn is_about_this_host(refusal: OrderRefusal) -> bool {
    match refusal {
        OrderRefusal::NotFresh
        | OrderRefusal::BundleUnusable
        | OrderRefusal::AccountExists
        | OrderRefusal::Full
        | OrderRefusal::Failed
        | OrderRefusal::NotLooked => true,
        OrderRefusal::Signature
        | OrderRefusal::OtherHost
        | OrderRefusal::Replayed
        | OrderRefusal::TooLong
        | OrderRefusal::Bundle
        | OrderRefusal::Looking
        | OrderRefusal::Malformed => false,
    }
}
