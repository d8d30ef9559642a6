//! How the kernel starts a program: by a loader, without one, or by another program.
//!
//! As much of an ELF file is read as says that, and of a script its first line. Pure: the file is
//! an argument. `preload.rs` asks, to tell whether what sudo preloads reaches the program.

use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// The header of the longer kind of ELF file.
const HEADER: usize = 64;
/// As many program headers as are looked at; usual files have a dozen.
const MOST_HEADERS: u16 = 128;
/// The longest path that the kernel takes.
const LONGEST_PATH: usize = 4096;
/// As much of a script's first line as the kernel looks at.
const FIRST_LINE: usize = 256;
const PT_INTERP: u32 = 3;

/// A file of which parts can be read.
pub(crate) trait Parts {
    /// Up to so many bytes from there on; fewer only at the end of the file.
    fn part(&self, from: u64, length: usize) -> io::Result<Vec<u8>>;
}

impl Parts for &[u8] {
    fn part(&self, from: u64, length: usize) -> io::Result<Vec<u8>> {
        let rest = usize::try_from(from).ok().and_then(|from| self.get(from..));
        let rest = rest.unwrap_or_default();
        Ok(rest.get(..length).unwrap_or(rest).to_vec())
    }
}

/// A program as the kernel sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Image {
    /// An ELF file.
    Elf(Elf),
    /// A script, with the program that reads it.
    Script(PathBuf),
    /// Neither: nothing that Linux starts by itself.
    Other,
}

/// An ELF file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elf {
    /// For which machine it is: word length, byte order, and the number of the processor.
    pub(crate) machine: (u8, u8, u16),
    /// The loader that it asks for; none where it is linked statically.
    pub(crate) loader: Option<PathBuf>,
}

impl Image {
    /// Reads what a file is.
    ///
    /// # Errors
    /// When it cannot be read. What is no well-formed program is [`Image::Other`].
    pub(crate) fn read(file: &impl Parts) -> io::Result<Self> {
        let head = file.part(0, FIRST_LINE)?;
        if let Some(line) = head.strip_prefix(b"#!") {
            return Ok(script(line).map_or(Self::Other, Self::Script));
        }
        Ok(elf(file, &head)?.map_or(Self::Other, Self::Elf))
    }
}

/// The program that a script's first line names.
fn script(line: &[u8]) -> Option<PathBuf> {
    let line = line.split(|&byte| byte == b'\n').next()?;
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t' | b'\0'));
    let program = words.find(|word| !word.is_empty())?;
    Some(path(program))
}

fn elf(file: &impl Parts, head: &[u8]) -> io::Result<Option<Elf>> {
    let Some(layout) = Layout::of(head) else {
        return Ok(None);
    };
    let mut elf = Elf {
        machine: layout.machine,
        loader: None,
    };
    let size = usize::from(layout.header_size);
    let table = size * usize::from(layout.headers.min(MOST_HEADERS));
    let table = file.part(layout.table, table)?;
    for header in table.chunks_exact(size) {
        if layout.number(header, 0, 4) != Some(u64::from(PT_INTERP)) {
            continue;
        }
        let place = if layout.is_long {
            (layout.number(header, 8, 8), layout.number(header, 32, 8))
        } else {
            (layout.number(header, 4, 4), layout.number(header, 16, 4))
        };
        let (Some(from), Some(length)) = place else {
            return Ok(None);
        };
        let length = usize::try_from(length).unwrap_or(LONGEST_PATH);
        let name = file.part(from, length.min(LONGEST_PATH))?;
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        // The kernel takes the first.
        elf.loader = Some(path(name));
        break;
    }
    Ok(Some(elf))
}

/// Where things stand in an ELF file.
struct Layout {
    machine: (u8, u8, u16),
    is_long: bool,
    is_big_endian: bool,
    table: u64,
    header_size: u16,
    headers: u16,
}

impl Layout {
    fn of(head: &[u8]) -> Option<Self> {
        let head = head.get(..HEADER)?;
        let [0x7f, b'E', b'L', b'F', class, order, ..] = *head else {
            return None;
        };
        let mut layout = Self {
            machine: (class, order, 0),
            is_long: class == 2,
            is_big_endian: order == 2,
            table: 0,
            header_size: 0,
            headers: 0,
        };
        let short = |layout: &Self, at| u16::try_from(layout.number(head, at, 2)?).ok();
        layout.machine.2 = short(&layout, 18)?;
        let (table, rest, least) = if layout.is_long {
            (layout.number(head, 32, 8)?, 54, 56)
        } else {
            (layout.number(head, 28, 4)?, 42, 32)
        };
        layout.table = table;
        layout.header_size = short(&layout, rest)?;
        layout.headers = short(&layout, rest + 2)?;
        (layout.header_size >= least).then_some(layout)
    }

    fn number(&self, bytes: &[u8], at: usize, length: usize) -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(length)?)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.is_big_endian {
            bytes.iter().fold(0, add)
        } else {
            bytes.iter().rev().fold(0, add)
        })
    }
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADER: &[u8] = b"/lib64/ld-linux-x86-64.so.2\0";

    /// A file with one program header of this kind, and the loader's name behind it.
    fn elf(kind: u32, is_long: bool, is_big_endian: bool) -> Vec<u8> {
        let mut file = vec![0; 256];
        file[..4].copy_from_slice(b"\x7fELF");
        file[4] = if is_long { 2 } else { 1 };
        file[5] = if is_big_endian { 2 } else { 1 };
        let mut put = |at: usize, length: usize, number: u64| {
            for (place, byte) in (at..at + length).zip(0..) {
                let shift = if is_big_endian {
                    length - 1 - byte
                } else {
                    byte
                };
                file[place] = u8::try_from(number >> (8 * shift) & 0xff).unwrap();
            }
        };
        put(18, 2, 62);
        let (word, table, counts, size, place, length) = if is_long {
            (8, 32, 54, 56, 8, 32)
        } else {
            (4, 28, 42, 32, 4, 16)
        };
        put(table, word, 64);
        put(counts, 2, size);
        put(counts + 2, 2, 1);
        put(64, 4, u64::from(kind));
        put(64 + place, word, 200);
        put(64 + length, word, u64::try_from(LOADER.len()).unwrap());
        file[200..200 + LOADER.len()].copy_from_slice(LOADER);
        file
    }

    fn read(bytes: &[u8]) -> Image {
        Image::read(&bytes).unwrap()
    }

    #[test]
    fn a_program_names_its_loader_in_either_length_and_order() {
        for (is_long, is_big_endian) in [(true, false), (true, true), (false, false), (false, true)]
        {
            let machine = (1 + u8::from(is_long), 1 + u8::from(is_big_endian), 62);
            for (kind, loader) in [(PT_INTERP, Some("/lib64/ld-linux-x86-64.so.2")), (1, None)] {
                let expected = Image::Elf(Elf {
                    machine,
                    loader: loader.map(PathBuf::from),
                });
                assert_eq!(read(&elf(kind, is_long, is_big_endian)), expected);
            }
        }
    }

    #[test]
    fn a_script_names_what_reads_it() {
        for (text, program) in [
            ("#!/bin/sh\necho", Some("/bin/sh")),
            ("#! /usr/bin/env perl -w\n", Some("/usr/bin/env")),
            ("#!\t/bin/sh", Some("/bin/sh")),
            ("#!\n/bin/sh", None),
            ("#!", None),
            ("echo", None),
            ("", None),
        ] {
            let expected = program.map_or(Image::Other, |path| Image::Script(path.into()));
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_program_that_is_cut_short_is_read_without_a_panic() {
        let whole = elf(PT_INTERP, true, false);
        for length in 0..whole.len() {
            let _ = read(&whole[..length]);
        }
        assert_eq!(read(&whole[..HEADER - 1]), Image::Other);
    }
}
