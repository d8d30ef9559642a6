//! What a caller can await. The futures need no runtime; dropping one forgets the wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::state::{Phase, Session, State, WaitFor};
use super::tape::{Finished, RecordingFailed};
use crate::head::Head;

/// The common part of all waits.
struct Wait {
    session: Arc<Session>,
    what: WaitFor,
    id: Option<u64>,
}

impl Wait {
    fn new(session: &Arc<Session>, what: WaitFor) -> Self {
        Self {
            session: Arc::clone(session),
            what,
            id: None,
        }
    }

    fn poll<T>(
        &mut self,
        context: &Context<'_>,
        check: impl FnOnce(&State) -> Option<T>,
    ) -> Poll<T> {
        let mut state = self.session.lock();
        match check(&state) {
            Some(value) => Poll::Ready(value),
            None => {
                state.register(&mut self.id, self.what, context.waker());
                Poll::Pending
            }
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.session.lock().forget(id);
        }
    }
}

/// Resolves when everything up to a position is on disk, or the recording failed.
#[must_use = "nothing is awaited until this is polled"]
pub struct FlushThrough {
    wait: Wait,
    position: u64,
    is_asked: bool,
}

impl FlushThrough {
    pub(super) fn new(session: &Arc<Session>, position: u64) -> Self {
        Self {
            wait: Wait::new(session, WaitFor::Durable(position)),
            position,
            is_asked: false,
        }
    }
}

impl Future for FlushThrough {
    type Output = Result<(), RecordingFailed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let position = self.position;
        let polled = self.wait.poll(context, |state| match state.durable {
            Some(durable) if durable >= position => Some(Ok(())),
            _ => state.failure().map(Err),
        });
        // The file was asked for when the recording began; a second visit would take what is
        // recorded next apart from the rest.
        if polled.is_pending() && !self.is_asked && position > 0 {
            self.is_asked = true;
            self.wait.session.ask_for_work();
        }
        polled
    }
}

/// Resolves when at least half of the session's memory is free, or the recording failed.
#[must_use = "nothing is awaited until this is polled"]
pub struct Room(Wait);

impl Room {
    pub(super) fn new(session: &Arc<Session>) -> Self {
        Self(Wait::new(session, WaitFor::Room))
    }
}

impl Future for Room {
    type Output = Result<(), RecordingFailed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let limits = self.0.session.limits;
        self.0.poll(context, |state| match state.failure() {
            Some(why) => Some(Err(why)),
            None => state.has_room(&limits).then_some(Ok(())),
        })
    }
}

/// Resolves when the file has more segments than it had, with what stands for all of them; never, when it gets none any
/// more.
#[must_use = "nothing is awaited until this is polled"]
pub struct Growth {
    wait: Wait,
    beyond: u32,
}

impl Growth {
    pub(super) fn new(session: &Arc<Session>, beyond: u32) -> Self {
        Self {
            wait: Wait::new(session, WaitFor::Growth(beyond)),
            beyond,
        }
    }
}

impl Future for Growth {
    type Output = Head;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let beyond = self.beyond;
        self.wait.poll(context, |state| {
            state.head.filter(|head| head.segments > beyond)
        })
    }
}

/// Resolves when the recording is nearly as long as one may be, and never otherwise.
#[must_use = "nothing is awaited until this is polled"]
pub struct Length(Wait);

impl Length {
    pub(super) fn new(session: &Arc<Session>) -> Self {
        Self(Wait::new(session, WaitFor::Length))
    }
}

impl Future for Length {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0
            .poll(context, |state| state.is_nearly_full.then_some(()))
    }
}

/// Resolves when the recording failed, and never otherwise.
#[must_use = "nothing is awaited until this is polled"]
pub struct Failed(Wait);

impl Failed {
    pub(super) fn new(session: &Arc<Session>) -> Self {
        Self(Wait::new(session, WaitFor::Failure))
    }
}

impl Future for Failed {
    type Output = RecordingFailed;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context, State::failure)
    }
}

/// Resolves when the recording is whole, signed and on disk, or failed.
#[must_use = "the recording is finished either way; awaiting tells whether it could be"]
pub struct Finishing(Wait);

impl Finishing {
    pub(super) fn new(session: &Arc<Session>) -> Self {
        Self(Wait::new(session, WaitFor::Finish))
    }
}

impl Future for Finishing {
    type Output = Result<Finished, RecordingFailed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context, |state| match &state.phase {
            Phase::Finished(finished) => Some(Ok(finished.clone())),
            Phase::Failed(why) => Some(Err(why.clone())),
            Phase::Open | Phase::Ending(_) => None,
        })
    }
}

macro_rules! debug_as_name {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
debug_as_name!(FlushThrough, Room, Growth, Length, Failed, Finishing);
