//! A directory on this machine's disk for what must be durable: hosts of the lab have theirs in
//! memory, where a flush costs nothing and proves nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portreeve_tests::installation::Installation;
use portreeve_tests::programs;

/// The state directories, on the host `bastion`.
const STATES: [&str; 2] = ["/var/lib/portreeve-ca", "/var/lib/portreeve-bastion"];

/// The directory. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Makes an empty directory on the disk that the sources are on.
    pub(crate) fn new(what: &str) -> Result<Self> {
        let path = programs::source().join(format!("target/bench/{what}-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Stops the CA and the bastion, moves their state here, and starts them again.
    pub(crate) fn move_state(installation: &mut Installation) -> Result<Self> {
        let disk = Self::new("state")?;
        installation.bastion.stop()?;
        installation.ca.stop()?;
        for state in STATES {
            let name = Path::new(state)
                .file_name()
                .context("a state without a name")?;
            let place = disk.path().join(name);
            fs::create_dir(&place)?;
            // The host sees the sources, this directory among them, but only to read.
            let script = format!(
                "new={}; mount --bind $new /mnt; mount -o remount,bind,rw /mnt; cp -a {state}/. /mnt/; \
                 chown --reference={state} /mnt; chmod --reference={state} /mnt; \
                 umount /mnt; mount --bind $new {state}; mount -o remount,bind,rw {state}",
                place.display()
            );
            installation.lab().host("bastion").sh(&script)?.ok()?;
        }
        installation.ca.start_again()?;
        installation.bastion.start_again()?;
        Ok(disk)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What is left there is in the target directory, and the next `cargo clean` takes it.
        let _ = fs::remove_dir_all(&self.0);
    }
}
