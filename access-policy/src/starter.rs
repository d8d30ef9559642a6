//! The policy that a new installation starts with.

use std::fmt;
use std::str::FromStr;

/// The starter policy with members of `infra-admins` as administrators.
pub const STARTER_POLICY: &str = concat!(
    include_str!("../policies/starter.cedar"),
    include_str!("../policies/administrators.cedar")
);

/// The examples that show what the starter policy permits and refuses.
pub const STARTER_EXAMPLES: &str = include_str!("../policies/starter.tests.toml");

/// Everything of the starter policy but who administers.
const WITHOUT_ADMINISTRATORS: &str = include_str!("../policies/starter.cedar");

/// Who administers a new installation: the members of a group, or the person with an e-mail
/// address that the identity provider vouches for.
///
/// Written `group-name` or `alice@example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Administrator {
    /// The members of a group at the identity provider.
    Group(PlainText),
    /// One person.
    Email(PlainText),
}

/// A text that means itself between the quotes of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainText(String);

/// The text cannot stand in a policy as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an administrator is a group or an e-mail address of 1 to 128 characters without quotes, backslashes and control characters"
)]
pub struct NotAnAdministrator;

impl FromStr for Administrator {
    type Err = NotAnAdministrator;

    fn from_str(text: &str) -> Result<Self, NotAnAdministrator> {
        let is_plain = !text
            .chars()
            .any(|c| c.is_control() || matches!(c, '"' | '\\'));
        let is_sized = (1..=128).contains(&text.chars().count()) && text.trim() == text;
        if !is_plain || !is_sized {
            return Err(NotAnAdministrator);
        }
        let text_of_policy = PlainText(text.to_owned());
        Ok(if text.contains('@') {
            Self::Email(text_of_policy)
        } else {
            Self::Group(text_of_policy)
        })
    }
}

/// The starter policy with these administrators.
#[must_use]
pub fn starter_policy(administrators: &[Administrator]) -> String {
    let mut text = WITHOUT_ADMINISTRATORS.to_owned();
    for (index, administrator) in administrators.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = permit(&mut text, index + 1, administrator);
    }
    text
}

fn permit(out: &mut impl fmt::Write, number: usize, administrator: &Administrator) -> fmt::Result {
    let (scope, condition) = match administrator {
        Administrator::Group(PlainText(group)) => (
            format!("principal in Portreeve::Group::\"{group}\""),
            String::new(),
        ),
        Administrator::Email(PlainText(email)) => (
            "principal is Portreeve::Human".to_owned(),
            format!(" when {{\n  principal has email && principal.email == \"{email}\"\n}}"),
        ),
    };
    let rules = [
        ("", "action in Portreeve::Action::\"administer\""),
        (
            "-see-and-end-sessions",
            "action in [Portreeve::Action::\"kill\", Portreeve::Action::\"listSessions\"]",
        ),
    ];
    for (what, actions) in rules {
        write!(
            out,
            "\n@id(\"administrators-{number}{what}\")\npermit (\n  {scope},\n  {actions},\n  resource\n){condition};\n"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Policies;

    #[test]
    fn the_starter_policy_is_the_one_that_is_made_for_its_group() {
        assert_eq!(
            starter_policy(&["infra-admins".parse().unwrap()]),
            STARTER_POLICY
        );
    }

    #[test]
    fn a_starter_policy_can_be_published_whoever_administers() {
        for names in [
            &[][..],
            &["alice@example.com"],
            &["Domain Admins", "bob@example.com", "größe"],
        ] {
            let administrators: Vec<Administrator> =
                names.iter().map(|name| name.parse().unwrap()).collect();
            if let Err(problems) =
                Policies::parse("starter.cedar", &starter_policy(&administrators))
            {
                panic!("{problems}");
            }
        }
    }

    #[test]
    fn what_would_not_mean_itself_in_a_policy_is_no_administrator() {
        for bad in ["", "a\"b", "a\\b", "a\nb", " a", &"a".repeat(129)] {
            assert_eq!(
                bad.parse::<Administrator>(),
                Err(NotAnAdministrator),
                "{bad}"
            );
        }
    }
}
