//! What a permission needs that not every sudo has.

use super::Permission;
use crate::bundle::Arguments;
use crate::dialect::Dialect;

/// Something that a sudo cannot express.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lack {
    /// Regular expressions.
    Pattern,
    /// Digests.
    Digest,
    /// A character of an argument that it reads as a wildcard or an expression, without an escape.
    Character(char, String),
    /// A command and its arguments with more characters than it reads; how many there are.
    Length(usize),
}

/// What `dialect` lacks for this permission.
pub(crate) fn lack(permission: &Permission, dialect: Dialect) -> Option<Lack> {
    if !permission.digests.is_empty() && !dialect.has_digests() {
        return Some(Lack::Digest);
    }
    if matches!(permission.arguments, Arguments::Pattern(_)) && !dialect.has_patterns() {
        return Some(Lack::Pattern);
    }
    unwritable(&permission.arguments, dialect).or_else(|| too_long(permission, dialect))
}

fn unwritable(arguments: &Arguments, dialect: Dialect) -> Option<Lack> {
    let (Arguments::Exactly(lists), false) = (arguments, dialect.has_escapes()) else {
        return None;
    };
    lists.iter().flatten().find_map(|argument| {
        let text = argument.as_str();
        // Brackets stand for themselves, but here an expression would begin.
        let expression = text.starts_with('^').then_some('^');
        let wildcard = text.chars().find(|c| matches!(c, '*' | '?'));
        Some(Lack::Character(expression.or(wildcard)?, text.to_owned()))
    })
}

fn too_long(permission: &Permission, dialect: Dialect) -> Option<Lack> {
    let most = dialect.longest_command()?;
    let arguments = match &permission.arguments {
        Arguments::Exactly(lists) => lists
            .iter()
            .flatten()
            .map(|argument| argument.as_str().len() + 1)
            .sum(),
        Arguments::Pattern(pattern) => pattern.posix().len() + 1,
        Arguments::Any => 0,
    };
    let length = permission.path.as_str().len() + arguments;
    (length > most).then_some(Lack::Length(length))
}
