//! Which accounts have a password that works. Pure; the hash itself goes no further.

use std::collections::BTreeMap;

use portreeve_protocol::time::Timestamp;

const SECONDS_OF_A_DAY: i64 = 24 * 3600;
/// Most lines that are kept.
const MOST: usize = 20_000;

/// An account's password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Password {
    /// None is needed.
    Empty,
    /// None works: locked, or never set.
    Unusable,
    /// One works.
    Usable(Scheme),
}

/// How a password is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scheme {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Whether it is broken quickly by whoever gets the file.
    pub(crate) is_weak: bool,
}

/// What `shadow` says of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The password.
    pub(crate) password: Password,
    /// When it was set.
    pub(crate) changed: Option<Timestamp>,
    /// When the account expires or has expired.
    pub(crate) expires: Option<Timestamp>,
}

impl Entry {
    /// Whether the account is over: nobody logs in to it, by a key neither.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// Reads a text of the form of `/etc/shadow`.
pub(crate) fn read(text: &str) -> BTreeMap<String, Entry> {
    let entries = text.lines().filter_map(entry).take(MOST);
    entries
        .map(|(name, entry)| (name.to_owned(), entry))
        .collect()
}

/// The accounts whose password stands in `/etc/passwd` itself, which everybody can read.
pub(crate) fn in_passwd(text: &str) -> Vec<(String, Entry)> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let (name, hash) = (fields.next()?, fields.next()?);
        // Without a third field the line names no account.
        fields.next()?;
        let is_elsewhere = hash == "x" || name.is_empty() || name.starts_with(['+', '-', '#']);
        let entry = Entry {
            password: password(hash),
            changed: None,
            expires: None,
        };
        (!is_elsewhere).then(|| (name.to_owned(), entry))
    };
    text.lines().filter_map(entry).take(MOST).collect()
}

fn entry(line: &str) -> Option<(&str, Entry)> {
    let mut fields = line.split(':');
    let (name, hash) = (fields.next()?, fields.next()?);
    let changed = fields.next().and_then(day);
    // Least and most age, warning, inactivity.
    let expires = fields.nth(4).and_then(day);
    let entry = Entry {
        password: password(hash),
        changed,
        expires,
    };
    (!name.is_empty()).then_some((name, entry))
}

/// A day since 1970; 0 as a day of change means that it must be changed, -1 that there is none.
fn day(field: &str) -> Option<Timestamp> {
    let days: i64 = field.parse().ok()?;
    let days = u32::try_from(days).ok().filter(|&days| days > 0)?;
    Some(Timestamp::from_seconds(i64::from(days) * SECONDS_OF_A_DAY))
}

fn password(hash: &str) -> Password {
    // A mark in front locks: what follows is kept for unlocking.
    if hash.is_empty() {
        return Password::Empty;
    }
    if hash.starts_with(['!', '*']) {
        return Password::Unusable;
    }
    let strong = |name| Scheme {
        name,
        is_weak: false,
    };
    let weak = |name| Scheme {
        name,
        is_weak: true,
    };
    let scheme = match hash
        .strip_prefix('$')
        .and_then(|rest| rest.split('$').next())
    {
        Some("y") => strong("yescrypt"),
        Some("gy") => strong("gost-yescrypt"),
        Some("7") => strong("scrypt"),
        Some("2a" | "2b" | "2x" | "2y") => strong("bcrypt"),
        Some("6") => strong("SHA-512"),
        Some("5") => strong("SHA-256"),
        Some("1") => weak("MD5"),
        Some("sha1") => weak("SHA-1"),
        Some("3") => weak("NT hash"),
        Some(name) if name.starts_with("md5") => weak("MD5"),
        Some(_) => strong("an unknown scheme"),
        // Traditional DES has 13 characters, its extension begins with `_`.
        None if hash.len() == 13 || hash.starts_with('_') => weak("DES"),
        // `x`, `NP`, `LK` and whatever else no password hashes to.
        None => return Password::Unusable,
    };
    Password::Usable(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_works_is_empty_or_locked() {
        for (hash, expected) in [
            ("", "empty"),
            ("*", "unusable"),
            ("!", "unusable"),
            ("!!", "unusable"),
            ("!$6$salt$hash", "unusable"),
            ("x", "unusable"),
            ("$y$j9T$salt$hash", "yescrypt"),
            ("$6$salt$hash", "SHA-512"),
            ("$1$salt$hash", "MD5 weak"),
            ("ab01FAX.bQRSU", "DES weak"),
            ("_J9..rasmBYk8r9AiWNc", "DES weak"),
            ("$new$hash", "an unknown scheme"),
        ] {
            let said = match password(hash) {
                Password::Empty => "empty".to_owned(),
                Password::Unusable => "unusable".to_owned(),
                Password::Usable(scheme) if scheme.is_weak => format!("{} weak", scheme.name),
                Password::Usable(scheme) => scheme.name.to_owned(),
            };
            assert_eq!(said, expected, "{hash}");
        }
    }

    #[test]
    fn a_password_in_passwd_itself_counts() {
        let text = "root:x:0:0:::\nold:$1$s$h:1:1:::\nopen::2:2:::\n+::::::\nbroken\n";
        let names: Vec<_> = in_passwd(text)
            .into_iter()
            .map(|(name, entry)| (name, entry.password == Password::Empty))
            .collect();
        assert_eq!(
            names,
            [("old".to_owned(), false), ("open".to_owned(), true)]
        );
    }

    #[test]
    fn days_are_read_where_there_are_some() {
        let text = "alice:$y$j9T$s$h:19000:0:99999:7:::\n\
            bob:!:0:0:99999:7::19001:\n:x:1\ncarol:*\n\
            dave:x:999999999999999999:0:::::\n";
        let all = read(text);
        assert_eq!(all.len(), 4);
        let at = |days: i64| Some(Timestamp::from_seconds(days * SECONDS_OF_A_DAY));
        assert_eq!(all["alice"].changed, at(19000));
        assert_eq!((all["bob"].changed, all["bob"].expires), (None, at(19001)));
        assert!(all["bob"].is_over(Timestamp::from_seconds(19002 * SECONDS_OF_A_DAY)));
        assert!(!all["alice"].is_over(Timestamp::from_seconds(i64::from(u32::MAX))));
        assert_eq!((all["carol"].changed, all["dave"].changed), (None, None));
    }
}
