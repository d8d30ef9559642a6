//! Exact arguments as each sudo reads them, and back.
//!
//! Original sudo joins the arguments with spaces and compares the result by fnmatch(3), so what an
//! exact argument has of wildcards is escaped once for that, and what its reader would take as
//! punctuation is escaped too. sudo-rs compares argument by argument and has no escape for a
//! wildcard; such an argument never gets here.

use crate::dialect::Dialect;
use crate::word::Argument;

/// How a backslash of the argument stands in a file.
fn backslash(dialect: Dialect) -> &'static str {
    match dialect {
        // Once for sudo's reader and once for fnmatch.
        Dialect::Sudo(_) => r"\\\\",
        Dialect::SudoRs(_) => r"\\",
    }
}

/// Whether one backslash stands before this character.
fn is_escaped(character: char, dialect: Dialect) -> bool {
    let for_fnmatch = matches!(character, '*' | '?' | '[' | ']');
    // Before it had expressions, sudo neither needed nor knew this escape.
    let for_expressions = character == '^' && dialect.has_patterns();
    match dialect {
        Dialect::Sudo(_) => {
            matches!(character, ',' | ':' | '=' | '#') || for_fnmatch || for_expressions
        }
        Dialect::SudoRs(_) => matches!(character, ',' | ':' | '=' | '#'),
    }
}

/// Writes one argument.
pub(super) fn write(argument: &Argument, dialect: Dialect, out: &mut String) {
    for character in argument.as_str().chars() {
        if character == '\\' {
            out.push_str(backslash(dialect));
            continue;
        }
        if is_escaped(character, dialect) {
            out.push('\\');
        }
        out.push(character);
    }
}

/// Reads one argument; `None` when it is not one. What is escaped without need is taken here and
/// noticed when the whole file is written again.
pub(super) fn read(text: &str, dialect: Dialect) -> Option<Argument> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(backslash(dialect)) {
            plain.push('\\');
            rest = after;
            continue;
        }
        rest = rest.get(character.len_utf8()..)?;
        if character != '\\' {
            plain.push(character);
            continue;
        }
        let escaped = rest.chars().next()?;
        plain.push(escaped);
        rest = rest.get(escaped.len_utf8()..)?;
    }
    plain.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Version;

    const SUDO: Dialect = Dialect::Sudo(Version(1, 9, 13));
    const OLD_SUDO: Dialect = Dialect::Sudo(Version(1, 9, 5));
    const SUDO_RS: Dialect = Dialect::SudoRs(Version(0, 2, 8));

    #[test]
    fn each_sudo_has_its_escapes() {
        for (argument, dialect, written) in [
            ("-tnp", SUDO, "-tnp"),
            ("a,b:c=d#e", SUDO, r"a\,b\:c\=d\#e"),
            ("a,b:c=d#e", SUDO_RS, r"a\,b\:c\=d\#e"),
            (r"a\b", SUDO, r"a\\\\b"),
            (r"a\b", SUDO_RS, r"a\\b"),
            ("*?[x]", SUDO, r"\*\?\[x\]"),
            ("^x$", SUDO, r"\^x$"),
            ("^x$", OLD_SUDO, "^x$"),
            ("!'(){}<>|&;`~%@+./_", SUDO, "!'(){}<>|&;`~%@+./_"),
        ] {
            let parsed: Argument = argument.parse().unwrap();
            let mut out = String::new();
            write(&parsed, dialect, &mut out);
            assert_eq!(out, written, "{dialect}");
            assert_eq!(read(written, dialect), Some(parsed), "{dialect}");
        }
    }

    #[test]
    fn what_is_no_argument_is_not_read() {
        for (written, dialect) in [
            ("", SUDO),
            (r"a\", SUDO),
            (r"\\\", SUDO),
            ("\"\"", SUDO),
            ("é", SUDO_RS),
        ] {
            assert_eq!(read(written, dialect), None, "{written}");
        }
    }
}
