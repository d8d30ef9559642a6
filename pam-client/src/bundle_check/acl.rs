//! Access control lists as Linux keeps them: the attribute `system.posix_acl_access`.

/// The only version that there is.
const VERSION: u32 = 2;
/// More entries than any list has that a person wrote.
const MAX_ENTRIES: usize = 1024;
const WRITE: u16 = 2;

const USER: u16 = 0x02;
const GROUP_OBJECT: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// An access control list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acl(Vec<Entry>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    tag: u16,
    permissions: u16,
    id: u32,
}

impl Acl {
    /// Reads the attribute's bytes; none when they are not such a list.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (version, entries) = bytes.split_first_chunk::<4>()?;
        let (entries, rest) = entries.as_chunks::<8>();
        let is_whole = rest.is_empty() && entries.len() <= MAX_ENTRIES;
        if u32::from_le_bytes(*version) != VERSION || !is_whole {
            return None;
        }
        let entry = |[t0, t1, p0, p1, id @ ..]: &[u8; 8]| Entry {
            tag: u16::from_le_bytes([*t0, *t1]),
            permissions: u16::from_le_bytes([*p0, *p1]),
            id: u32::from_le_bytes(*id),
        };
        Some(Self(entries.iter().map(entry).collect()))
    }

    /// Who beside root and the owner may write, in words; none when nobody may.
    pub(crate) fn other_writer(&self) -> Option<String> {
        let mask = self.0.iter().find(|entry| entry.tag == MASK);
        let mask = mask.map_or(u16::MAX, |entry| entry.permissions);
        self.0.iter().find_map(|entry| {
            let masked = entry.permissions & mask & WRITE != 0;
            match entry.tag {
                USER if masked && entry.id != 0 => Some(format!("user {}", entry.id)),
                GROUP_OBJECT if masked => Some("its group".into()),
                GROUP if masked => Some(format!("group {}", entry.id)),
                OTHER if entry.permissions & WRITE != 0 => Some("everybody".into()),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(permissions.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    const OWNER: (u16, u16, u32) = (0x01, 7, u32::MAX);

    #[test]
    fn who_may_write_is_found_and_the_mask_counts() {
        let group = |permissions| (GROUP_OBJECT, permissions, u32::MAX);
        let mask = |permissions| (MASK, permissions, u32::MAX);
        let other = |permissions| (OTHER, permissions, u32::MAX);
        for (entries, expected) in [
            (vec![OWNER, group(5), mask(5), other(5)], None),
            (
                vec![OWNER, (USER, 7, 1000), group(5), mask(7), other(5)],
                Some("user 1000"),
            ),
            // The mask takes the permission away.
            (
                vec![OWNER, (USER, 7, 1000), group(5), mask(5), other(5)],
                None,
            ),
            (vec![OWNER, (USER, 7, 0), group(5), mask(7), other(5)], None),
            (
                vec![OWNER, group(5), (GROUP, 6, 50), mask(6), other(5)],
                Some("group 50"),
            ),
            (vec![OWNER, group(7), mask(7), other(5)], Some("its group")),
            // The mask does not hold others back.
            (vec![OWNER, group(5), mask(5), other(2)], Some("everybody")),
        ] {
            let acl = Acl::read(&bytes(&entries)).unwrap();
            assert_eq!(acl.other_writer().as_deref(), expected, "{entries:?}");
        }
    }

    #[test]
    fn what_is_no_list_is_not_read() {
        let good = bytes(&[OWNER]);
        assert!(Acl::read(&good).is_some());
        for bad in [&good[..3], &good[..7], &[1, 0, 0, 0], b""] {
            assert_eq!(Acl::read(bad), None, "{bad:?}");
        }
    }
}
