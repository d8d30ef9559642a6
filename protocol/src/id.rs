//! Identifiers: one type per kind of thing, each a UUID (RFC 9562) in its hyphenated text form.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::digest::Digest;
use crate::name::AccountName;
use crate::time::Timestamp;

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a UUID in its hyphenated form")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = Cow::<str>::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    Uuid::deserialize(deserializer).map(Self)
                }
            }
        }

        impl $name {
            /// Makes an id of version 7 from a time and ten random bytes.
            #[must_use]
            pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(at.as_micros() / 1000).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                // Only the hyphenated form: two spellings of one id would be two file names.
                let id = Uuid::try_parse(text).map_err(|_| NotAnId)?;
                if id.as_hyphenated().to_string() == text { Ok(Self(id)) } else { Err(NotAnId) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.as_hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

id!(
    /// One session: one pair on one host for one task.
    SessionId
);
id!(
    /// One task: everything that was asked for the same reason.
    TaskId
);
id!(
    /// One order to a host.
    OrderId
);
id!(
    /// One audit event.
    EventId
);
id!(
    /// One decision of the policy engine.
    DecisionId
);

impl EventId {
    /// The id under which a log has what a host signed, whoever brings it and how often: of version 8,
    /// which [`EventId::new`] never makes.
    #[must_use]
    pub fn of_statement(digest: Digest) -> Self {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(digest.as_bytes()) {
            *to = *from;
        }
        let builder = uuid::Builder::from_bytes(bytes)
            .with_variant(uuid::Variant::RFC4122)
            .with_version(uuid::Version::Custom);
        Self(builder.into_uuid())
    }

    /// Whether this is the id of something that was signed.
    #[must_use]
    pub fn is_of_statement(self) -> bool {
        self.0.get_version() == Some(uuid::Version::Custom)
    }
}

impl SessionId {
    /// The account that this session has on its host.
    ///
    /// The last 64 bits of a version 7 UUID are random but for the two bits of the variant, so two
    /// sessions that share an account name are not to be expected; a host refuses the second one.
    #[must_use]
    pub fn account(&self) -> AccountName {
        let tail = u64::try_from(self.0.as_u128() & u128::from(u64::MAX)).unwrap_or(0);
        match format!("pr-{tail:016x}").parse() {
            Ok(name) => name,
            // INVARIANT: `pr-` and sixteen hexadecimal digits are an account name.
            Err(_) => unreachable!("sixteen hexadecimal digits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_one_id_that_no_time_gives() {
        let of = |text: &[u8]| EventId::of_statement(Digest::of(text));
        assert_eq!(of(b"a"), of(b"a"));
        assert_ne!(of(b"a"), of(b"b"));
        assert!(of(b"a").is_of_statement());
        assert!(!EventId::new(Timestamp::from_seconds(9), [0xff; 10]).is_of_statement());
        assert_eq!(of(b"a").to_string().parse(), Ok(of(b"a")));
    }

    #[test]
    fn ids_read_back_in_one_form_only() {
        let id = SessionId::new(Timestamp::from_micros(1_700_000_000_000_000), [7; 10]);
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.replace('-', "").parse::<SessionId>(), Err(NotAnId));
        assert_eq!(text.to_uppercase().parse::<SessionId>(), Err(NotAnId));
        let read = |text: &str| serde_json::from_value::<SessionId>(text.into());
        assert_eq!(read(&text).unwrap(), id);
        for spelling in [
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{{{text}}}"),
        ] {
            assert!(read(&spelling).is_err(), "{spelling}");
        }
    }

    #[test]
    fn account_is_a_part_of_the_session_id() {
        let id = SessionId::new(Timestamp::from_micros(0), [0xab; 10]);
        let digits = id.account().as_str().replace("pr-", "");
        assert!(id.to_string().replace('-', "").ends_with(&digits));
    }
}
