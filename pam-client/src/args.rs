//! The command line, and nothing but the command line.

use clap::{Parser, Subcommand};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "portreeve-host",
    version,
    about = "Portreeve's host client: accounts for sessions of agents, and their end",
    long_about = "Portreeve's host client.\n\n\
        The daemon makes an account when a signed order says so, proves that it did, and proves that \
        it is gone. It is root and hears no network: orders arrive through sshd. `control`, \
        `principals` and `pam` are started by sshd and PAM and are of no use by hand.",
    after_help = "Exit status: 0 done; 1 failed or refused; 2 wrong usage; 3 not running; \
        4 not now; 5 it works, and something needs a look; 6 not everything could be looked at."
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon, until it is told to end by SIGTERM; then all sessions end first.
    Daemon,
    /// Pass a bastion's control connection on to the daemon (started by sshd).
    Control,
    /// Print the principal that may log in (started by sshd).
    Principals {
        /// The user who logs in (`%u`).
        user: String,
        /// The fingerprint of the certified key (`%f`).
        fingerprint: String,
        /// The certificate's serial number (`%s`).
        serial: u64,
    },
    /// Answer PAM about a login to a session's account (started by pam_exec).
    Pam,
    /// Enrol this host: a ticket of `portreeve host add` on standard input, the proof for
    /// `portreeve host confirm` on standard output. Fine to run again.
    Enroll {
        /// SELinux enforces its policy, and was told to let sshd run and ask the host client.
        #[arg(long)]
        selinux_allows: bool,
    },
    /// Take back what `enroll` changed. The counter of user ids stays.
    Unenroll {
        /// Also when sessions are not finished or their reports are not delivered.
        #[arg(long)]
        force: bool,
    },
    /// Say how the daemon is.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what an order, or any session with a bundle, would do on this host now.
    ///
    /// The checks with what they say, the steps in order with what takes each back, and the
    /// removals of the end. Without an order, `--bundle` is needed and a session is made up. Changes nothing, takes no user
    /// id from the counter, and asks no daemon. Needs root, who alone sees what decides.
    #[command(
        after_help = "Exit status: 0 the order would be obeyed; 1 it would be refused, or the file \
        is no order or no bundle; 3 this host is not enrolled."
    )]
    Plan {
        /// The order: the signed statement of the CA, or the line with which a bastion delivers
        /// it. `-` is standard input.
        #[arg(required_unless_present = "bundle")]
        order: Option<std::path::PathBuf>,
        /// The bundle's file, unless it is beside the order.
        #[arg(long, value_name = "FILE")]
        bundle: Option<std::path::PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Sudo bundles on this host.
    Bundle {
        /// What about them.
        #[command(subcommand)]
        act: BundleAct,
    },
    /// List standing access: who gets into this host without a session.
    ///
    /// Keys in authorized_keys, passwords, sudo and doas rules, groups that are root in effect,
    /// private keys without a passphrase, services that log in, credentials for other systems in
    /// the places that programs have for them. Changes nothing and tells no secret. Only root sees
    /// everything; what could not be looked at is told.
    #[command(
        after_help = "Exit status: 0 nothing was found, or it was signed; 1 failed; 5 something was \
        found; 6 nothing was found, and not everything could be looked at."
    )]
    Discover {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Signed by this host, for `portreeve host inventory`.
        #[arg(long, conflicts_with = "json")]
        signed: bool,
        /// As the answer to this look order (started by the daemon).
        #[arg(long, value_name = "ORDER", requires = "signed", hide = true)]
        look: Option<portreeve_protocol::id::OrderId>,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Take on a session's user and kill every other process of it (started by the daemon).
    #[command(hide = true, name = crate::as_uid::KILL_OWN)]
    KillOwn {
        /// The user's id.
        uid: u32,
    },
    /// Take on a session's user and forget its keys in the kernel (started by the daemon).
    #[command(hide = true, name = crate::as_uid::FORGET_KEYS)]
    ForgetKeys {
        /// The user's id.
        uid: u32,
    },
}

/// What is done with a bundle.
#[derive(Debug, Subcommand)]
pub enum BundleAct {
    /// Say whether a bundle works on this host, and whether anybody could get round it here.
    ///
    /// Looks at sudo and its known vulnerabilities, at every program that the bundle names with
    /// all directories on the way to it, and at what the host's own sudoers says besides. Changes
    /// nothing. As another user than root it says what it could not see.
    #[command(
        after_help = "Exit status: 0 nothing was found; 1 a session with this bundle would be \
        refused here, or the file is no bundle; 5 it works, and something needs a look; 6 nothing \
        was found, and not everything could be looked at."
    )]
    Check {
        /// The bundle's file.
        file: std::path::PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}
