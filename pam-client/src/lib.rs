//! The host client: accounts, sudo rules and their end.
//!
//! One program with several faces. `daemon` is root and obeys signed orders; `control`,
//! `principals` and `pam` are what sshd and PAM start, and know nothing but the daemon's socket;
//! `enroll`, `unenroll` and `status` are for administrators. There is no network here, no
//! TLS and no async runtime: threads, `poll` and a unix socket.
//!
//! What is on disk and on the wire is written down in `docs/spec/host.md`.

// The command line.
pub mod args;
pub mod exit;

// The world: files, processes, the clock. Decisions do not name these.
mod clock;
mod config;
mod file;
mod lines;
mod log;
mod nss;
mod observe;
mod paths;
mod run;
mod sys;
mod trust;

// What runs in sessions.
mod watch;

// What the daemon may be asked, and the small programs that ask.
mod ask;
mod control;
mod pam;
mod principals;
mod root;
mod status;

// Deciding: pure functions over values and `now`.
mod accept;
mod lease;
mod pace;
mod plan;
mod range;
mod retire;
mod rule_of;
mod search;
mod share;
mod sudolog;

// Remembering.
mod book;
mod chain;
mod counter;
mod journal;
mod owners;
mod receipt;
mod spool;

// Doing.
mod account;
mod apply;
mod as_uid;
mod at_once;
mod cgroup;
mod hands;
mod home;
mod logins;
mod missing;
mod mounts;
mod process;
mod step;
mod stray_files;
mod sudoers;
mod sweep;
mod tail;
mod tree;
mod undo;
mod work;

// Looking at this host: does a bundle work here, and can anybody get round it?
mod bundle_check;
// And who gets in without a session?
mod discover;

// The daemon itself: a connection, and a session from its order to its receipt.
mod daemon;
mod host;
mod leases;
mod serve;
mod service_manager;
mod talk;

mod begin;
mod end;
mod hold;
mod look;
mod uid;

// Making this host known, and forgetting it.
mod enroll;

// Showing what an order would do.
mod preview;

mod command;
#[doc(hidden)]
pub mod fuzz;

pub use command::run;
