//! Claims that every kind of token has, and the checks on time that they share.

use std::fmt;
use std::time::Duration;

use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Deserializer, de};

use super::SKEW;
use super::fault::TokenFault;

/// A moment in a token: seconds since 1970 (RFC 7519, section 2), which may have a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NumericDate(i64);

impl NumericDate {
    pub(super) const fn moment(self) -> Timestamp {
        Timestamp::from_seconds(self.0)
    }
}

impl From<i64> for NumericDate {
    fn from(seconds: i64) -> Self {
        Self(seconds)
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;
        impl de::Visitor<'_> for Seconds {
            type Value = NumericDate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds since 1970")
            }
            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<NumericDate, E> {
                Ok(NumericDate(seconds))
            }
            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<NumericDate, E> {
                i64::try_from(seconds).map(NumericDate).map_err(E::custom)
            }
            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<NumericDate, E> {
                // Ten digits before the point last until the year 2286.
                if (0.0..1e10).contains(&seconds) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "the range was checked, and the fraction is to be dropped"
                    )]
                    Ok(NumericDate(seconds as i64))
                } else {
                    Err(E::custom("a date out of range"))
                }
            }
        }
        deserializer.deserialize_any(Seconds)
    }
}

/// `aud`: one name or several (RFC 7519, section 4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    pub(super) fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// When a token is good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl Times {
    pub(super) fn new(iat: NumericDate, exp: NumericDate) -> Self {
        Self {
            issued_at: iat.moment(),
            expires_at: exp.moment(),
        }
    }

    /// Neither over nor from the future.
    pub(super) fn check(self, now: Timestamp) -> Result<(), TokenFault> {
        if self.expires_at <= now.minus(SKEW) {
            Err(TokenFault::Expired)
        } else if self.issued_at > now.plus(SKEW) {
            Err(TokenFault::FromTheFuture)
        } else {
            Ok(())
        }
    }

    /// Not made for longer than its kind may live.
    pub(super) fn check_life(self, longest: Duration) -> Result<(), TokenFault> {
        if self.expires_at > self.issued_at.plus(longest) {
            Err(TokenFault::LivesTooLong)
        } else {
            Ok(())
        }
    }
}

/// `jti` is a key in a table that lives for minutes: bounded and printable.
pub(super) fn check_token_id(jti: &str) -> Result<(), TokenFault> {
    let printable = jti.bytes().all(|byte| byte.is_ascii_graphic());
    if (8..=128).contains(&jti.len()) && printable {
        Ok(())
    } else {
        Err(TokenFault::TokenId)
    }
}
