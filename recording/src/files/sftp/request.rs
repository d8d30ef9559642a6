//! What a client asks (draft-ietf-secsh-filexfer-02, section 6, and OpenSSH's PROTOCOL, section 4).

use bytes::Bytes;

use super::wire::{Fields, Read, packet};
use crate::event::FileAct;
use crate::files::Breach;

/// The longest packet that carries no content.
const MAX_PLAIN: usize = 64 * 1024;
/// The longest path: more than any file system takes.
const MAX_PATH: usize = 4096;
/// The longest handle (section 6.2).
pub(super) const MAX_HANDLE: usize = 256;
/// The longest name of a user or an extension that is kept.
const MAX_NAME: usize = 256;

const INIT: u8 = 1;
const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const READ: u8 = 5;
const WRITE: u8 = 6;
const LSTAT: u8 = 7;
const FSTAT: u8 = 8;
const SETSTAT: u8 = 9;
const FSETSTAT: u8 = 10;
const OPENDIR: u8 = 11;
const READDIR: u8 = 12;
const REMOVE: u8 = 13;
const MKDIR: u8 = 14;
const RMDIR: u8 = 15;
const REALPATH: u8 = 16;
const STAT: u8 = 17;
const RENAME: u8 = 18;
const READLINK: u8 = 19;
const SYMLINK: u8 = 20;
const EXTENDED: u8 = 200;

/// What stands at the beginning of what a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// The client's version.
    Init,
    /// A whole request.
    Request {
        /// Its id.
        id: u32,
        /// What is asked.
        asked: Asked,
    },
    /// The beginning of a request to write, up to its content.
    Write {
        /// Its id.
        id: u32,
        /// Into which file.
        handle: Bytes,
        /// Where in it.
        offset: u64,
        /// How many bytes of content follow.
        content: usize,
    },
}

/// What is needed for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing beside the channel.
    Nothing,
    /// To read.
    Read,
    /// To write.
    Write,
}

/// What is asked, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Open {
        path: Bytes,
        how: How,
        attributes: Attributes,
    },
    OpenDirectory {
        path: Bytes,
    },
    Close {
        handle: Bytes,
    },
    Read {
        handle: Bytes,
        offset: u64,
    },
    ReadDirectory {
        handle: Bytes,
    },
    OnPath {
        act: FileAct,
        path: Bytes,
        other: Option<Bytes>,
        detail: Option<String>,
        need: Need,
    },
    OnHandle {
        act: FileAct,
        handle: Bytes,
        attributes: Option<Attributes>,
        need: Need,
    },
    Copy {
        from: Bytes,
        to: Bytes,
    },
    Unknown {
        extension: String,
    },
}

/// How a file is opened (section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct How(u32);

impl How {
    const READ: u32 = 0x01;
    const WRITE: u32 = 0x02;
    const APPEND: u32 = 0x04;
    const TRUNCATE: u32 = 0x10;
    const CREATE: u32 = 0x08;
    const NEW: u32 = 0x20;

    /// Whether anything but reading is asked for. A flag that only makes sense for writing counts.
    pub(super) const fn writes(self) -> bool {
        self.0 & !Self::READ != 0
    }

    pub(super) const fn reads(self) -> bool {
        self.0 & Self::READ != 0 || !self.writes()
    }

    pub(super) const fn appends(self) -> bool {
        self.0 & Self::APPEND != 0
    }

    /// Whether what the file held before stays where nothing else is written. That a file must be
    /// new means nothing unless it may be made (open(2), `O_EXCL`).
    pub(super) const fn keeps_content(self) -> bool {
        let new = Self::CREATE | Self::NEW;
        self.0 & Self::TRUNCATE == 0 && self.0 & new != new
    }

    pub(super) const fn words(self) -> &'static str {
        match (
            self.0 & Self::READ != 0,
            self.0 & Self::WRITE != 0,
            self.appends(),
        ) {
            (true, false, false) => "for reading",
            (false, _, false) => "for writing",
            (true, true, false) => "for reading and writing",
            (false, _, true) => "for appending",
            (true, _, true) => "for reading and appending",
        }
    }
}

/// Attributes that are to be set (section 5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Attributes {
    pub(super) size: Option<u64>,
    owner: Option<(u32, u32)>,
    mode: Option<u32>,
    times: Option<(u32, u32)>,
}

impl Attributes {
    fn read(from: &mut Fields<'_>) -> Result<Self, Breach> {
        const SIZE: u32 = 1;
        const OWNER: u32 = 2;
        const MODE: u32 = 4;
        const TIMES: u32 = 8;
        const EXTENDED: u32 = 1 << 31;
        let flags = from.number()?;
        if flags & !(SIZE | OWNER | MODE | TIMES | EXTENDED) != 0 {
            return Err(from.malformed());
        }
        let mut attributes = Self::default();
        if flags & SIZE != 0 {
            attributes.size = Some(from.long()?);
        }
        if flags & OWNER != 0 {
            attributes.owner = Some((from.number()?, from.number()?));
        }
        if flags & MODE != 0 {
            attributes.mode = Some(from.number()?);
        }
        if flags & TIMES != 0 {
            attributes.times = Some((from.number()?, from.number()?));
        }
        if flags & EXTENDED != 0 {
            for _ in 0..from.number()? {
                let _ = (from.string()?, from.string()?);
            }
        }
        Ok(attributes)
    }

    /// The attributes in words; nothing when there are none.
    pub(super) fn words(&self) -> Option<String> {
        let words = [
            self.size.map(|size| format!("size {size}")),
            self.owner
                .map(|(user, group)| format!("owner {user}:{group}")),
            self.mode.map(|mode| format!("mode {:04o}", mode & 0o7777)),
            self.times
                .map(|(access, change)| format!("times {access} {change}")),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// Reads the beginning of what a client sent.
pub(super) fn head(bytes: &[u8]) -> Result<Read<Head>, Breach> {
    let Some((length, kind)) = packet(bytes)? else {
        return Ok(Read::Short(5));
    };
    if kind == WRITE {
        return write_head(bytes, length);
    }
    if length > MAX_PLAIN {
        return Err(Breach::PacketTooLong(
            u32::try_from(length).unwrap_or(u32::MAX),
        ));
    }
    let whole = 4 + length;
    let Some(content) = bytes.get(5..whole) else {
        return Ok(Read::Short(whole));
    };
    let mut from = Fields::of(kind, content);
    let first = from.number()?;
    if kind == INIT {
        // A version may be followed by extensions; whatever there is, the host answers with its own.
        return Ok(Read::Done(Head::Init, whole));
    }
    let asked = read(kind, &mut from)?;
    from.end()?;
    Ok(Read::Done(Head::Request { id: first, asked }, whole))
}

fn write_head(bytes: &[u8], length: usize) -> Result<Read<Head>, Breach> {
    const BEFORE_HANDLE: usize = 4 + 1 + 4 + 4;
    const AFTER_HANDLE: usize = 8 + 4;
    let Some(mut from) = bytes
        .get(5..BEFORE_HANDLE)
        .map(|fields| Fields::of(WRITE, fields))
    else {
        return Ok(Read::Short(BEFORE_HANDLE));
    };
    let (id, handle) = (from.number()?, from.number()?);
    let handle = usize::try_from(handle).unwrap_or(usize::MAX);
    if handle > MAX_HANDLE {
        return Err(Breach::HandleTooLong(handle));
    }
    let end = BEFORE_HANDLE + handle + AFTER_HANDLE;
    let Some(fields) = bytes.get(9..end) else {
        return Ok(Read::Short(end));
    };
    let mut from = Fields::of(WRITE, fields);
    let (handle, offset, content) = (from.string()?, from.long()?, from.number()?);
    let content = usize::try_from(content).unwrap_or(usize::MAX);
    if end.checked_add(content) != Some(4 + length) {
        return Err(Breach::Malformed(WRITE));
    }
    let head = Head::Write {
        id,
        handle: Bytes::copy_from_slice(handle),
        offset,
        content,
    };
    Ok(Read::Done(head, end))
}

fn read(kind: u8, from: &mut Fields<'_>) -> Result<Asked, Breach> {
    Ok(match kind {
        OPEN => Asked::Open {
            path: path(from)?,
            how: How(from.number()?),
            attributes: Attributes::read(from)?,
        },
        CLOSE => Asked::Close {
            handle: handle(from)?,
        },
        READ => {
            let (handle, offset) = (handle(from)?, from.long()?);
            from.number()?;
            Asked::Read { handle, offset }
        }
        LSTAT => on_path(FileAct::LinkStat, path(from)?, Need::Nothing),
        FSTAT => on_handle(FileAct::Stat, handle(from)?),
        SETSTAT => changed(FileAct::SetStat, from)?,
        FSETSTAT => Asked::OnHandle {
            act: FileAct::SetStat,
            handle: handle(from)?,
            attributes: Some(Attributes::read(from)?),
            need: Need::Write,
        },
        OPENDIR => Asked::OpenDirectory { path: path(from)? },
        READDIR => Asked::ReadDirectory {
            handle: handle(from)?,
        },
        REMOVE => on_path(FileAct::Remove, path(from)?, Need::Write),
        MKDIR => changed(FileAct::MakeDirectory, from)?,
        RMDIR => on_path(FileAct::RemoveDirectory, path(from)?, Need::Write),
        REALPATH => on_path(FileAct::RealPath, path(from)?, Need::Nothing),
        STAT => on_path(FileAct::Stat, path(from)?, Need::Nothing),
        RENAME => two_paths(FileAct::Rename, from)?,
        READLINK => on_path(FileAct::ReadLink, path(from)?, Need::Read),
        // OpenSSH takes the target first, unlike the draft.
        SYMLINK => two_paths(FileAct::SymbolicLink, from)?,
        EXTENDED => return extended(from),
        other => return Err(Breach::UnknownRequest(other)),
    })
}

fn extended(from: &mut Fields<'_>) -> Result<Asked, Breach> {
    let name = from.string()?;
    Ok(match name {
        b"posix-rename@openssh.com" => two_paths(FileAct::Rename, from)?,
        b"hardlink@openssh.com" => two_paths(FileAct::HardLink, from)?,
        b"statvfs@openssh.com" => on_path(FileAct::FileSystem, path(from)?, Need::Nothing),
        b"expand-path@openssh.com" => on_path(FileAct::RealPath, path(from)?, Need::Nothing),
        b"fstatvfs@openssh.com" => on_handle(FileAct::FileSystem, handle(from)?),
        b"fsync@openssh.com" => on_handle(FileAct::Sync, handle(from)?),
        b"lsetstat@openssh.com" => changed(FileAct::LinkSetStat, from)?,
        b"limits@openssh.com" => on_path(FileAct::Limits, Bytes::new(), Need::Nothing),
        b"home-directory" => Asked::OnPath {
            act: FileAct::Home,
            path: Bytes::new(),
            other: None,
            detail: Some(shown(from.string()?)),
            need: Need::Nothing,
        },
        b"users-groups-by-id@openssh.com" => {
            let _ = (from.string()?, from.string()?);
            on_path(FileAct::Names, Bytes::new(), Need::Nothing)
        }
        b"copy-data" => {
            let source = handle(from)?;
            let _ = (from.long()?, from.long()?);
            let to = handle(from)?;
            from.long()?;
            Asked::Copy { from: source, to }
        }
        other => {
            let extension = shown(other);
            from.skip();
            Asked::Unknown { extension }
        }
    })
}

const fn on_path(act: FileAct, path: Bytes, need: Need) -> Asked {
    Asked::OnPath {
        act,
        path,
        other: None,
        detail: None,
        need,
    }
}

const fn on_handle(act: FileAct, handle: Bytes) -> Asked {
    Asked::OnHandle {
        act,
        handle,
        attributes: None,
        need: Need::Nothing,
    }
}

/// A path and the attributes that it gets.
fn changed(act: FileAct, from: &mut Fields<'_>) -> Result<Asked, Breach> {
    Ok(Asked::OnPath {
        act,
        path: path(from)?,
        other: None,
        detail: Attributes::read(from)?.words(),
        need: Need::Write,
    })
}

fn two_paths(act: FileAct, from: &mut Fields<'_>) -> Result<Asked, Breach> {
    Ok(Asked::OnPath {
        act,
        path: path(from)?,
        other: Some(path(from)?),
        detail: None,
        need: Need::Write,
    })
}

fn path(from: &mut Fields<'_>) -> Result<Bytes, Breach> {
    let path = from.string()?;
    if path.len() > MAX_PATH {
        return Err(Breach::PathTooLong(path.len()));
    }
    Ok(Bytes::copy_from_slice(path))
}

fn handle(from: &mut Fields<'_>) -> Result<Bytes, Breach> {
    let handle = from.string()?;
    if handle.len() > MAX_HANDLE {
        return Err(Breach::HandleTooLong(handle.len()));
    }
    Ok(Bytes::copy_from_slice(handle))
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name.get(..MAX_NAME).unwrap_or(name)).into_owned()
}
