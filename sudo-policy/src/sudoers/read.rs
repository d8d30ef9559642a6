//! Reads a file of rules back, byte for byte as it is written.
//!
//! The parts are taken out of the text without much care, and what they mean is written again: if
//! that is not the same text, the file is refused. So there is one place that knows how a file
//! looks, and nothing that this reader overlooks can be in a file that it takes.

use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::BundleName;

use super::feature::lack;
use super::write::{CWD, FOR, HEAD, NO_ARGUMENTS, NOT_AFTER, SEAL, UNTIL};
use super::{MAX_BYTES, Permission, Rules, exact};
use crate::bundle::Arguments;
use crate::dialect::Dialect;
use crate::render::{LogFile, Until};

/// Why a text is not a file of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is larger than anything that is written.
    #[error("the rules are larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// Its last line is not the digest of what stands before it.
    #[error("the rules were changed after they were written, or never written to their end")]
    Seal,
    /// A line is none that is written.
    #[error("line {0} of the rules is none that this program writes")]
    Line(usize),
}

pub(super) fn read(text: &str) -> Result<Rules, ReadError> {
    if text.len() > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    let body = unsealed(text).ok_or(ReadError::Seal)?;
    let mut lines = body.lines();
    let head = lines.next().unwrap_or_default();
    let Header {
        bundle,
        digest,
        dialect,
        until,
    } = header(head).ok_or(ReadError::Line(1))?;
    let settings = lines.next().unwrap_or_default();
    let account = settings
        .strip_prefix("Defaults:")
        .and_then(|rest| rest.split_once(' '))
        .and_then(|(account, _)| account.parse().ok())
        .ok_or(ReadError::Line(2))?;
    let mut rules = Rules {
        bundle,
        digest,
        account,
        dialect,
        log: None,
        until,
        permissions: Vec::new(),
    };
    for (line, number) in lines.zip(3..) {
        if number == 3
            && dialect.has_log_file()
            && let Some(rest) = line.strip_prefix("Defaults:")
        {
            rules.log = Some(log(rest).ok_or(ReadError::Line(number))?);
            continue;
        }
        let rest = line
            .strip_prefix(rules.account.as_str())
            .and_then(|rest| rest.strip_prefix(' '));
        let permission = rest
            .and_then(|rest| permission(rest, dialect))
            .filter(|permission| lack(permission, dialect).is_none());
        rules
            .permissions
            .push(permission.ok_or(ReadError::Line(number))?);
    }
    same(&rules.write(), text)?;
    Ok(rules)
}

/// What stands before a seal that is right.
fn unsealed(text: &str) -> Option<&str> {
    let before_end = text.strip_suffix('\n')?;
    let last = before_end.rfind('\n')? + 1;
    let seal: Digest = before_end.get(last..)?.strip_prefix(SEAL)?.parse().ok()?;
    let body = text.get(..last)?;
    (Digest::of(body.as_bytes()) == seal).then_some(body)
}

/// Points at the first line in which two texts differ.
fn same(written: &str, text: &str) -> Result<(), ReadError> {
    if written == text {
        return Ok(());
    }
    let common = written
        .lines()
        .zip(text.lines())
        .take_while(|(one, other)| one == other)
        .count();
    Err(ReadError::Line(common + 1))
}

/// What the first line says.
struct Header {
    bundle: BundleName,
    digest: Digest,
    dialect: Dialect,
    until: Option<Until>,
}

fn header(line: &str) -> Option<Header> {
    let (bundle, rest) = line.strip_prefix(HEAD)?.split_once(FOR)?;
    let (dialect, until) = match rest.split_once(UNTIL) {
        None => (rest, None),
        Some((dialect, until)) => (dialect, Some(until.parse().ok()?)),
    };
    let (name, digest) = bundle.split_once(' ')?;
    let dialect: Dialect = dialect.parse().ok()?;
    if dialect.is_too_old() || (until.is_some() && !dialect.has_end()) {
        return None;
    }
    Some(Header {
        bundle: name.parse().ok()?,
        digest: digest.parse().ok()?,
        dialect,
        until,
    })
}

fn log(line: &str) -> Option<LogFile> {
    let (_, rest) = line.split_once("logfile=\"")?;
    let (file, _) = rest.split_once('"')?;
    file.parse().ok()
}

/// What stands behind the account.
fn permission(text: &str, dialect: Dialect) -> Option<Permission> {
    let (run_as, rest) = text.strip_prefix("ALL=(")?.split_once(") ")?;
    // The first line says it for all of them.
    let rest = match rest.strip_prefix(NOT_AFTER) {
        None => rest,
        Some(rest) => rest.split_once(' ')?.1,
    };
    let (cwd, rest) = rest.strip_prefix(CWD)?.split_once(' ')?;
    let (exec, rest) = rest
        .strip_prefix("NOPASSWD: ")?
        .split_once(": NOSETENV: ")?;
    let noexec = match exec {
        "NOEXEC" => true,
        "EXEC" => false,
        _ => return None,
    };
    let (digests, command) = digests(rest)?;
    let (path, arguments) = match command.split_once(' ') {
        None => (command, Arguments::Any),
        Some((path, written)) => (path, arguments(written, dialect)?),
    };
    Some(Permission {
        path: path.parse().ok()?,
        arguments,
        run_as: run_as.parse().ok()?,
        cwd: cwd.parse().ok()?,
        noexec,
        digests,
    })
}

/// The digests before a command, and the command.
fn digests(text: &str) -> Option<(Vec<Digest>, &str)> {
    let mut digests = Vec::new();
    let mut rest = text;
    while rest.starts_with("sha256:") {
        let (word, after) = rest.split_once(' ')?;
        rest = after;
        match word.strip_suffix(',') {
            Some(digest) => digests.push(digest.parse().ok()?),
            None => {
                digests.push(word.parse().ok()?);
                break;
            }
        }
    }
    Some((digests, rest))
}

fn arguments(text: &str, dialect: Dialect) -> Option<Arguments> {
    if text == NO_ARGUMENTS {
        return Some(Arguments::Exactly(vec![Vec::new()]));
    }
    if text.starts_with('^') && dialect.has_patterns() {
        return Some(Arguments::Pattern(text.parse().ok()?));
    }
    let list = text
        .split(' ')
        .map(|word| exact::read(word, dialect))
        .collect::<Option<Vec<_>>>()?;
    Some(Arguments::Exactly(vec![list]))
}
