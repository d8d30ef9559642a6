//! The fields of SFTP packets (RFC 4251, section 5).

use crate::files::Breach;

/// The longest packet, in both directions. OpenSSH's sftp-server takes 256 KiB.
const MAX_PACKET: u32 = 512 * 1024;

/// How far the reading of the beginning of a packet has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<T> {
    /// Not enough; with so many bytes there is more to say.
    Short(usize),
    /// This is it, and so many bytes were read.
    Done(T, usize),
}

/// The length of a packet without the field that says it, and its type; nothing while they are not there.
pub(super) fn packet(bytes: &[u8]) -> Result<Option<(usize, u8)>, Breach> {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*length);
    if length > MAX_PACKET {
        return Err(Breach::PacketTooLong(length));
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    match (length, rest.first()) {
        (0, _) => Err(Breach::Malformed(0)),
        (_, None) => Ok(None),
        (_, Some(kind)) => Ok(Some((length, *kind))),
    }
}

/// Takes fields from the front of a packet of one type.
pub(super) struct Fields<'a> {
    kind: u8,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn of(kind: u8, rest: &'a [u8]) -> Self {
        Self { kind, rest }
    }

    pub(super) const fn malformed(&self) -> Breach {
        Breach::Malformed(self.kind)
    }

    pub(super) fn number(&mut self) -> Result<u32, Breach> {
        let (number, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(Breach::Malformed(self.kind))?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*number))
    }

    pub(super) fn long(&mut self) -> Result<u64, Breach> {
        let (number, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(Breach::Malformed(self.kind))?;
        self.rest = rest;
        Ok(u64::from_be_bytes(*number))
    }

    pub(super) fn string(&mut self) -> Result<&'a [u8], Breach> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        let (string, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Breach::Malformed(self.kind))?;
        self.rest = rest;
        Ok(string)
    }

    /// What is left does not matter.
    pub(super) const fn skip(&mut self) {
        self.rest = &[];
    }

    /// Nothing may be left.
    pub(super) const fn end(&self) -> Result<(), Breach> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Breach::Malformed(self.kind))
        }
    }
}
