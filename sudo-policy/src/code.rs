//! The stable codes of everything that can be wrong with a bundle.
//!
//! A code keeps its meaning for ever; a retired one is not used again. `SP0..` codes mean that the
//! file is not a bundle, but for `SP025`; that and the `SP1..` codes are the linter's; `SP2..` codes come from a bundle's own
//! expectations; `SP3..` codes say what the sudo of a host cannot express; `SP4..` codes say what is not as it should be on a host.
//!
//! Each code has a page in `codes/`, which says why the rule is one and shows a wrong and a right
//! bundle. A code without a page does not compile.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::nearest::distance;

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

            /// The page about the code, in Markdown.
            #[must_use]
            pub fn page(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("../codes/", $text, ".md"))),+ }
            }

            /// The name of the rule, for programs.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }
    };
}

codes! {
    NotToml = "SP001": "a bundle is a TOML file in UTF-8",
    TooLarge = "SP002": "a bundle has at most 64 KiB, 1,000 commands and 1,000 expectations",
    ControlCharacter = "SP003": "a bundle holds no control or unseen characters, not even escaped ones",
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
    NotLinked = "SP017": "a bundle that includes others is linked before it is used",
    BadInclude = "SP018": "an include names one other bundle that can be found",
    IncludeCycle = "SP019": "bundles do not include each other in a circle",
    Conflict = "SP020": "bundles that are joined neither contradict nor repeat each other",
    IncludedIntent = "SP021": "a read-only bundle includes only read-only bundles",
    BadOrigin = "SP022": "what was linked names the bundle and the line that it came from",
    BadGroup = "SP023": "a command runs with one named group",
    BadDirectory = "SP024": "a command runs in one absolute, plain directory",
    FollowsLinks = "SP025": "a link can lead out of the directory below which a path lies",

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
    LoadsCode = "SP121": "the command can be made to load code into itself or the kernel",
    DecidesRoot = "SP122": "a command does not write what decides who is root",
    RelativeFile = "SP123": "a file is named by its whole path",
    SudoersHabit = "SP124": "what means something in sudoers stands for itself here",
    UnknownProgram = "SP125": "a bundle says what is known of a program that the linter does not know",
    RootByAnotherName = "SP126": "a user or a group that is as good as root is called root",
    HostDaemon = "SP127": "nothing keeps the host's daemon from ending a session",

    UnexpectedlyRefused = "SP201": "an expected command is refused",
    UnexpectedlyAllowed = "SP202": "a command that must be refused is allowed",

    NoPatterns = "SP301": "a pattern needs a sudo with regular expressions",
    NoDigests = "SP302": "a digest needs a sudo that checks digests",
    NoEscapes = "SP303": "a wildcard in an exact argument needs a sudo that can escape it",
    RuleTooLong = "SP304": "a rule is as long as the sudo reads",
    RulesTooLarge = "SP305": "the rules of one account are as many as sudo reads quickly",

    ProgramMissing = "SP401": "a command's program exists on the host",
    NotAProgram = "SP402": "a command's program is a plain file that can be executed",
    OthersMayReplace = "SP403": "nobody but root may write a program, or a directory on the way to it",
    NotOfRoot = "SP404": "a program, and every directory on the way to it, belongs to root",
    OtherDigest = "SP405": "a program has the digest that its command names",
    NoexecMount = "SP406": "a program lies on a file system that lets programs run",
    SetuidProgram = "SP407": "a program with setuid or setgid bits brings rights of its own",
    NoexecHoldsNot = "SP408": "`noexec` holds a program on the host's sudo",
    NoUsableSudo = "SP410": "the host has a sudo that rules can be written for",
    SudoNotPrivileged = "SP411": "sudo is setuid, on a file system where that counts",
    NotExpressible = "SP412": "the host's sudo can hold the bundle",
    RulesRefused = "SP413": "the host's visudo takes the rules",
    RulesNotRead = "SP414": "the host's sudoers reads `/etc/sudoers.d`",
    RightsForAll = "SP415": "the host's own sudoers gives nothing to everybody",
    SettingOutweighs = "SP416": "no setting of the host's sudoers outweighs those of the bundle's rules",
    KnownVulnerability = "SP417": "the host's sudo has no known vulnerability",
    PatchLevelUnknown = "SP418": "it can be told whether a known vulnerability was repaired",
    SudoersLocale = "SP419": "sudoers is read in the locale `C`",
    NotSeen = "SP420": "everything that is checked could be looked at",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a code")]
pub struct UnknownCode {
    text: String,
    near: Vec<Code>,
}

impl UnknownCode {
    /// Codes that are written almost like it, the most alike first.
    #[must_use]
    pub fn near(&self) -> &[Code] {
        &self.near
    }
}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Reads a code in capitals or small letters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_meant = |code: &&Self| code.as_str().eq_ignore_ascii_case(text);
        if let Some(&code) = Self::ALL.iter().find(is_meant) {
            return Ok(code);
        }
        let text: String = text.chars().take(MAX_TEXT).collect();
        let number_only = text.chars().all(|c| c.is_ascii_digit());
        let prefix = if number_only { "SP" } else { "" };
        let compared = format!("{prefix}{}", text.to_ascii_uppercase());
        let mut near: Vec<(usize, Self)> = Self::ALL
            .iter()
            .map(|&code| (distance(&compared, code.as_str()), code))
            .filter(|&(distance, _)| distance <= 1)
            .collect();
        near.sort();
        Err(UnknownCode {
            text,
            near: near
                .into_iter()
                .map(|(_, code)| code)
                .take(MAX_NEAR)
                .collect(),
        })
    }
}

/// So much of a text that is no code is compared and repeated in the error.
const MAX_TEXT: usize = 40;
/// So many codes are suggested instead.
const MAX_NEAR: usize = 4;

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

    #[test]
    fn a_code_is_read_as_it_is_printed_and_in_small_letters() {
        for &code in Code::ALL {
            assert_eq!(code.to_string().parse(), Ok(code));
            assert_eq!(code.to_string().to_lowercase().parse(), Ok(code));
        }
    }

    #[test]
    fn what_is_no_code_is_told_which_ones_are_near() {
        let told = |text: &str| text.parse::<Code>().unwrap_err().near().to_vec();
        let all = |codes: &[&str]| -> Vec<Code> {
            codes.iter().map(|code| code.parse().unwrap()).collect()
        };
        // One letter more, less or other, or two in the wrong order; the number alone will do.
        assert_eq!(told("SP1O5"), all(&["SP105", "SP115", "SP125"]));
        assert_eq!(told("sp1O5"), told("SP1O5"));
        assert_eq!(told("PS126"), all(&["SP126"]));
        assert_eq!(told("126"), all(&["SP126", "SP106", "SP116", "SP120"]));
        assert_eq!(told("SP1266"), all(&["SP126"]));
        // No more than a person reads, the most alike and then the lowest first.
        assert_eq!(told("SP01"), all(&["SP001", "SP010", "SP011", "SP012"]));
        for far in ["", "root", "SP", "SP999", "1"] {
            assert_eq!(told(far), [], "{far}");
        }
        for text in ["SP01", "root"] {
            let error = text.parse::<Code>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a code"));
        }
        let long = "SP101".repeat(100);
        assert!(long.parse::<Code>().unwrap_err().to_string().len() < 100);
    }
}
