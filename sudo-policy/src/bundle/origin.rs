//! Where the parts of a linked bundle were written.

use std::fmt;
use std::str::FromStr;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::BundleName;

/// One of the bundles that a linked bundle was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingredient {
    pub(crate) name: BundleName,
    pub(crate) digest: Digest,
}

impl Ingredient {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &BundleName {
        &self.name
    }

    /// The digest of its text at that time.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// The bundle and the line in which a command or an expectation was written, as `base-looking:12`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub(crate) bundle: BundleName,
    pub(crate) line: u32,
}

impl Origin {
    /// The bundle.
    #[must_use]
    pub fn bundle(&self) -> &BundleName {
        &self.bundle
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }
}

/// The text is not a bundle's name and a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an origin is a bundle's name and a line, as in `base-looking:12`")]
pub struct NotAnOrigin;

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let (bundle, line) = text.split_once(':').ok_or(NotAnOrigin)?;
        // Written in one way only: no sign and no zero in front.
        if !line.starts_with(|first: char| matches!(first, '1'..='9')) {
            return Err(NotAnOrigin);
        }
        Ok(Self {
            bundle: bundle.parse().map_err(|_| NotAnOrigin)?,
            line: line.parse().map_err(|_| NotAnOrigin)?,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.bundle, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_in_one_way() {
        assert_eq!("a-b:12".parse::<Origin>().unwrap().to_string(), "a-b:12");
        for bad in [
            "",
            "a",
            "a:",
            ":1",
            "a:0",
            "a:01",
            "a:+1",
            "a:1:1",
            "A:1",
            "a:99999999999",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
