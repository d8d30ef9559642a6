//! Signing keys in OpenSSH private key files that only their owner can read.

use std::collections::HashMap;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer as _, SigningKey};
use nix::fcntl::OFlag;
use portreeve_protocol::key::PublicKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};
use zeroize::Zeroizing;

use super::{KeyFailed, KeyStore, Role};
use crate::{disk, entropy};

/// The longest key file that is read; an Ed25519 one has about 400 bytes.
const MAX_FILE: u64 = 8 * 1024;

/// The six keys of a directory, in memory.
pub struct KeyFiles(HashMap<Role, Key>);

struct Key {
    signing: SigningKey,
    public: PublicKey,
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the key `{}` cannot be used", path.display())]
pub struct KeyFileError {
    path: PathBuf,
    #[source]
    fault: Fault,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("it cannot be read or written")]
    Io(#[from] io::Error),
    #[error("it belongs to user {owner}, not to user {me}, who runs the signer")]
    Owner { owner: u32, me: u32 },
    #[error("its mode is {mode:04o}; nobody but its owner may have any right to it")]
    Mode { mode: u32 },
    #[error("it is not a regular file of at most {MAX_FILE} bytes")]
    Kind,
    #[error("it is not an unencrypted OpenSSH private key of type ssh-ed25519")]
    Format,
}

impl KeyFiles {
    /// Reads the keys of all roles from a directory.
    ///
    /// # Errors
    /// When one is missing, is not an Ed25519 key, or could be read by somebody else.
    pub fn open(directory: &Path) -> Result<Self, KeyFileError> {
        check_directory(directory).map_err(|fault| named(directory, fault))?;
        let mut keys = HashMap::new();
        for role in Role::ALL {
            let path = directory.join(role.file_name());
            let key = read(&path).map_err(|fault| named(&path, fault))?;
            keys.insert(role, key);
        }
        Ok(Self(keys))
    }

    /// Makes new keys for all roles in a new directory, each with its `.pub` beside it.
    ///
    /// # Errors
    /// When the directory exists or a file cannot be written.
    pub fn create(directory: &Path) -> Result<(), KeyFileError> {
        disk::new_private_directory(directory).map_err(|error| named(directory, error))?;
        for role in Role::ALL {
            let path = directory.join(role.file_name());
            write_new(&path, role).map_err(|fault| named(&path, fault))?;
        }
        Ok(())
    }
}

impl KeyStore for KeyFiles {
    fn public_key(&self, role: Role) -> &PublicKey {
        &self.key(role).public
    }

    fn sign(&self, role: Role, message: &[u8]) -> Result<[u8; 64], KeyFailed> {
        Ok(self.key(role).signing.sign(message).to_bytes())
    }
}

impl KeyFiles {
    #[expect(
        clippy::expect_used,
        reason = "`open` is the only constructor and puts in a key for every role"
    )]
    fn key(&self, role: Role) -> &Key {
        self.0.get(&role).expect("a key for every role")
    }
}

impl fmt::Debug for KeyFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFiles(…)")
    }
}

fn named(path: &Path, fault: impl Into<Fault>) -> KeyFileError {
    KeyFileError {
        path: path.to_owned(),
        fault: fault.into(),
    }
}

fn check_directory(directory: &Path) -> Result<(), Fault> {
    let metadata = std::fs::symlink_metadata(directory)?;
    if !metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::NotADirectory).into());
    }
    check_owner(&metadata)
}

fn check_owner(metadata: &std::fs::Metadata) -> Result<(), Fault> {
    let me = nix::unistd::geteuid().as_raw();
    if metadata.uid() != me {
        return Err(Fault::Owner {
            owner: metadata.uid(),
            me,
        });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Fault::Mode { mode });
    }
    Ok(())
}

fn read(path: &Path) -> Result<Key, Fault> {
    // The open file is what is checked, so that it cannot be exchanged between check and reading.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return Err(Fault::Kind);
    }
    check_owner(&metadata)?;
    let mut text = Zeroizing::new(Vec::new());
    file.take(MAX_FILE).read_to_end(&mut text)?;
    understand(&text).ok_or(Fault::Format)
}

fn understand(text: &[u8]) -> Option<Key> {
    let private = PrivateKey::from_openssh(text).ok()?;
    let KeypairData::Ed25519(pair) = private.key_data() else {
        return None;
    };
    Some(Key {
        signing: SigningKey::from_bytes(&pair.private.to_bytes()),
        public: PublicKey::new(private.public_key().key_data().clone()).ok()?,
    })
}

fn write_new(path: &Path, role: Role) -> Result<(), Fault> {
    let seed = Zeroizing::new(entropy::random::<32>());
    let pair = Ed25519Keypair::from_seed(&seed);
    let comment = format!("portreeve {}", role.file_name());
    let private =
        PrivateKey::new(KeypairData::Ed25519(pair), comment).map_err(|_| Fault::Format)?;
    let text = private
        .to_openssh(LineEnding::LF)
        .map_err(|_| Fault::Format)?;
    let public = private
        .public_key()
        .to_openssh()
        .map_err(|_| Fault::Format)?;
    disk::new_private_file(path, text.as_bytes())?;
    let public = format!("{public}\n");
    disk::new_public_file(&path.with_extension("pub"), public.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn keys() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("keys");
        KeyFiles::create(&directory).unwrap();
        (home, directory)
    }

    fn refused(directory: &Path) -> String {
        let error = anyhow::Error::from(KeyFiles::open(directory).unwrap_err());
        format!("{error:#}")
    }

    #[test]
    fn every_role_has_a_key_of_its_own() {
        let (_home, directory) = keys();
        let keys = KeyFiles::open(&directory).unwrap();
        let prints: std::collections::BTreeSet<_> = Role::ALL
            .iter()
            .map(|role| keys.public_key(*role).fingerprint())
            .collect();
        assert_eq!(prints.len(), Role::ALL.len());
        let other = KeyFiles::create(&directory);
        assert!(other.is_err(), "keys are never overwritten");
    }

    #[test]
    fn files_that_others_could_read_are_refused() {
        let (_home, directory) = keys();
        let key = directory.join("order");
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o640)).unwrap();
        assert!(refused(&directory).contains("its mode is 0640"));
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o750)).unwrap();
        assert!(refused(&directory).contains("its mode is 0750"));
    }

    #[test]
    fn links_devices_and_other_files_are_refused() {
        let (_home, directory) = keys();
        let key = directory.join("token");
        let kept = directory.join("kept");
        std::fs::rename(&key, &kept).unwrap();
        assert!(refused(&directory).contains("cannot be read"));
        std::os::unix::fs::symlink(&kept, &key).unwrap();
        assert!(refused(&directory).contains("cannot be read"));
        std::fs::remove_file(&key).unwrap();
        nix::unistd::mkfifo(&key, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(refused(&directory).contains("not a regular file"));
        std::fs::remove_file(&key).unwrap();
        disk::new_private_file(&key, b"-----BEGIN OPENSSH PRIVATE KEY-----\n").unwrap();
        assert!(refused(&directory).contains("not an unencrypted"));
        std::fs::remove_file(&key).unwrap();
        disk::new_private_file(&key, &[b'x'; 9000]).unwrap();
        assert!(refused(&directory).contains("not a regular file"));
    }
}
