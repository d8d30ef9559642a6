//! Where the fields of the kernel's structures are, from its own description of its types (BTF).
//! Pure; `/sys/kernel/btf/vmlinux` is read by whoever loads programs.
//!
//! Understands as much of the format as it takes to walk over every type and into structures.

use std::collections::HashMap;

/// The most that a description may have; today's have 5 MB.
pub(crate) const MOST_BTF: usize = 64 * 1024 * 1024;
/// The most types; today's have 150,000.
const MOST_TYPES: usize = 2_000_000;
/// How deep structures without a name, and other names of a type, are followed.
const MOST_DEPTH: usize = 16;

/// Why nothing can be said about a kernel's structures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BtfError {
    /// The bytes are no description of types, or one of a kind that we do not know.
    #[error("the kernel's description of its types cannot be read")]
    Unreadable,
    /// This kernel has no such field.
    #[error("this kernel has no `{0}`")]
    Missing(String),
}

/// A description of types.
#[derive(Debug)]
pub(crate) struct Btf<'a> {
    bytes: &'a [u8],
    /// Where each type begins in `bytes`; the first type has the number 1.
    types: Vec<usize>,
    strings: &'a [u8],
    structures: HashMap<&'a [u8], usize>,
}

/// The head of a type.
#[derive(Debug, Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    members: usize,
    /// The number of the type that this one is another name of, or the size of a structure.
    of: u32,
    /// Whether the offsets of members share their word with the sizes of bit fields.
    with_bits: bool,
}

const HEAD: usize = 12;
const MEMBER: usize = 12;

impl<'a> Btf<'a> {
    /// Reads a description.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        Self::parsed(bytes).ok_or(BtfError::Unreadable)
    }

    fn parsed(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > MOST_BTF || u16_at(bytes, 0)? != 0xeb9f || *bytes.get(2)? != 1 {
            return None;
        }
        let head = length(u32_at(bytes, 4)?)?;
        let part = |offset: usize, size: usize| {
            let begin = head.checked_add(length(u32_at(bytes, offset)?)?)?;
            let end = begin.checked_add(length(u32_at(bytes, size)?)?)?;
            bytes.get(begin..end)
        };
        let (types, strings) = (part(8, 12)?, part(16, 20)?);
        let mut btf = Self {
            bytes: types,
            types: Vec::new(),
            strings,
            structures: HashMap::new(),
        };
        let mut at = 0;
        while at < types.len() {
            let head = btf.head(at)?;
            if btf.types.len() >= MOST_TYPES {
                return None;
            }
            btf.types.push(at);
            if head.kind == STRUCT {
                let name = btf.name(head.name)?;
                // Two structures of one name are two of the kernel's own; the first has the fields.
                btf.structures.entry(name).or_insert(at);
            }
            at = at.checked_add(HEAD)?.checked_add(tail_of(head)?)?;
        }
        Some(btf)
    }

    /// Where in a structure a field is, in bytes; `path` goes on into structures inside it.
    ///
    /// # Errors
    /// When there is no such structure or field.
    pub(crate) fn offset(&self, structure: &str, path: &[&str]) -> Result<u32, BtfError> {
        let missing = || BtfError::Missing(format!("{structure}.{}", path.join(".")));
        let start = self.structures.get(structure.as_bytes());
        let mut at = *start.ok_or_else(missing)?;
        let mut bits = 0_u32;
        for field in path {
            let (offset, of) = self.member(at, field, 0).ok_or_else(missing)?;
            bits = bits.checked_add(offset).ok_or_else(missing)?;
            at = self.resolved(of).unwrap_or(usize::MAX);
        }
        if bits.is_multiple_of(8) {
            Ok(bits / 8)
        } else {
            Err(missing())
        }
    }

    /// How many bytes a structure has.
    ///
    /// # Errors
    /// When there is none of this name.
    pub(crate) fn size(&self, structure: &str) -> Result<u32, BtfError> {
        let at = self.structures.get(structure.as_bytes());
        let head = at.and_then(|&at| self.head(at));
        head.map(|head| head.of)
            .ok_or_else(|| BtfError::Missing(structure.to_owned()))
    }

    /// A member's offset in bits, and the number of its type. Looks into members without a name.
    fn member(&self, at: usize, wanted: &str, depth: usize) -> Option<(u32, u32)> {
        let head = self.head(at)?;
        if !matches!(head.kind, STRUCT | UNION) || depth > MOST_DEPTH {
            return None;
        }
        (0..head.members).find_map(|member| {
            let at = at
                .checked_add(HEAD)?
                .checked_add(member.checked_mul(MEMBER)?)?;
            let (name, of) = (u32_at(self.bytes, at)?, u32_at(self.bytes, at + 4)?);
            let place = u32_at(self.bytes, at + 8)?;
            let bits = if head.with_bits {
                place & 0x00ff_ffff
            } else {
                place
            };
            if name == 0 {
                let (inner, of) = self.member(self.resolved(of)?, wanted, depth + 1)?;
                return Some((bits.checked_add(inner)?, of));
            }
            (self.name(name)? == wanted.as_bytes()).then_some((bits, of))
        })
    }

    /// Where a type begins, past its other names.
    fn resolved(&self, number: u32) -> Option<usize> {
        let mut number = number;
        for _ in 0..MOST_DEPTH {
            let at = *self.types.get(length(number)?.checked_sub(1)?)?;
            let head = self.head(at)?;
            match head.kind {
                TYPEDEF | VOLATILE | CONST | RESTRICT | TYPE_TAG => number = head.of,
                _ => return Some(at),
            }
        }
        None
    }

    fn head(&self, at: usize) -> Option<Type> {
        let info = u32_at(self.bytes, at.checked_add(4)?)?;
        Some(Type {
            name: u32_at(self.bytes, at)?,
            kind: info >> 24 & 0x1f,
            members: length(info & 0xffff)?,
            of: u32_at(self.bytes, at.checked_add(8)?)?,
            with_bits: info >> 31 == 1,
        })
    }

    fn name(&self, at: u32) -> Option<&'a [u8]> {
        self.strings
            .get(length(at)?..)?
            .split(|&byte| byte == 0)
            .next()
    }
}

const STRUCT: u32 = 4;
const UNION: u32 = 5;
const TYPEDEF: u32 = 8;
const VOLATILE: u32 = 9;
const CONST: u32 = 10;
const RESTRICT: u32 = 11;
const TYPE_TAG: u32 = 18;

/// How many bytes follow the head of a type; nothing for a kind that we do not know.
fn tail_of(head: Type) -> Option<usize> {
    match head.kind {
        // Pointer, forward, other names, function, floating point, tag of a type.
        2 | 7..=12 | 16 | TYPE_TAG => Some(0),
        // Integer, variable, tag of a declaration.
        1 | 14 | 17 => Some(4),
        // Array.
        3 => Some(12),
        // Enumeration, prototype.
        6 | 13 => head.members.checked_mul(8),
        // Structure, union, section, enumeration of 64 bits.
        STRUCT | UNION | 15 | 19 => head.members.checked_mul(MEMBER),
        _ => None,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

fn length(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A description of these types and strings.
    fn described(types: &[u32], strings: &[u8]) -> Vec<u8> {
        let length = |bytes: usize| u32::try_from(bytes).unwrap().to_ne_bytes();
        let mut bytes = 0xeb9f_u16.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        bytes.extend(24_u32.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(length(types.len() * 4));
        bytes.extend(length(types.len() * 4));
        bytes.extend(length(strings.len()));
        bytes.extend(types.iter().flat_map(|word| word.to_ne_bytes()));
        bytes.extend(strings);
        bytes
    }

    const STRINGS: &[u8] = b"\0u64\0outer\0inner\0far\0near\0";

    /// `struct inner { u64 near; u64 far }`, `struct outer { u64 near; union { const struct inner
    /// inner; }; }`, with a bit field's way of writing offsets in `outer`.
    fn example() -> Vec<u8> {
        let head = |kind: u32, members: u32| kind << 24 | members;
        let types = [
            vec![1, head(1, 0), 8],
            vec![64],
            vec![11, head(4, 2), 16, 21, 1, 0, 17, 1, 64],
            vec![0, head(10, 0), 2],
            vec![0, head(5, 1), 16, 11, 3, 0],
            vec![5, head(4, 2) | 1 << 31, 24, 21, 1, 0, 0, 4, 64 | 3 << 24],
        ];
        described(&types.concat(), STRINGS)
    }

    #[test]
    fn fields_are_found_also_in_structures_without_a_name() {
        let bytes = example();
        let btf = Btf::parse(&bytes).unwrap();
        assert_eq!(btf.offset("inner", &["far"]), Ok(8));
        assert_eq!(btf.offset("outer", &["near"]), Ok(0));
        assert_eq!(btf.offset("outer", &["inner"]), Ok(8));
        assert_eq!(btf.offset("outer", &["inner", "far"]), Ok(16));
        assert_eq!(btf.size("outer"), Ok(24));
        for (structure, path) in [
            ("outer", &["far"][..]),
            ("none", &["near"]),
            ("outer", &["near", "far"]),
        ] {
            assert!(matches!(
                btf.offset(structure, path),
                Err(BtfError::Missing(_))
            ));
        }
    }

    #[test]
    fn a_description_that_is_cut_or_unknown_is_refused() {
        let whole = example();
        for length in 0..whole.len() - STRINGS.len() {
            assert!(Btf::parse(&whole[..length]).is_err(), "{length}");
        }
        let unknown = described(&[0, 31 << 24, 0], STRINGS);
        assert_eq!(Btf::parse(&unknown).unwrap_err(), BtfError::Unreadable);
    }

    /// A type that is another name of itself ends the search, not the program.
    #[test]
    fn a_type_that_goes_round_is_followed_only_so_far() {
        let head = |kind: u32, members: u32| kind << 24 | members;
        let types = [vec![5, head(4, 1), 8, 0, 1, 0], vec![0, head(8, 0), 2]];
        let bytes = described(&types.concat(), STRINGS);
        let btf = Btf::parse(&bytes).unwrap();
        assert!(btf.offset("outer", &["near"]).is_err());
    }

    #[test]
    fn this_kernel_is_understood_if_it_describes_itself() {
        if let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") {
            let btf = Btf::parse(&bytes).unwrap();
            assert!(btf.offset("task_struct", &["mm"]).unwrap() > 0);
        }
    }
}
