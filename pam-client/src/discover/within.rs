//! Reading below a directory that belongs to somebody else: no link is followed out of it, no other
//! file system is entered, nothing is opened that is not a plain file, and nothing is read beyond
//! a bound.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use portreeve_protocol::time::Timestamp;
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, open, openat2};
use rustix::io::Errno;

/// A directory below which is read.
#[derive(Debug)]
pub(super) struct Within {
    directory: OwnedFd,
    path: PathBuf,
    resolve: ResolveFlags,
}

/// What is known of a file without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    /// Its owner.
    pub(super) owner: u32,
    /// Its group.
    pub(super) group: u32,
    /// Its mode, without the kind.
    pub(super) mode: u32,
    /// Its size in bytes.
    pub(super) size: u64,
    /// When it was last written.
    pub(super) written: Timestamp,
    /// Who beside its owner can read it, the way to it counted.
    pub(super) readers: Readers,
}

/// Who can read a file, root and access control lists left aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Readers {
    /// Its owner.
    Owner,
    /// Its group too.
    Group,
    /// Everybody.
    All,
}

/// Why something could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gap {
    /// A link leads out, or another file system begins.
    LeadsOut,
    /// It is a pipe, a socket, a device.
    NotPlain,
    /// It is larger than what is read.
    TooLarge(u64),
    /// It is no text.
    NotText,
    /// The system refused.
    Refused(Errno),
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeadsOut => {
                f.write_str("a link leads elsewhere, or another file system lies on the way")
            }
            Self::NotPlain => f.write_str("it is no plain file"),
            Self::TooLarge(most) => write!(f, "it is larger than {most} bytes"),
            Self::NotText => f.write_str("it is no text"),
            Self::Refused(error) => write!(f, "{}", io::Error::from(*error)),
        }
    }
}

const FOUND: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

impl Within {
    /// A home, or another directory of somebody else, by a path without links: who could put one
    /// in the place of a directory on the way is not followed either.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn home(path: &Path) -> Result<Option<Self>, Gap> {
        let foreign = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        Self::open(path, ResolveFlags::NO_SYMLINKS, foreign)
    }

    /// The host's own files, where links and mounts are root's.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn host(path: &Path) -> Result<Option<Self>, Gap> {
        let own = ResolveFlags::NO_MAGICLINKS | ResolveFlags::IN_ROOT;
        Self::open(path, ResolveFlags::NO_MAGICLINKS, own)
    }

    fn open(path: &Path, way: ResolveFlags, resolve: ResolveFlags) -> Result<Option<Self>, Gap> {
        let flags = FOUND | OFlags::DIRECTORY;
        let directory = match openat2(CWD, path, flags, Mode::empty(), way) {
            Ok(directory) => directory,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(Errno::LOOP) => return Err(Gap::LeadsOut),
            Err(error) => return Err(Gap::Refused(error)),
        };
        Ok(Some(Self {
            directory,
            path: path.to_owned(),
            resolve,
        }))
    }

    /// Where the directory is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn find(&self, name: &Path) -> Result<Option<(OwnedFd, Stat)>, Gap> {
        let found = match openat2(&self.directory, name, FOUND, Mode::empty(), self.resolve) {
            Ok(found) => found,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(Errno::XDEV | Errno::LOOP) => return Err(Gap::LeadsOut),
            Err(error) => return Err(Gap::Refused(error)),
        };
        let facts = fstat(&found).map_err(Gap::Refused)?;
        Ok(Some((found, facts)))
    }

    /// What is known of a plain file; nothing when there is none.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub(super) fn facts(&self, name: &Path) -> Result<Option<Facts>, Gap> {
        let Some((_, facts)) = self.find(name)? else {
            return Ok(None);
        };
        self.judged(name, &facts).map(Some)
    }

    fn judged(&self, name: &Path, facts: &Stat) -> Result<Facts, Gap> {
        if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
            return Err(Gap::NotPlain);
        }
        Ok(Facts {
            owner: facts.st_uid,
            group: facts.st_gid,
            mode: facts.st_mode & 0o7777,
            size: u64::try_from(facts.st_size).unwrap_or(u64::MAX),
            written: Timestamp::from_seconds(facts.st_mtime),
            readers: self.readers(name, facts),
        })
    }

    /// Who can read a file that all directories from here on let pass.
    fn readers(&self, name: &Path, facts: &Stat) -> Readers {
        let by_mode = |mode: u32, group: u32, all: u32| match mode {
            mode if mode & all != 0 => Readers::All,
            mode if mode & group != 0 => Readers::Group,
            _ => Readers::Owner,
        };
        let mut readers = by_mode(facts.st_mode, 0o040, 0o004);
        let here = fstat(&self.directory).ok();
        let above = name
            .ancestors()
            .skip(1)
            .filter(|above| !above.as_os_str().is_empty());
        let above = above.filter_map(|above| self.find(above).ok()?.map(|(_, facts)| facts));
        for directory in here.into_iter().chain(above) {
            readers = readers.min(by_mode(directory.st_mode, 0o010, 0o001));
        }
        readers
    }

    /// The text of a plain file of at most `most` bytes; nothing when there is none.
    ///
    /// # Errors
    /// When it cannot be read whole.
    pub(super) fn text(&self, name: &Path, most: u64) -> Result<Option<(String, Facts)>, Gap> {
        let Some((facts, bytes)) = self.bytes(name, most.saturating_add(1))? else {
            return Ok(None);
        };
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
            return Err(Gap::TooLarge(most));
        }
        if bytes.contains(&0) {
            return Err(Gap::NotText);
        }
        Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), facts)))
    }

    /// The beginning of a plain file as text; nothing when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn head(&self, name: &Path, most: u64) -> Result<Option<(String, Facts)>, Gap> {
        let found = self.bytes(name, most)?;
        Ok(found.map(|(facts, bytes)| (String::from_utf8_lossy(&bytes).into_owned(), facts)))
    }

    fn bytes(&self, name: &Path, most: u64) -> Result<Option<(Facts, Vec<u8>)>, Gap> {
        let Some((found, facts)) = self.find(name)? else {
            return Ok(None);
        };
        let facts = self.judged(name, &facts)?;
        // What was found is plain, and this is the way to open it and nothing else that somebody
        // may have put in its place since.
        let this = format!("/proc/self/fd/{}", found.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = open(this, flags, Mode::empty()).map_err(Gap::Refused)?;
        let mut bytes = Vec::new();
        std::fs::File::from(file)
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|error| Gap::Refused(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        Ok(Some((facts, bytes)))
    }

    /// The names in a directory, the first `most` of them, and whether these are all.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn names(&self, name: &Path, most: usize) -> Result<(Vec<PathBuf>, bool), Gap> {
        let (entries, is_all) = self.entries(name, most)?;
        let names = entries.into_iter().map(|(name, _)| name);
        Ok((names.collect(), is_all))
    }

    /// The names of directories here that are not hidden, among the first `most` entries.
    ///
    /// # Errors
    /// When this directory cannot be read.
    pub(super) fn directories(&self, most: usize) -> Result<Vec<PathBuf>, Gap> {
        let (entries, _) = self.entries(Path::new(""), most)?;
        let is_one = |(name, kind): &(PathBuf, FileType)| {
            *kind == FileType::Directory && !name.to_string_lossy().starts_with('.')
        };
        let found = entries.into_iter().filter(is_one).map(|(name, _)| name);
        Ok(found.collect())
    }

    fn entries(&self, name: &Path, most: usize) -> Result<Entries, Gap> {
        let here = Path::new(".");
        let is_here = name.as_os_str().is_empty();
        let name = if is_here { here } else { name };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let found = match openat2(&self.directory, name, flags, Mode::empty(), self.resolve) {
            Ok(found) => found,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok((Vec::new(), true)),
            Err(Errno::XDEV | Errno::LOOP) => return Err(Gap::LeadsOut),
            Err(error) => return Err(Gap::Refused(error)),
        };
        let mut found_entries = Vec::new();
        let mut entries = Dir::read_from(found).map_err(Gap::Refused)?;
        while let Some(entry) = entries.read() {
            let entry = entry.map_err(Gap::Refused)?;
            let bytes = entry.file_name().to_bytes();
            if matches!(bytes, b"." | b"..") {
                continue;
            }
            if found_entries.len() == most {
                return Ok((found_entries, false));
            }
            found_entries.push((PathBuf::from(OsStr::from_bytes(bytes)), entry.file_type()));
        }
        found_entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok((found_entries, true))
    }
}

/// Entries of a directory with their kinds, and whether these are all.
type Entries = (Vec<(PathBuf, FileType)>, bool);

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn home() -> (tempfile::TempDir, Within) {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("home")).unwrap();
        fs::write(directory.path().join("secret"), "outside").unwrap();
        let within = Within::home(&directory.path().join("home"))
            .unwrap()
            .unwrap();
        (directory, within)
    }

    #[test]
    fn no_link_leads_out_and_one_that_stays_is_followed() {
        let (_directory, within) = home();
        let at = |name: &str| within.path().join(name);
        fs::create_dir(at("in")).unwrap();
        fs::write(at("in/file"), "inside").unwrap();
        symlink("in/file", at("stays")).unwrap();
        symlink("../secret", at("out")).unwrap();
        symlink(at("in/file"), at("absolute")).unwrap();
        symlink("/etc", at("directory")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let text = |name: &str| {
            within
                .text(Path::new(name), 100)
                .map(|found| found.map(|(text, _)| text))
        };
        assert_eq!(text("stays").unwrap().unwrap(), "inside");
        assert_eq!(text("none"), Ok(None));
        for name in [
            "out",
            "absolute",
            "directory/passwd",
            "../secret",
            "loop",
            "/etc/passwd",
        ] {
            assert_eq!(text(name), Err(Gap::LeadsOut), "{name}");
        }
        assert_eq!(within.names(Path::new("directory"), 9), Err(Gap::LeadsOut));
    }

    #[test]
    fn a_link_in_place_of_a_home_is_not_followed() {
        let (directory, within) = home();
        let link = directory.path().join("link");
        symlink(within.path(), &link).unwrap();
        assert_eq!(Within::home(&link).unwrap_err(), Gap::LeadsOut);
        assert!(
            Within::home(&directory.path().join("none"))
                .unwrap()
                .is_none()
        );
        assert!(Within::host(&link).unwrap().is_some());
    }

    #[test]
    fn what_is_not_plain_is_not_opened() {
        let (_directory, within) = home();
        let fifo = within.path().join("id_rsa");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::create_dir(within.path().join("d")).unwrap();
        for name in ["id_rsa", "d"] {
            assert_eq!(
                within.text(Path::new(name), 9),
                Err(Gap::NotPlain),
                "{name}"
            );
            assert_eq!(within.facts(Path::new(name)), Err(Gap::NotPlain), "{name}");
        }
    }

    #[test]
    fn nothing_is_read_beyond_its_bound() {
        let (_directory, within) = home();
        fs::write(within.path().join("file"), "123456789").unwrap();
        let text = |most| {
            within
                .text(Path::new("file"), most)
                .map(|found| found.unwrap().0)
        };
        assert_eq!(text(9).unwrap(), "123456789");
        assert_eq!(text(8), Err(Gap::TooLarge(8)));
        assert_eq!(within.head(Path::new("file"), 3).unwrap().unwrap().0, "123");
        fs::write(within.path().join("file"), b"a\0b").unwrap();
        assert_eq!(text(9), Err(Gap::NotText));
        let (names, is_all) = within.names(Path::new(""), 0).unwrap();
        assert!(names.is_empty() && !is_all);
        assert_eq!(
            within.names(Path::new(""), 1).unwrap(),
            (vec!["file".into()], true)
        );
    }

    #[test]
    fn who_can_read_a_file_is_decided_by_its_way_too() {
        let (_directory, within) = home();
        let at = |name: &str| within.path().join(name);
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        fs::create_dir(at("d")).unwrap();
        fs::write(at("d/file"), "x").unwrap();
        for (home, directory, file, expected) in [
            (0o755, 0o755, 0o644, Readers::All),
            (0o755, 0o755, 0o600, Readers::Owner),
            (0o755, 0o750, 0o644, Readers::Group),
            (0o700, 0o755, 0o666, Readers::Owner),
        ] {
            mode(within.path(), home);
            mode(&at("d"), directory);
            mode(&at("d/file"), file);
            let facts = within.facts(Path::new("d/file")).unwrap().unwrap();
            assert_eq!(facts.readers, expected, "{home:o} {directory:o} {file:o}");
        }
    }
}
