//! The sudo rules of one account: what they mean, how they are written, and how they are read back.
//!
//! [`Rules`] is what a file means. Writing is a function of it, so the same rules are always the
//! same bytes; [`Rules::read`] takes exactly those bytes and nothing else. The file ends with a
//! digest of everything before it: a byte that is changed, added or lost is noticed, and so is an
//! end that was never written. Nothing here is a reader of sudoers files in general.
//!
//! The renderer makes rules out of a bundle; the host's daemon reads a file back with it before it
//! installs it.

mod exact;
pub(crate) mod feature;
mod read;
mod write;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::{AccountName, BundleName};

pub use self::read::ReadError;
use crate::bundle::Arguments;
use crate::dialect::Dialect;
use crate::render::{LogFile, Until};
use crate::simulate::{self, CommandLine};
use crate::word::{CommandPath, DirectoryPath, RunAs};

/// Largest file of rules that is written or read, in bytes.
///
/// sudo reads the whole file for every command.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Everything that one file of rules says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub(crate) bundle: BundleName,
    pub(crate) digest: Digest,
    pub(crate) account: AccountName,
    pub(crate) dialect: Dialect,
    pub(crate) log: Option<LogFile>,
    pub(crate) until: Option<Until>,
    pub(crate) permissions: Vec<Permission>,
}

/// Whether bytes are how a file of rules begins, however short it was cut.
#[must_use]
pub fn is_beginning(bytes: &[u8]) -> bool {
    write::HEAD
        .bytes()
        .zip(bytes)
        .all(|(head, byte)| head == *byte)
}

impl Rules {
    /// Reads a file back that [`render`](crate::render::render) wrote.
    ///
    /// # Errors
    ///
    /// When it differs in a single byte from what would be written for what it says.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        read::read(text)
    }

    /// The bundle that the rules were made from.
    #[must_use]
    pub fn bundle(&self) -> &BundleName {
        &self.bundle
    }

    /// The digest of that bundle.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The account that may use them.
    #[must_use]
    pub fn account(&self) -> &AccountName {
        &self.account
    }

    /// The sudo that they were written for.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The file that sudo logs to.
    #[must_use]
    pub fn log(&self) -> Option<&LogFile> {
        self.log.as_ref()
    }

    /// The last second in which they count; `None` when they count until they are taken away.
    #[must_use]
    pub fn until(&self) -> Option<Until> {
        self.until
    }

    /// What is allowed, in the order of the file.
    #[must_use]
    pub fn permissions(&self) -> &[Permission] {
        &self.permissions
    }

    /// The last rule that allows a command line, as the sudo would choose it before the rules end.
    #[must_use]
    pub fn permission_for(&self, line: &CommandLine<'_>) -> Option<&Permission> {
        simulate::permission_for(self, line)
    }

    /// The file.
    pub(crate) fn write(&self) -> String {
        write::write(self)
    }
}

/// One line of rules: one program, one way of giving it arguments.
#[derive(Debug, Clone)]
pub struct Permission {
    pub(crate) path: CommandPath,
    pub(crate) arguments: Arguments,
    pub(crate) run_as: RunAs,
    pub(crate) cwd: DirectoryPath,
    pub(crate) noexec: bool,
    pub(crate) digests: Vec<Digest>,
}

impl Permission {
    /// The program.
    #[must_use]
    pub fn path(&self) -> &CommandPath {
        &self.path
    }

    /// The arguments that it may be given: any, one list, or a pattern.
    #[must_use]
    pub fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// As whom it runs.
    #[must_use]
    pub fn run_as(&self) -> &RunAs {
        &self.run_as
    }

    /// The directory that it runs in.
    #[must_use]
    pub fn cwd(&self) -> &DirectoryPath {
        &self.cwd
    }

    /// Whether it is kept from starting other programs.
    #[must_use]
    pub fn noexec(&self) -> bool {
        self.noexec
    }

    /// How many bytes it takes in a file, without the account.
    pub(crate) fn written_length(&self, dialect: Dialect, until: Option<Until>) -> usize {
        let mut out = String::new();
        write::one(self, dialect, until, &mut out);
        out.len()
    }

    /// The digests of which the program must have one; none when it may have any.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }
}

impl PartialEq for Permission {
    fn eq(&self, other: &Self) -> bool {
        let same_arguments = match (&self.arguments, &other.arguments) {
            // A placeholder is gone when a pattern was read back; what it stood for is not.
            (Arguments::Pattern(one), Arguments::Pattern(two)) => one.posix() == two.posix(),
            (one, two) => one == two,
        };
        same_arguments
            && self.path == other.path
            && self.run_as == other.run_as
            && self.cwd == other.cwd
            && self.noexec == other.noexec
            && self.digests == other.digests
    }
}

impl Eq for Permission {}
