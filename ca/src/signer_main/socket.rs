//! The socket file: in a directory that only its owner enters, and never two signers on one.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Listens at `path`, whose directory is made when it is not there.
///
/// With a server of another user, the directory and its group are prepared by whoever sets both
/// up, and the socket is open to that group; who connects is checked in any case.
pub(super) fn listen(path: &Path, server_uid: Option<u32>) -> io::Result<UnixListener> {
    let directory = path
        .parent()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    prepare(directory, server_uid.is_some())?;
    if UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another signer runs here",
        ));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    let mode = if server_uid.is_some() { 0o660 } else { 0o600 };
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(listener)
}

fn prepare(directory: &Path, shared: bool) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = std::fs::symlink_metadata(directory)?;
    let forbidden = if shared { 0o027 } else { 0o077 };
    if !metadata.is_dir()
        || metadata.uid() != nix::unistd::geteuid().as_raw()
        || metadata.mode() & forbidden != 0
    {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the socket's directory must belong to the signer and be closed to everybody else: `chmod 0700` it",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_made_closed_and_an_open_one_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("run/signer.sock");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        let listener = listen(&path, None).unwrap();
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(
            listen(&path, None).unwrap_err().kind(),
            io::ErrorKind::AddrInUse
        );
        drop(listener);
        assert!(
            listen(&path, None).is_ok(),
            "a socket that nobody serves is replaced"
        );
        std::fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(0o711)).unwrap();
        assert_eq!(
            listen(&path, None).unwrap_err().kind(),
            io::ErrorKind::PermissionDenied
        );
    }
}
