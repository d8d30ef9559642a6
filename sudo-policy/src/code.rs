//! The stable codes of everything that can be wrong with a bundle.
//!
//! A code keeps its meaning for ever; a retired one is not used again. `SP0..` codes mean that the
//! file is not a bundle; `SP1..` codes are the linter's; `SP2..` codes come from a bundle's own
//! expectations.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal: $title:literal),+ $(,)?) => {
        /// What kind of problem a [`Diagnostic`](crate::diagnostic::Diagnostic) reports.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)+
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as it is printed: `SP` and three digits.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// The rule behind the code, in one sentence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }
        }
    };
}

codes! {
    NotToml = "SP001": "a bundle is a TOML file in UTF-8",
    TooLarge = "SP002": "a bundle has at most 64 KiB, 1,000 commands and 1,000 expectations",
    ControlCharacter = "SP003": "a bundle holds no control characters, not even escaped ones",
    UnknownField = "SP004": "a bundle holds only the fields that the language defines",
    MissingField = "SP005": "some fields have no default",
    WrongType = "SP006": "each field has one type",
    BadName = "SP007": "a bundle's name is 1 to 63 of a-z, 0-9 and `-`",
    BadIntent = "SP008": "an intent is `read-only` or `write`",
    BadPath = "SP009": "a command is an absolute, plain path",
    BadArguments = "SP010": "arguments are given in exactly one way",
    BadArgument = "SP011": "an exact argument is printable ASCII without spaces and double quotes",
    BadPattern = "SP012": "a pattern is anchored at both ends and says which characters it takes",
    MissingReason = "SP013": "what is unusual needs a written reason",
    BadUser = "SP014": "a command runs as one named user",
    BadDigest = "SP015": "a digest is `sha256:` and 64 hexadecimal digits",
    BadExpectation = "SP016": "an expectation allows or refuses one command line",

    Shell = "SP101": "a shell as root is everything as root",
    Interpreter = "SP102": "an interpreter runs whatever it is given",
    EditorOrPager = "SP103": "editors and pagers run commands and open other files",
    RunsPrograms = "SP104": "the command can be made to run another program",
    AnyArguments = "SP105": "any arguments at all are allowed",
    WritablePath = "SP106": "the program or argument lies where others may write",
    Secret = "SP107": "the command reaches a secret",
    LoaderVariable = "SP108": "the dynamic loader can be made to load other code",
    WidePattern = "SP109": "the pattern takes more than it says",
    Exec = "SP110": "the command may start other programs",
    Writes = "SP111": "a read-only bundle writes nothing",
    Network = "SP112": "a read-only bundle opens no network connection",
    Pager = "SP113": "the command starts a pager by itself",
    Overlap = "SP114": "a later rule for the same command line replaces an earlier one",
    BecomesUser = "SP115": "the command hands out root by itself",
    InstallsCode = "SP116": "package managers run scripts as root",
    Traces = "SP117": "the command looks into the memory of other processes",
    ChangesState = "SP118": "a read-only bundle stops, starts and changes nothing",
    NoExpectations = "SP119": "a bundle proves itself by its expectations",
    OutsideSecurePath = "SP120": "the program lies outside the directories that sudo searches",

    UnexpectedlyRefused = "SP201": "an expected command is refused",
    UnexpectedlyAllowed = "SP202": "a command that must be refused is allowed",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        let texts: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(texts.is_sorted_by(|a, b| a < b), "{texts:?}");
        assert!(texts.iter().all(|text| text.len() == 5));
    }
}
