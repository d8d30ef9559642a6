//! A folder that is a store: whether it is there, without a wait for a disk that hangs.
//!
//! It may be a mount that comes after the program, or goes while the program runs. So its path is settled at the start,
//! and before each use the folder is looked at: where it is missing, none is made in its place. A disk that hangs keeps
//! the thread that asked it something for as long as it hangs, so only one thread asks.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use nix::errno::Errno;
use object_store::local::LocalFileSystem;
use tokio::sync::Semaphore;

use crate::access::{self, NoAccess, Use};
use crate::store::StoreError;

/// How long a program that starts waits for the disk.
const START: Duration = Duration::from_secs(5);
/// How many links are followed to a folder that is not there; the system follows as many to one that is.
const LINKS: u8 = 40;

/// How many threads write, read, list and delete at a time: more than a bastion's uploads and deletions need.
const AT_ONCE: usize = 8;

/// A folder that is a store.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Its path as it is written, from the root on.
    written: PathBuf,
    /// Where that led at the start, or will lead.
    path: PathBuf,
    /// Whose turn it is to ask the disk.
    turn: Arc<Semaphore>,
    /// Places for everything else that is asked of it.
    places: Arc<Semaphore>,
}

/// Why a path cannot lead to a folder that is a store.
#[derive(Debug)]
pub(crate) enum NotAFolder {
    /// Something on the way is no folder, or lets nobody through.
    NoAccess(NoAccess),
    /// The system says no more.
    Io(io::Error),
}

impl Folder {
    /// The folder at this path, whether it is there or not. Blocks for a few seconds at most.
    ///
    /// # Errors
    /// When there is something else, or it cannot be told what there is.
    pub(crate) fn at(path: &Path) -> Result<Self, NotAFolder> {
        let written = std::path::absolute(path).map_err(NotAFolder::Io)?;
        // Behind a `/` at its end a link cannot be read.
        let written: PathBuf = written.components().collect();
        let looked = written.clone();
        // Until a disk answers that hangs now, the path leads where it says.
        let path = answered(START, move || settled(&looked)).unwrap_or(Ok(written.clone()))?;
        Ok(Self {
            written,
            path,
            turn: Arc::new(Semaphore::new(1)),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What `look` finds, which may wait for the disk.
    ///
    /// # Errors
    /// As `look`.
    pub(crate) async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        // Nobody closes it. Who comes later stands in line here, and may leave it.
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let folder = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || {
            let found = look(&folder);
            drop(turn);
            found
        });
        match looked.await {
            Ok(found) => found,
            Err(error) => Err(StoreError::Failed(error.into())),
        }
    }

    /// What `work` comes to, which is one thing that the disk is asked. It goes on to its end and keeps its place until
    /// then, also when nobody waits for it any more.
    ///
    /// # Errors
    /// When this program ends.
    pub(crate) async fn hold<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, StoreError> {
        // Nobody closes it. Who comes later stands in line here, and has begun nothing when they leave it.
        let place = Arc::clone(&self.places).acquire_owned().await;
        let held = tokio::spawn(async move {
            let done = work.await;
            drop(place);
            done
        });
        held.await.map_err(|error| StoreError::Failed(error.into()))
    }

    /// What is in it, if it is there and this program may use it. Blocking.
    ///
    /// # Errors
    /// When it is not so.
    pub(crate) fn open(&self, wanted: Use) -> Result<LocalFileSystem, StoreError> {
        access::folder(&self.written, wanted)?;
        let leads_to = self.written.canonicalize().map_err(StoreError::Folder)?;
        if leads_to != self.path {
            return Err(StoreError::Elsewhere {
                written: self.written.clone(),
                led_to: self.path.clone(),
                leads_to,
            });
        }
        Ok(LocalFileSystem::new_with_prefix(&self.path)?
            .with_fsync(true)
            .with_automatic_cleanup(true))
    }

    /// Whether nothing is in it and it is on the same disk as `other`. Blocking.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(crate) fn is_bare_beside(&self, other: &Path) -> io::Result<bool> {
        let is_beside = fs::metadata(&self.path)?.dev() == fs::metadata(other)?.dev();
        Ok(is_beside && fs::read_dir(&self.path)?.next().is_none())
    }
}

/// Where a path leads to a folder, or will lead when what is missing is there. Blocking.
fn settled(written: &Path) -> Result<PathBuf, NotAFolder> {
    let path = match resolved(written, LINKS) {
        Ok(path) => path,
        Err(error) if is_no_way(&error) => {
            // In our words, if we find it too.
            return Err(match access::folder(written, Use::Read) {
                Err(no_access) => NotAFolder::NoAccess(no_access),
                Ok(()) => NotAFolder::Io(error),
            });
        }
        // A disk that is broken now, or a server that is gone: the store is away, as one that does not answer.
        Err(_) => return Ok(written.to_owned()),
    };
    access::no_file(&path).map_err(NotAFolder::NoAccess)?;
    Ok(path)
}

/// Whether a path cannot lead to a folder, whatever comes back.
fn is_no_way(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(
            // What is above something that is missing.
            Errno::ENOENT
                | Errno::ENOTDIR
                | Errno::EACCES
                | Errno::ELOOP
                | Errno::EINVAL
                | Errno::ENAMETOOLONG
        )
    )
}

/// A path without links, as far as it is there.
fn resolved(path: &Path, links: u8) -> io::Result<PathBuf> {
    let missing = match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => error,
        found => return found,
    };
    let Some(parent) = path.parent() else {
        return Err(missing);
    };
    match (path.read_link(), links.checked_sub(1), path.file_name()) {
        (Ok(target), Some(left), _) => resolved(&parent.join(target), left),
        (_, _, Some(name)) => Ok(resolved(parent, links)?.join(name)),
        // What is above something that is missing.
        (_, _, None) => Err(missing),
    }
}

/// What `look` finds within `limit`. After that it goes on by itself, and nobody hears of it.
fn answered<T: Send + 'static>(
    limit: Duration,
    look: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let looking = std::thread::Builder::new().name("store".into());
    let looking = looking.spawn(move || {
        // Nobody waits any more.
        let _ = sender.send(look());
    });
    looking.ok()?;
    receiver.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_is_the_same_before_and_after_its_folder_is_made() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir(root.join("mnt")).unwrap();
        symlink("mnt/disk/recordings", root.join("link")).unwrap();
        symlink(root.join("link"), root.join("second")).unwrap();
        let paths = ["mnt/disk/recordings", "link", "second/", "mnt/../link/."];
        let settle = |path: &str| Folder::at(&root.join(path)).unwrap().path;
        let before = paths.map(settle);
        let place = root.join("mnt/disk/recordings");
        assert!(before.iter().all(|path| *path == place), "{before:?}");
        fs::create_dir_all(&place).unwrap();
        assert_eq!(paths.map(settle), before);
    }

    #[test]
    fn what_is_no_folder_is_refused_with_its_name() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        symlink("file", root.path().join("link")).unwrap();
        for path in ["file", "link", "file/below"] {
            let refused = Folder::at(&root.path().join(path)).unwrap_err();
            let NotAFolder::NoAccess(refused) = refused else {
                panic!("{path}: {refused:?}");
            };
            let told = refused.to_string();
            assert!(told.contains("it is no folder"), "{path}: {told}");
        }
        for path in ["loop", "missing/../file"] {
            let _ = symlink("loop", root.path().join("loop"));
            assert!(Folder::at(&root.path().join(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn a_folder_that_leads_elsewhere_by_now_is_not_used() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for name in ["a", "b"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        symlink("a", root.join("link")).unwrap();
        let folder = Folder::at(&root.join("link")).unwrap();
        assert!(folder.open(Use::Write).is_ok());
        fs::remove_file(root.join("link")).unwrap();
        symlink("b", root.join("link")).unwrap();
        let refused = folder.open(Use::Write).unwrap_err();
        assert!(refused.is_away());
        let told = refused.to_string();
        assert!(
            told.contains("/b` by now") && told.contains("/a` when"),
            "{told}"
        );
    }

    #[test]
    fn a_mount_point_without_its_mount_can_be_told_from_a_store_that_is_used() {
        let root = tempfile::tempdir().unwrap();
        let store = root.path().join("store");
        fs::create_dir(&store).unwrap();
        let folder = Folder::at(&store).unwrap();
        assert!(folder.is_bare_beside(root.path()).unwrap());
        assert!(!folder.is_bare_beside(Path::new("/proc")).unwrap());
        fs::create_dir(store.join("recording")).unwrap();
        assert!(!folder.is_bare_beside(root.path()).unwrap());
    }

    #[test]
    fn a_disk_that_hangs_does_not_hold_up_a_start() {
        let (release, hung) = mpsc::channel::<()>();
        let found = answered(Duration::from_millis(10), move || hung.recv());
        assert!(found.is_none());
        drop(release);
        assert_eq!(answered(Duration::from_secs(60), || 7), Some(7));
    }

    #[tokio::test]
    async fn a_disk_that_hangs_keeps_one_thread_and_no_more() {
        let root = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::at(root.path()).unwrap());
        let (release, hung) = mpsc::channel::<()>();
        let (began, begun) = tokio::sync::oneshot::channel();
        let same = Arc::clone(&folder);
        let first = tokio::spawn(async move {
            let look = move |_: &Folder| {
                let _ = (began.send(()), hung.recv());
                Ok(())
            };
            same.look(look).await
        });
        begun.await.unwrap();
        // It goes on although nobody waits for it any more, so nobody else begins.
        first.abort();
        let later = folder.look(|_| Ok(()));
        let later = tokio::time::timeout(Duration::from_millis(10), later).await;
        assert!(later.is_err());
        drop(release);
        folder.look(|_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn what_hangs_keeps_its_place_until_the_disk_answers() {
        let root = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::at(root.path()).unwrap());
        let (release, hangs) = tokio::sync::watch::channel(());
        for _ in 0..AT_ONCE {
            let (same, mut hangs) = (Arc::clone(&folder), hangs.clone());
            let (began, begun) = tokio::sync::oneshot::channel();
            let given_up = tokio::spawn(async move {
                let work = async move {
                    let _ = (began.send(()), hangs.changed().await);
                };
                same.hold(work).await
            });
            begun.await.unwrap();
            given_up.abort();
        }
        let later = folder.hold(async {});
        let later = tokio::time::timeout(Duration::from_millis(10), later).await;
        assert!(later.is_err());
        drop(release);
        folder.hold(async {}).await.unwrap();
    }
}
