//! The end of a session of which only the journal is left: after a crash, or to try again.

use std::time::Instant;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::id::SessionId;

use super::{Found, close, end, enter_all, remove};
use crate::book::Book;
use crate::clock;
use crate::host::Host;
use crate::journal::Journal;
use crate::missing;
use crate::plan::Plan;
use crate::process;
use crate::receipt::{End, Killed};
use crate::spool::Chapter;
use crate::tail::Tail;
use crate::watch::diary;

/// Ends a session of which only the journal is left: after a crash, or to try again.
pub(crate) fn resume(host: &Host, session: SessionId, cause: EndCause) {
    let (journal, story) = match host.spool.resume(session) {
        Ok(Some(found)) => found,
        Ok(None) => return,
        Err(error) => {
            end_processes(host, session);
            return host.unreadable(session, &error);
        }
    };
    if story.is_finished() {
        // It could not be read when the daemon started.
        drop(journal);
        host.spool.shelve(&story);
        return host.finished(session);
    }
    let chain = story.chain(&host.trust.host);
    let (chapter, reported) = (story.chapter, chain.tally().sudo);
    let was_watched = story.was_watched();
    let cause = story.cause.unwrap_or(cause);
    let (missing, told) = (story.missing(), story.told());
    let plan = story.plan;
    let mut book = Book::reopen(journal, chain);
    if chapter == Chapter::Interrupted {
        // A try that takes long is not joined by another one.
        host.finished(session);
        let tail = plan
            .sudo_log
            .as_deref()
            .and_then(|log| Tail::open(log, reported).ok());
        if was_watched {
            // From the daemon's death to that of the last process nobody looked.
            let at = clock::now();
            let unwatched = vec![diary::unwatched(at.wall)];
            let untold = enter_all(&host.identity, unwatched, at, &mut book);
            if let Err(error) = untold {
                host.complain(&error);
            }
        }
        let missing = missing.unwrap_or_else(|| missing::look_after_a_crash(&plan));
        let found = Found::Interrupted { missing };
        let ended = end(host, &plan, &mut book, (tail, None), cause, found);
        drop(book);
        return settle(host, &plan, false, ended.again);
    }
    let (ending_at, began) = (clock::now().wall, Instant::now());
    let (removed, traces) = remove(host, &plan, || {});
    let again = removed.again();
    if again.is_empty() {
        let end = End {
            cause,
            ending_at,
            gone_at: clock::now().wall,
            took: began.elapsed(),
            killed: traces.killed,
            found: traces.found,
            removed,
            once: Vec::new(),
        };
        close(host, &plan, &mut book, told.before(end), false);
        drop(book);
        settle(host, &plan, false, again);
    } else {
        // Another receipt would say what the last one says. What else this try did is in the one that ends it all.
        if let Some(tried) = told.beyond(&traces.killed, &traces.found)
            && let Err(error) = book.tried(tried)
        {
            host.complain(&error.to_string());
        }
        drop(book);
        host.spool.put_back(session);
        host.unfinished(session, again);
    }
}

/// Ends the processes of a session whose journal cannot be read, as far as they are known to be its:
/// nobody else may have a control group of its name, nor a number of the reserved range. Its account,
/// its rules and its files wait for whoever can read what they are.
fn end_processes(host: &Host, session: SessionId) {
    let account = session.account();
    if host.leases.live(account.as_str(), clock::now()).is_some() {
        return;
    }
    let uid = Journal::uid(&host.paths.journal(session));
    let uid = uid.filter(|uid| host.config.uids().contains(u64::from(uid.as_raw())));
    let mut killed = Killed::default();
    process::kill_known(uid, &host.cgroup_root.join(account.as_str()), &mut killed);
    let count = killed.total();
    if count > 0 {
        host.complain(&format!(
            "session {session}: its journal cannot be read; {count} of its processes were ended"
        ));
    }
}

/// Remembers what is to be done about a session that is over.
pub(crate) fn settle(host: &Host, plan: &Plan, acknowledged: bool, again: Vec<String>) {
    host.spool.over(plan, acknowledged, again.is_empty());
    if again.is_empty() {
        host.finished(plan.session);
    } else {
        host.unfinished(plan.session, again);
    }
}
