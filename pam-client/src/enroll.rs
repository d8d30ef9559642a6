//! Making this host known to a CA, and undoing that.
//!
//! Takes a ticket, changes sshd and PAM, gives a proof. Every change can be taken back and is when
//! a later one fails, so a host is enrolled or as before; running it again is fine.

mod change;
mod pam_lines;
mod selinux;
mod sshd;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use portreeve_protocol::enrol::{HostEnrolment, HostProof, HostTicket};
use portreeve_protocol::signed::{SignError, Signed};
use portreeve_protocol::time::Timestamp;
use portreeve_sudo_policy::dialect::Dialect;

use self::change::{ChangeError, Changes};
use self::sshd::SshdError;
use crate::bundle_check;
use crate::exit::Exit;
use crate::file;
use crate::host::CONTROL_USER;
use crate::log;
use crate::paths::{PROGRAM, Paths};
use crate::run::ToolError;
use crate::spool::Spool;
use crate::sudoers::{NoSudo, Sudo};
use crate::trust::{Identity, Trust, TrustError};

/// The longest ticket.
pub(crate) const MAX_TICKET: u64 = 64 * 1024;

/// Why a host is not enrolled, or not forgotten.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrolError {
    /// Only root can.
    #[error("run this as root")]
    NotRoot,
    /// The ticket is none.
    #[error("standard input is no ticket of `portreeve host add`: {0}")]
    Ticket(#[from] serde_json::Error),
    /// The ticket is void.
    #[error("the ticket is void since {0}: get a new one with `portreeve host add`")]
    Void(Timestamp),
    /// The program is not where sshd and PAM look for it.
    #[error(
        "`{PROGRAM}` must be this program, of root, and writable by nobody else: install it there"
    )]
    Program,
    /// There is no sudo that works.
    #[error(transparent)]
    Sudo(#[from] NoSudo),
    /// sshd is not as it must be.
    #[error(transparent)]
    Sshd(#[from] SshdError),
    /// sudo would not read the rules of sessions.
    #[error(
        "sudo reads no rules of sessions: add the line `@includedir /etc/sudoers.d` with `visudo`"
    )]
    NoIncludeDir,
    /// SELinux would be in the way.
    #[error(
        "SELinux enforces its policy here and no module for it comes with Portreeve, so sshd may not run \
         `{PROGRAM}` or ask the daemon: allow that (`semanage permissive -a sshd_t`, or a module of yours) and say \
         `--selinux-allows`"
    )]
    Selinux,
    /// A change failed.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// PAM's file of sshd cannot be read.
    #[error("cannot read PAM's configuration of sshd: {0}")]
    Pam(#[source] io::Error),
    /// The identity is damaged.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// No random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// The proof cannot be signed.
    #[error("cannot sign the proof: {0}")]
    Sign(#[from] SignError),
    /// The daemon runs.
    #[error("the daemon runs: stop it first (`systemctl stop portreeve-host`)")]
    DaemonRuns,
    /// Sessions are not finished, or their reports are not delivered.
    #[error("{0} sessions are not finished or not delivered: start the daemon, or say `--force`")]
    Sessions(usize),
    /// State cannot be looked at or removed.
    #[error("cannot look at or remove the daemon's state: {0}")]
    State(#[source] io::Error),
    /// A tool failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
}

impl EnrolError {
    /// The exit status.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::DaemonRuns | Self::Sessions(_) => Exit::Busy,
            Self::NotRoot
            | Self::Ticket(_)
            | Self::Void(_)
            | Self::Program
            | Self::Sudo(_)
            | Self::Sshd(_)
            | Self::NoIncludeDir
            | Self::Selinux
            | Self::Change(_)
            | Self::Pam(_)
            | Self::Trust(_)
            | Self::Random(_)
            | Self::Sign(_)
            | Self::State(_)
            | Self::Tool(_) => Exit::Failed,
        }
    }
}

/// Enrols this host with a ticket; gives the proof for the CA.
pub(crate) fn enroll(
    paths: &Paths,
    ticket: &str,
    selinux_allows: bool,
    now: Timestamp,
) -> Result<HostProof, EnrolError> {
    let ticket = checked(ticket, now)?;
    let sudo = Sudo::default().dialect()?;
    suits(paths, sudo, selinux_allows)?;
    let mut changes = Changes::new();
    let identity = identity(paths, &mut changes)?;
    install(paths, &ticket, &mut changes)?;
    sshd::verify(&paths.session_ca())?;
    let host_keys = sshd::host_keys()?;
    let enrolment = HostEnrolment {
        host: ticket.host,
        token: ticket.token,
        identity: identity.public().clone(),
        host_keys,
        sudo: sudo.to_string(),
    };
    let enrolment = Signed::sign(&enrolment, identity.key())?;
    changes.keep();
    sshd::reload(&paths.sshd_pid());
    Ok(HostProof {
        identity: identity.public().clone(),
        enrolment,
    })
}

fn checked(ticket: &str, now: Timestamp) -> Result<HostTicket, EnrolError> {
    if !nix::unistd::geteuid().is_root() {
        return Err(EnrolError::NotRoot);
    }
    let ticket: HostTicket = serde_json::from_str(ticket)?;
    if ticket.expires_at <= now {
        return Err(EnrolError::Void(ticket.expires_at));
    }
    // sshd refuses a helper that somebody else could replace; better to say so now.
    let facts = fs::metadata(PROGRAM).map_err(|_| EnrolError::Program)?;
    if !facts.is_file()
        || facts.uid() != 0
        || facts.mode() & 0o022 != 0
        || facts.mode() & 0o001 == 0
    {
        return Err(EnrolError::Program);
    }
    Ok(ticket)
}

/// Whether sessions would work here. Asked before anything is changed, so that a host that does not
/// suit says which of its settings is in the way.
fn suits(paths: &Paths, sudo: Dialect, selinux_allows: bool) -> Result<(), EnrolError> {
    if !selinux_allows && selinux::enforces(&paths.selinux_state()) {
        return Err(EnrolError::Selinux);
    }
    if !bundle_check::reads_rules_of_sessions(sudo, paths) {
        return Err(EnrolError::NoIncludeDir);
    }
    Ok(sshd::suits()?)
}

/// The identity of an earlier enrolment, so that what it signed stays provable, or a new one.
fn identity(paths: &Paths, changes: &mut Changes) -> Result<Identity, EnrolError> {
    match Identity::load(paths) {
        Err(TrustError::NotEnrolled) => {}
        other => return Ok(other?),
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let identity = Identity::from_seed(&seed)?;
    changes.directory(&paths.settings_directory(), 0o755)?;
    changes.file(&paths.identity(), identity.to_openssh()?.as_ref(), 0o600)?;
    Ok(identity)
}

fn install(paths: &Paths, ticket: &HostTicket, changes: &mut Changes) -> Result<(), EnrolError> {
    changes.user(CONTROL_USER)?;
    changes.directory(&paths.settings_directory(), 0o755)?;
    let trust = serde_json::to_string(&Trust::from(ticket))?;
    changes.file(&paths.trust(), format!("{trust}\n").as_bytes(), 0o644)?;
    let session_ca = format!("{}\n", ticket.session_ca);
    changes.file(&paths.session_ca(), session_ca.as_bytes(), 0o644)?;
    changes.file(&paths.sshd_drop_in(), sshd::DROP_IN.as_bytes(), 0o644)?;
    sshd::test()?;
    let pam = fs::read_to_string(paths.pam_sshd()).map_err(EnrolError::Pam)?;
    changes.content(&paths.pam_sshd(), pam_lines::with_ours(&pam).as_bytes())?;
    Ok(())
}

/// Takes back what enrolment changed. The counter of UIDs stays: a host that is enrolled again
/// must not use one twice.
pub(crate) fn unenroll(paths: &Paths, force: bool) -> Result<(), EnrolError> {
    if !nix::unistd::geteuid().is_root() {
        return Err(EnrolError::NotRoot);
    }
    nothing_goes_on(paths, force)?;
    let mut changes = Changes::new();
    if let Ok(pam) = fs::read_to_string(paths.pam_sshd()) {
        changes.content(&paths.pam_sshd(), pam_lines::without_ours(&pam).as_bytes())?;
    }
    changes.remove_file(&paths.sshd_drop_in())?;
    sshd::test()?;
    for path in [paths.trust(), paths.session_ca(), paths.identity()] {
        changes.remove_file(&path)?;
    }
    changes.keep();
    sshd::reload(&paths.sshd_pid());
    change::remove_user(CONTROL_USER)?;
    remove_state(paths).map_err(EnrolError::State)
}

fn nothing_goes_on(paths: &Paths, force: bool) -> Result<(), EnrolError> {
    if let Ok(lock) = fs::File::open(paths.lock())
        && lock.try_lock().is_err()
    {
        return Err(EnrolError::DaemonRuns);
    }
    if !paths.journals().exists() {
        return Ok(());
    }
    let (spool, found) = Spool::open(paths.clone(), u64::MAX).map_err(EnrolError::State)?;
    for unreadable in &found.unreadable {
        log::error!("{}", unreadable.why);
    }
    let unfinished = found
        .unfinished
        .len()
        .saturating_add(found.unreadable.len());
    let open = unfinished.saturating_add(spool.undelivered());
    if open > 0 && !force {
        return Err(EnrolError::Sessions(open));
    }
    Ok(())
}

fn remove_state(paths: &Paths) -> io::Result<()> {
    for directory in [paths.journals(), paths.sudo_logs(), paths.run()] {
        remove_all(&directory)?;
    }
    file::remove_if_there(&paths.tools_lock())?;
    file::remove_if_there(&paths.lock())
}

fn remove_all(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::check_of;

    #[test]
    fn a_session_of_another_version_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::below(directory.path());
        assert!(nothing_goes_on(&paths, false).is_ok());
        fs::create_dir_all(paths.journals()).unwrap();
        assert!(nothing_goes_on(&paths, false).is_ok());
        let json = r#"{"record":"unheard_of"}"#;
        let line = format!("{} {json}\n", check_of(json.as_bytes()));
        let journal = paths.journal("01890a5d-ac96-774b-8123-456789abcdef".parse().unwrap());
        fs::write(&journal, line).unwrap();
        let refused = nothing_goes_on(&paths, false);
        assert!(matches!(refused, Err(EnrolError::Sessions(1))));
        assert!(nothing_goes_on(&paths, true).is_ok() && journal.exists());
    }
}
