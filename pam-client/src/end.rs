//! The end of a session, for whatever cause, and however often it has to be tried.
//!
//! Nothing here asks the session, its bastion or the CA for anything, and no failure stops what
//! comes after it.

mod resume;

use std::time::{Duration, Instant};

use portreeve_protocol::attest::{EndCause, HostFact, Receipt};
use portreeve_protocol::signed::Signed;

use crate::account;
use crate::apply::{self, Done, Removed};
use crate::book::Book;
use crate::cgroup;
use crate::clock::{self, Moment};
use crate::file;
use crate::hands::HostHands;
use crate::host::Host;
use crate::log;
use crate::missing;
use crate::plan::Plan;
use crate::process;
use crate::receipt::{self, End, Found as FoundFiles, Killed};
use crate::share::Share;
use crate::step::Left;
use crate::sudolog::SudoEvent;
use crate::tail::Tail;
use crate::trust::Identity;
use crate::watch::{Sight, diary};

pub(crate) use self::resume::{resume, settle};

/// How often those are ended who come when everything else is gone.
const LATECOMERS: u32 = 3;

/// What a session's end came to.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The proof; none only if this host can sign nothing any more.
    pub(crate) receipt: Option<Signed<Receipt>>,
    /// What is left and is tried again.
    pub(crate) again: Vec<String>,
}

/// How the session is found when its end begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// It was live until now.
    Live,
    /// A crash, or an end that was not finished, may have taken some of what was made for it.
    Interrupted {
        /// What was not in its place before.
        missing: Vec<Left>,
    },
}

/// Ends a session: stop, read the rest of its log, clear, verify, receipt.
pub(crate) fn end(
    host: &Host,
    plan: &Plan,
    mut book: impl Shelf,
    (tail, sight): (Option<Tail>, Option<Sight>),
    cause: EndCause,
    found: Found,
) -> Ended {
    let (ending_at, began) = (clock::now().wall, Instant::now());
    let missing = match found {
        Found::Live => missing::look(plan),
        Found::Interrupted { ref missing } => missing.clone(),
    };
    log::info!("session {}: ends ({cause:?})", plan.session);
    book.with(|book| {
        if let Err(error) = book.ending(cause, ending_at, &missing) {
            host.complain(&error.to_string());
        }
    });
    let mut unread = Vec::new();
    let (removed, traces) = remove(host, plan, || {
        if let Some(tail) = tail {
            let by = (host.share, &host.identity);
            unread = book.with(|book| harvest(by, tail, book, &found));
        }
    });
    // Everything that could have been seen was seen: no process of the session is left.
    let now = clock::now();
    let untold = book.with(|book| {
        let room = host.share.for_processes(book.length());
        let seen = sight.map_or_else(Vec::new, |sight| sight.finish(room, now));
        enter_all(&host.identity, seen, now, book).err()
    });
    // What a session did and nobody will read of it is told where its end is, and first: a receipt
    // names only so much.
    let mut once = unread;
    once.extend(
        untold.map(|why| Left::stays(format!("what ran was not reported to its end: {why}"))),
    );
    once.extend(missing);
    let again = removed.again();
    for left in once.iter().chain(&removed.left) {
        host.complain(&format!("session {}: left: {}", plan.session, left.what));
    }
    let end = End {
        cause,
        ending_at,
        gone_at: clock::now().wall,
        took: began.elapsed(),
        killed: traces.killed,
        found: traces.found,
        removed,
        once,
    };
    let receipt = book.with(|book| close(host, plan, book, end, !again.is_empty()));
    log::info!("session {}: gone, {} left", plan.session, again.len());
    Ended { receipt, again }
}

/// Removes a session: stop, then whatever waits for the stop, then clear, then verify.
pub(crate) fn remove(host: &Host, plan: &Plan, between: impl FnOnce()) -> (Removed, Traces) {
    if plan.is_untouched() {
        return (Removed::default(), Traces::default());
    }
    let mut hands = HostHands::default();
    let stopped = apply::remove(&plan.stop(), &mut hands);
    between();
    let mut removed = stopped.and(apply::remove(&plan.clear(), &mut hands));
    // A login that was past its account check when the lease went becomes a process of the session only now.
    for _ in 0..LATECOMERS {
        if process::verify(plan.account.uid, &plan.cgroup).is_empty() {
            break;
        }
        process::kill_all(plan.account.uid, &plan.cgroup, &mut hands.killed);
    }
    let began = Instant::now();
    let verified = verify(host, plan);
    removed.steps.push(Done {
        name: "verify",
        took: began.elapsed(),
    });
    removed.left.extend(verified);
    let traces = Traces {
        killed: hands.killed,
        found: hands.found,
    };
    (removed, traces)
}

/// What a session had left when it was removed.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    killed: Killed,
    found: FoundFiles,
}

/// Looks for everything that was made, and for every process.
fn verify(host: &Host, plan: &Plan) -> Vec<Left> {
    let mut left = process::verify(plan.account.uid, &plan.cgroup);
    left.extend(account::verify(&plan.account));
    for path in plan.made_paths() {
        if file::is_there(path) {
            left.push(Left::must_go(format!(
                "`{}` is still there",
                path.display()
            )));
        }
    }
    if !cgroup::empties(&plan.cgroup, Duration::ZERO) {
        left.push(Left::must_go("the control group is not empty"));
    }
    // Somebody who still holds the account's check file holds nothing of worth, but it is ours.
    let _ = file::remove_if_there(&host.paths.rules_to_check(&plan.account.name));
    left
}

/// Puts the rest of sudo's log into the book. What is beyond the session's share is counted. Gives
/// back what nobody will read of: with that the end is not confirmed.
fn harvest(
    (share, identity): (Share, &Identity),
    mut tail: Tail,
    book: &mut Book,
    found: &Found,
) -> Vec<Left> {
    let mut left = Vec::new();
    // A try before this one was beyond where refusals are told. Which of them it left out is not on
    // the disk.
    let was_interrupted = matches!(found, Found::Interrupted { .. });
    if was_interrupted && share.for_sudo_at_the_end(book.length(), false) == 0 {
        left.push(Left::stays(
            "the end was interrupted: commands that sudo refused may not be told",
        ));
    }
    let (mut left_out, mut ran) = (0_u64, 0_u64);
    let mut enter = |events: Vec<SudoEvent>| {
        events.into_iter().try_for_each(|event| {
            let has_run = matches!(event.fact, HostFact::Sudo { allowed: true, .. });
            if share.for_sudo_at_the_end(book.length(), has_run) == 0 {
                left_out = left_out.saturating_add(1);
                ran = ran.saturating_add(u64::from(has_run));
                return Ok(());
            }
            let at = event.at.unwrap_or_else(|| clock::now().wall);
            book.enter(event.fact, at, identity)
                .map_err(|error| error.to_string())
        })
    };
    let read = loop {
        let events = tail.read().map_err(|error| error.to_string());
        if let Err(why) = events.and_then(&mut enter) {
            break Err(why);
        }
        if !tail.is_behind() {
            break enter(tail.finish());
        }
    };
    let mut counted = Ok(());
    if left_out > 0 {
        let now = clock::now();
        let lost = vec![diary::left_out_of_sudo(left_out, now.wall)];
        counted = enter_all(identity, lost, now, book);
        left.push(Left::stays(format!(
            "{left_out} commands that sudo was asked for are not told, {ran} of them ran"
        )));
    }
    let why = read.and(counted).err();
    left.extend(
        why.map(|why| Left::stays(format!("sudo's log was not reported to its end: {why}"))),
    );
    left
}

/// Puts what was seen into the book.
fn enter_all(
    identity: &Identity,
    seen: Vec<HostFact>,
    now: Moment,
    book: &mut Book,
) -> Result<(), String> {
    seen.into_iter().try_for_each(|fact| {
        book.enter(fact, now.wall, identity)
            .map_err(|error| error.to_string())
    })
}

fn close(
    host: &Host,
    plan: &Plan,
    book: &mut Book,
    end: End,
    again: bool,
) -> Option<Signed<Receipt>> {
    let ran = book.ran().clone();
    let once = receipt::lines(&end.once);
    let receipt = receipt::receipt(&host.trust.host, plan, book.tally(), ran, end);
    let receipt = match Signed::sign(&receipt, host.identity.key()) {
        Ok(receipt) => receipt,
        Err(error) => {
            host.complain(&error.to_string());
            return None;
        }
    };
    if let Err(error) = book.gone(&receipt, again, once) {
        // It is told all the same; after a crash it would be made again.
        host.complain(&error.to_string());
    }
    Some(receipt)
}

/// Where a book is: in the hands of one thread, or shared with those that let logins in.
pub(crate) trait Shelf {
    /// Does something with the book.
    fn with<T>(&mut self, act: impl FnOnce(&mut Book) -> T) -> T;
}

impl Shelf for &mut Book {
    fn with<T>(&mut self, act: impl FnOnce(&mut Book) -> T) -> T {
        act(self)
    }
}

impl Shelf for &crate::leases::Live {
    fn with<T>(&mut self, act: impl FnOnce(&mut Book) -> T) -> T {
        act(&mut self.book())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Chain;
    use crate::journal::Journal;
    use crate::plan::tests::example;

    /// An event of sudo's that takes much of a journal.
    fn event(kind: &str) -> String {
        let argument = format!("\"{}\"", "\\\"".repeat(400));
        let arguments = [argument.as_str(); 20].join(",\n");
        format!("\"{kind}\": {{\n\"command\": \"/bin/x\",\n\"runargv\": [\n{arguments}\n]\n}}\n")
    }

    /// A book with nothing in it, and where a log may be.
    fn book(directory: &tempfile::TempDir) -> (Book, std::path::PathBuf) {
        let plan = example();
        let journal = Journal::create(directory.path().join("a.journal"), &plan).unwrap();
        let host = "prod-1".parse().unwrap();
        let name = plan.account.name.clone();
        let chain = Chain::new(host, plan.session, name, plan.order_digest);
        (
            Book::reopen(journal, chain),
            directory.path().join("sudo.log"),
        )
    }

    fn interrupted() -> Found {
        Found::Interrupted {
            missing: Vec::new(),
        }
    }

    /// Tells the rest of a log; gives back what is left.
    fn harvested(
        log: &str,
        (book, path): &mut (Book, std::path::PathBuf),
        found: Found,
    ) -> Vec<String> {
        std::fs::write(&path, log).unwrap();
        let identity = Identity::from_seed(&[7; 32]).unwrap();
        let tail = Tail::open(path, 0).unwrap();
        let left = harvest((Share::of(0), &identity), tail, book, &found);
        assert!(left.iter().all(|left| !left.again));
        left.into_iter().map(|left| left.what).collect()
    }

    #[test]
    fn what_is_not_told_of_sudo_is_left_and_what_ran_is_told_first() {
        let directory = tempfile::tempdir().unwrap();
        let mut shelf = book(&directory);
        let log = event("reject").repeat(300) + &event("accept").repeat(10);
        let left = harvested(&log, &mut shelf, Found::Live);
        let tally = shelf.0.tally();
        assert_eq!(tally.sudo_allowed, 10);
        let untold = 310 - tally.sudo;
        assert!(0 < untold && untold < 300, "{untold}");
        let expected =
            format!("{untold} commands that sudo was asked for are not told, 0 of them ran");
        assert_eq!(left, [expected]);
        // After a crash nobody knows what that left out.
        let left = harvested("", &mut shelf, interrupted());
        assert_eq!(left.len(), 1);
        assert!(left[0].contains("interrupted"), "{left:?}");
    }

    #[test]
    fn what_ran_and_is_not_told_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let mut shelf = book(&directory);
        let left = harvested(&event("accept").repeat(300), &mut shelf, Found::Live);
        let untold = 300 - shelf.0.tally().sudo_allowed;
        let expected =
            format!("{untold} commands that sudo was asked for are not told, {untold} of them ran");
        assert_eq!(left, [expected]);
    }

    #[test]
    fn a_log_that_was_told_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut shelf = book(&directory);
        let log = event("reject").repeat(3) + &event("accept").repeat(2);
        for found in [Found::Live, interrupted()] {
            assert!(harvested(&log, &mut shelf, found).is_empty());
        }
        assert_eq!(shelf.0.tally().sudo_allowed, 4);
    }
}
