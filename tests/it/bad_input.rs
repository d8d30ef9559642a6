//! Bad input against the running programs: for each row the error that the caller gets, and the event that
//! stands in the audit log.
//!
//! A row is data: its name, how the bad thing is made, what is told, what is logged. All rows share one
//! installation and take turns on it. After each table every program still serves, and none has panicked.
//!
//! The keys with which forged things are signed are the installation's own, read from where its programs
//! keep them: the signer itself would make none of these.

mod afterwards;
mod cli;
mod control;
mod draft;
mod https;
mod inventories;
mod looks;
mod orders;
mod published;
mod requests;
mod site;
mod ssh;
mod table;
mod tokens;
mod unknown;
mod withdrawals;

use std::time::SystemTime;

/// Seconds since 1970. What these tests make is for programs that read the same clock.
fn now() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
