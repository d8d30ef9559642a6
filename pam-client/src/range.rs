//! Who else may hand out numbers of the reserved range. Pure.
//!
//! A number that somebody else may hand out could have an owner before or after it is a session's:
//! files, processes and rights would pass from one to the other. Ranges that the distribution and
//! systemd fix are kept apart by the settings' own limits (`config.rs`); here is what an
//! administrator can set.

use std::fmt;

/// How many others are named.
const MOST_NAMED: usize = 64;

/// The numbers from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// The first.
    pub(crate) first: u32,
    /// The last.
    pub(crate) last: u32,
}

impl Range {
    fn overlaps(self, first: u64, last: u64) -> bool {
        first <= u64::from(self.last) && u64::from(self.first) <= last
    }

    /// Whether a number is of it.
    pub(crate) fn contains(self, number: u64) -> bool {
        self.overlaps(number, number)
    }
}

/// The files that say who hands out which numbers; one that is not there is empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// `/etc/passwd`.
    pub(crate) passwd: String,
    /// `/etc/group`.
    pub(crate) group: String,
    /// `/etc/subuid`.
    pub(crate) subuid: String,
    /// `/etc/subgid`.
    pub(crate) subgid: String,
    /// `/etc/login.defs`.
    pub(crate) login_defs: String,
}

/// Somebody else with numbers of the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Somebody may use them in user namespaces: with root's rights over whatever has them.
    Subordinate {
        /// In which file.
        file: &'static str,
        /// Who.
        owner: String,
    },
    /// The distribution's tools may hand them out.
    Tools {
        /// The setting with the end of their range.
        key: &'static str,
    },
    /// An account or group has one.
    Taken {
        /// In which file.
        file: &'static str,
        /// Who.
        name: String,
        /// Which.
        number: u64,
    },
}

impl Claim {
    /// Whether no session may begin while this is so. A single number that is taken is skipped.
    pub(crate) fn forbids_sessions(&self) -> bool {
        match self {
            Self::Subordinate { .. } | Self::Tools { .. } => true,
            Self::Taken { .. } => false,
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subordinate { file, owner } => write!(
                formatter,
                "`{file}` gives `{}` ids of the reserved range: give `host.toml` another range, \
                 or take the line out",
                crate::log::one_line(owner)
            ),
            Self::Tools { key } => write!(
                formatter,
                "`{key}` of `/etc/login.defs` lets useradd hand out ids of the reserved range: \
                 lower it, or give `host.toml` another range"
            ),
            Self::Taken { file, name, number } => write!(
                formatter,
                "`{}` in `{file}` has {number}, which is of the reserved range",
                crate::log::one_line(name)
            ),
        }
    }
}

/// Who else has numbers of a range. Accounts whose names are those of sessions are not asked about:
/// journals know about them.
pub(crate) fn claims(range: Range, sources: &Sources) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (file, text) in [
        ("/etc/subuid", &sources.subuid),
        ("/etc/subgid", &sources.subgid),
    ] {
        claims.extend(subordinate(range, file, text).take(MOST_NAMED));
    }
    claims.extend(tools(range, &sources.login_defs));
    for (file, text) in [
        ("/etc/passwd", &sources.passwd),
        ("/etc/group", &sources.group),
    ] {
        claims.extend(taken(range, file, text).take(MOST_NAMED));
    }
    claims.truncate(MOST_NAMED);
    claims
}

/// Lines `owner:first:count` (subuid(5)).
fn subordinate<'t>(
    range: Range,
    file: &'static str,
    text: &'t str,
) -> impl Iterator<Item = Claim> + 't {
    text.lines().filter_map(move |line| {
        let mut fields = line.split(':');
        let owner = fields.next().filter(|owner| !owner.starts_with('#'))?;
        let first: u64 = fields.next()?.trim().parse().ok()?;
        let count: u64 = fields.next()?.trim().parse().ok()?;
        let last = first.saturating_add(count.checked_sub(1)?);
        range.overlaps(first, last).then(|| Claim::Subordinate {
            file,
            owner: owner.to_owned(),
        })
    })
}

/// Lines `KEY number` (login.defs(5)). What is not set is far below every range that is allowed.
fn tools(range: Range, text: &str) -> Vec<Claim> {
    const RANGES: [(&str, &str); 6] = [
        ("UID_MIN", "UID_MAX"),
        ("GID_MIN", "GID_MAX"),
        ("SYS_UID_MIN", "SYS_UID_MAX"),
        ("SYS_GID_MIN", "SYS_GID_MAX"),
        ("SUB_UID_MIN", "SUB_UID_MAX"),
        ("SUB_GID_MIN", "SUB_GID_MAX"),
    ];
    let set = |wanted: &str| {
        // As the tools do: the last line counts.
        text.lines().rev().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next()? == wanted)
                .then(|| words.next().and_then(number))
                .flatten()
        })
    };
    RANGES
        .into_iter()
        .filter(|(least, most)| {
            set(most).is_some_and(|last| range.overlaps(set(least).unwrap_or(0), last))
        })
        .map(|(_, key)| Claim::Tools { key })
        .collect()
}

/// A number as login.defs has it: decimal, octal or hexadecimal.
fn number(word: &str) -> Option<u64> {
    if let Some(digits) = word.strip_prefix("0x") {
        u64::from_str_radix(digits, 16).ok()
    } else if word.len() > 1 && word.starts_with('0') {
        u64::from_str_radix(word, 8).ok()
    } else {
        word.parse().ok()
    }
}

/// Lines `name:password:number:…` (passwd(5), group(5)).
fn taken<'t>(range: Range, file: &'static str, text: &'t str) -> impl Iterator<Item = Claim> + 't {
    text.lines().filter_map(move |line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u64 = fields.nth(1)?.parse().ok()?;
        (range.contains(number) && !name.starts_with("pr-")).then(|| Claim::Taken {
            file,
            name: name.to_owned(),
            number,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Range = Range {
        first: 2_010_000_000,
        last: 2_109_999_999,
    };

    fn said(sources: Sources) -> Vec<String> {
        let claims = claims(RANGE, &sources);
        let said = |claim: &Claim| format!("{} {claim}", claim.forbids_sessions());
        claims.iter().map(said).collect()
    }

    #[test]
    fn what_a_distribution_sets_is_out_of_the_range() {
        let sources = Sources {
            passwd: "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n\
                     pr-0123456789abcdef:x:2010000001:2010000001:a session:/home/x:/bin/bash\n"
                .into(),
            group: "root:x:0:\npr-0123456789abcdef:x:2010000001:\n".into(),
            subuid: "alice:100000:65536\nbob:1879048192:130951808\n".into(),
            subgid: "alice:100000:65536\n# carol:2010000000:1\nrubbish\ndan:2010000000:0\n".into(),
            login_defs:
                "# UID_MAX 4294967295\nUID_MIN 1000\nUID_MAX 60000\nSUB_UID_MAX\t600100000\n".into(),
        };
        assert_eq!(said(sources), [] as [&str; 0]);
    }

    #[test]
    fn ranges_that_overlap_forbid_sessions() {
        for (first, count) in [
            (2_009_999_999_u64, 2_u64),
            (2_109_999_999, 1),
            (0, u64::MAX),
            (2_020_000_000, 65_536),
        ] {
            let subuid = format!("alice:{first}:{count}\n");
            let claims = claims(
                RANGE,
                &Sources {
                    subuid,
                    ..Sources::default()
                },
            );
            assert!(
                claims.iter().any(Claim::forbids_sessions),
                "{first} {count}"
            );
        }
        for line in [
            "UID_MAX 4000000000",
            "UID_MAX 60000\nUID_MAX 0x77ce_0000\nUID_MAX 0x7fffffff",
            "SYS_GID_MAX 2010000000",
            "SUB_UID_MIN 100000\nSUB_UID_MAX 2147483647",
            "GID_MAX 017777777777",
        ] {
            let login_defs = line.to_owned();
            let said = said(Sources {
                login_defs,
                ..Sources::default()
            });
            assert_eq!(said.len(), 1, "{line}");
            assert!(said[0].starts_with("true"), "{line} {said:?}");
        }
        let above = Sources {
            login_defs: "SUB_UID_MIN 2200000000\nSUB_UID_MAX 2300000000".into(),
            ..Sources::default()
        };
        assert_eq!(said(above), [] as [&str; 0]);
    }

    #[test]
    fn a_number_that_is_taken_is_named_and_skipped() {
        let sources = Sources {
            passwd: "backup\u{1b}[2J:x:2010000007:100::/:/bin/sh\n".into(),
            group: "staff:x:2010000008:\n".into(),
            ..Sources::default()
        };
        let said = said(sources);
        assert_eq!(said.len(), 2);
        assert!(said[0].starts_with("false") && said[0].contains("2010000007"));
        assert!(!said[0].contains('\u{1b}'), "a name drives a terminal");
    }
}
