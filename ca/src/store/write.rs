//! The one writer. It takes what many callers want to commit at the same time into one
//! transaction, so that all of them wait for one write to the disk, and keeps the end of the audit
//! log in memory.

use std::time::Duration;

use portreeve_protocol::time::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};

use super::apply::{NotApplied, apply};
use super::log::{self, Leaf};
use super::room::Room;
use super::{Change, CommitError, Committed, EventOutcome, Spends, StoreError, feed};
use crate::clock::Clock;
use crate::trail::tree::{Frontier, Node};

/// How many commits share a transaction at most.
const TOGETHER: usize = 256;
/// How far the clock may fall back without anybody being alarmed: what time daemons do in steps.
const SKEW: Duration = Duration::from_secs(2);

/// What a caller wants.
#[derive(Debug)]
pub(super) enum Job {
    /// Do all of this or nothing.
    Commit(Commit),
    /// Finish and close the database.
    Close(oneshot::Sender<()>),
}

/// Changes and events that belong together, and who waits.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) changes: Vec<Change>,
    pub(super) entries: Vec<Entry>,
    pub(super) done: oneshot::Sender<Answer>,
}

/// An event for the log, and what follows only when it is logged now: not when the log has its id.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) leaf: Leaf,
    pub(super) change: Option<Change>,
    pub(super) spends: Option<Spends>,
    /// Another event, and of which alarms it is one, if those are counted.
    pub(super) alarm: Option<(Leaf, Option<Spends>)>,
}

/// What the caller is told.
type Answer = Result<Committed, CommitError>;

/// What others see of the writer: nothing that is not durable.
#[derive(Debug)]
pub(super) struct Published {
    /// The end of the log.
    pub(super) log: watch::Sender<Frontier>,
    /// The number of the feed's last item.
    pub(super) feed: watch::Sender<u64>,
    /// Whether the database took the last thing that it was given to write.
    pub(super) writable: watch::Sender<bool>,
}

/// The writer's connection and what it remembers of the database.
pub(super) struct Writer {
    db: SqliteConnection,
    options: SqliteConnectOptions,
    clock: Clock,
    published: Published,
    end: End,
    /// Set when a transaction failed and what is remembered may not be what is stored.
    doubtful: bool,
}

/// The end of the log.
#[derive(Debug, Clone, Default)]
struct End {
    frontier: Frontier,
    last_at: Option<Timestamp>,
}

impl Writer {
    /// Reads what is to be remembered.
    pub(super) async fn new(
        mut db: SqliteConnection,
        options: SqliteConnectOptions,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let (frontier, last_at) = log::restore(&mut db).await?;
        let feed = feed::last(&mut db).await?;
        Ok(Self {
            db,
            options,
            clock,
            published: Published {
                log: watch::Sender::new(frontier.clone()),
                feed: watch::Sender::new(feed),
                writable: watch::Sender::new(true),
            },
            end: End { frontier, last_at },
            doubtful: false,
        })
    }

    /// Where others may watch.
    pub(super) const fn published(&self) -> &Published {
        &self.published
    }

    /// Commits until it is told to close or nobody is left.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Job>) {
        let mut jobs = Vec::new();
        while inbox.recv_many(&mut jobs, TOGETHER).await > 0 {
            let mut commits = Vec::new();
            let mut close = None;
            for job in jobs.drain(..) {
                match job {
                    Job::Commit(commit) if close.is_none() => commits.push(commit),
                    // Whoever comes after the close finds the store closed.
                    Job::Commit(_) => {}
                    Job::Close(closed) => close = Some(closed),
                }
            }
            self.answer(commits).await;
            if let Some(closed) = close {
                if let Err(error) = self.db.close().await {
                    tracing::warn!(%error, "the database did not close in order");
                }
                // Whoever asked may be gone.
                let _ = closed.send(());
                return;
            }
        }
    }

    async fn answer(&mut self, commits: Vec<Commit>) {
        let answers = self.together(&commits).await;
        for (commit, answer) in commits.into_iter().zip(answers) {
            // A caller that no longer waits can find out by asking.
            let _ = commit.done.send(answer);
        }
    }

    /// All in one transaction; each in one of its own when that fails, so that a commit that the
    /// database cannot take fails alone.
    async fn together(&mut self, commits: &[Commit]) -> Vec<Answer> {
        match self.transaction(commits).await {
            Ok(answers) => answers,
            Err(error) if commits.len() == 1 => vec![Err(error.into())],
            Err(_) => {
                let mut answers = Vec::with_capacity(commits.len());
                for commit in commits {
                    let alone = std::slice::from_ref(commit);
                    match self.transaction(alone).await {
                        Ok(done) => answers.extend(done),
                        Err(error) => answers.push(Err(error.into())),
                    }
                }
                answers
            }
        }
    }

    async fn transaction(&mut self, commits: &[Commit]) -> Result<Vec<Answer>, StoreError> {
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = self.attempt(commits).await;
        self.tell_whether_writable(outcome.as_ref().err());
        outcome
    }

    fn tell_whether_writable(&self, error: Option<&StoreError>) {
        let turned = self.published.writable.send_if_modified(|known| {
            let before = std::mem::replace(known, error.is_none());
            before != *known
        });
        match error {
            Some(error) if turned => tracing::error!(
                %error,
                "the database takes nothing more: no session begins, and open ones end soon; is the disk full or read-only?"
            ),
            None if turned => tracing::info!("the database takes what it is given again"),
            _ => {}
        }
    }

    async fn attempt(&mut self, commits: &[Commit]) -> Result<Vec<Answer>, StoreError> {
        if self.doubtful {
            // SQLite ends a transaction by itself when the disk is full, of which the connection would never hear: it
            // would refuse to begin another for ever.
            self.db = self.options.connect().await?;
            let (frontier, last_at) = log::restore(&mut self.db).await?;
            self.end = End { frontier, last_at };
        }
        // Until the database says that it is committed, it may be or not.
        self.doubtful = true;
        let now = self.clock.now();
        let mut end = self.end.clone();
        let mut complete = Vec::new();
        let mut answers = Vec::with_capacity(commits.len());
        let mut transaction = self.db.begin_with("BEGIN IMMEDIATE").await?;
        for commit in commits {
            let answer = match behind(now, end.last_at) {
                Some(refused) => Err(refused),
                None => match one(&mut transaction, commit, &mut end, &mut complete, now).await {
                    Ok(committed) => Ok(committed),
                    Err(NotApplied::Refused(refusal)) => Err(CommitError::Refused(refusal)),
                    Err(NotApplied::Failed(error)) => return Err(error),
                },
            };
            answers.push(answer);
        }
        log::keep_nodes(&mut transaction, &complete).await?;
        let fed = commits.iter().any(Commit::feeds);
        let feed = if fed {
            Some(feed::last(&mut transaction).await?)
        } else {
            None
        };
        transaction.commit().await?;
        self.end = end;
        self.doubtful = false;
        self.publish(feed);
        Ok(answers)
    }

    fn publish(&self, feed: Option<u64>) {
        let frontier = &self.end.frontier;
        self.published.log.send_if_modified(|known| {
            let grown = known.size() != frontier.size();
            if grown {
                known.clone_from(frontier);
            }
            grown
        });
        if let Some(last) = feed {
            let grow = |known: &mut u64| std::mem::replace(known, last) != last;
            self.published.feed.send_if_modified(grow);
        }
    }
}

impl Commit {
    fn feeds(&self) -> bool {
        let feeds = |change: &Change| matches!(change, Change::Feed { .. });
        let reported = self
            .entries
            .iter()
            .filter_map(|entry| entry.change.as_ref());
        self.changes.iter().chain(reported).any(feeds)
    }

    /// Whether something may be refused after something else was written.
    fn needs_way_back(&self) -> bool {
        self.changes.len() > 1 || self.entries.iter().any(|entry| entry.change.is_some())
    }
}

/// Refuses to go on when the clock was set back behind the last event (invariant 7).
fn behind(now: Timestamp, last: Option<Timestamp>) -> Option<CommitError> {
    let last = last?;
    (now.plus(SKEW) < last).then_some(CommitError::ClockBehind { now, last })
}

/// One commit within the transaction, whole or not at all.
async fn one(
    db: &mut SqliteConnection,
    commit: &Commit,
    end: &mut End,
    complete: &mut Vec<Node>,
    now: Timestamp,
) -> Result<Committed, NotApplied> {
    if !commit.needs_way_back() {
        return steps(db, commit, end, complete, now).await;
    }
    let (end_before, complete_before) = (end.clone(), complete.len());
    sqlx::query("SAVEPOINT one").execute(&mut *db).await?;
    let done = steps(db, commit, end, complete, now).await;
    if let Err(NotApplied::Refused(_)) = &done {
        sqlx::query("ROLLBACK TO one").execute(&mut *db).await?;
        *end = end_before;
        complete.truncate(complete_before);
    }
    sqlx::query("RELEASE one").execute(&mut *db).await?;
    done
}

async fn steps(
    db: &mut SqliteConnection,
    commit: &Commit,
    end: &mut End,
    complete: &mut Vec<Node>,
    now: Timestamp,
) -> Result<Committed, NotApplied> {
    for change in &commit.changes {
        apply(db, change).await?;
    }
    let mut events = Vec::with_capacity(commit.entries.len());
    let mut room = Room::default();
    for entry in &commit.entries {
        let (leaf, bytes) = (&entry.leaf, entry.leaf.bytes());
        let has_room = match entry.spends {
            Some(spends) => room.has(db, spends, bytes).await?,
            None => true,
        };
        if (entry.change.is_some() || !has_room)
            && let Some(outcome) = log::known(db, leaf).await?
        {
            events.push(outcome);
            continue;
        }
        if !has_room {
            events.push(EventOutcome::Full(leaf.id()));
            continue;
        }
        // What the log would not show must not happen: the change comes with its event, or not at all.
        if let Some(change) = &entry.change {
            apply(db, change).await?;
        }
        let outcome = log_one(db, leaf, end, complete, now).await?;
        if let EventOutcome::Logged(_) = outcome {
            if let Some(spends) = entry.spends {
                room.take(spends, bytes);
            }
            if let Some((alarm, counted)) = &entry.alarm {
                let has_room = match *counted {
                    Some(counted) => room.has(db, counted, 1).await?,
                    None => true,
                };
                if has_room {
                    log_one(db, alarm, end, complete, now).await?;
                    if let Some(counted) = *counted {
                        room.take(counted, 1);
                    }
                }
            }
        }
        events.push(outcome);
    }
    room.keep(db).await?;
    Ok(Committed { events })
}

async fn log_one(
    db: &mut SqliteConnection,
    leaf: &Leaf,
    end: &mut End,
    complete: &mut Vec<Node>,
    now: Timestamp,
) -> Result<EventOutcome, StoreError> {
    // The column tells in which order events were logged, also where the clock did not.
    let at = end.last_at.map_or(now, |last| last.max(now));
    let outcome = log::append(db, &mut end.frontier, complete, leaf, at).await?;
    end.last_at = Some(at);
    Ok(outcome)
}
