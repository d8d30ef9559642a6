//! What the process gives up before it reads a key.

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};

/// The kernel did not take something away.
#[derive(Debug, thiserror::Error)]
#[error("the process cannot be hardened: {what}")]
pub struct HardenError {
    what: &'static str,
    #[source]
    source: Errno,
}

/// Nobody else reads the files it makes; it leaves no core dump and no debugger of the same user
/// attaches to it; nothing that it starts gains rights.
///
/// # Errors
/// When the kernel refuses one of them.
pub fn harden() -> Result<(), HardenError> {
    umask(Mode::from_bits_truncate(0o077));
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(|source| HardenError {
        what: "core dumps stay possible",
        source,
    })?;
    prctl::set_dumpable(false).map_err(|source| HardenError {
        what: "its memory stays readable for a debugger",
        source,
    })?;
    prctl::set_no_new_privs().map_err(|source| HardenError {
        what: "programs that it starts can gain rights",
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardened_process_leaves_no_core_and_cannot_be_read() {
        harden().unwrap();
        assert!(!prctl::get_dumpable().unwrap());
        assert!(prctl::get_no_new_privs().unwrap());
        let limits = nix::sys::resource::getrlimit(Resource::RLIMIT_CORE).unwrap();
        assert_eq!(limits, (0, 0));
    }
}
