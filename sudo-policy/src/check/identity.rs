//! As whom a command runs.

use super::places::{Kind, of_kind};
use crate::bundle::Command;
use crate::code::Code;
use crate::diagnostic::Diagnostic;

/// Reports users and groups that are as good as root.
pub(super) fn check(command: &Command, found: &mut Vec<Diagnostic>) {
    let user = command.run_as().user().map(|user| user.as_str());
    let group = command.run_as().group().map(|group| group.as_str());
    let named = [(Kind::User, user), (Kind::Group, group)];
    for (kind, name) in named {
        // Who is root already gains nothing by a group.
        let Some(name) = name.filter(|_| kind == Kind::User || user != Some("root")) else {
            continue;
        };
        let Some(place) = of_kind(kind).find(|place| place.text == name) else {
            continue;
        };
        let of = if kind == Kind::User { "user" } else { "group" };
        let message = format!("the {of} `{name}` {}", place.what);
        let help = "run it as root where that is meant, so that everybody sees it, or as an account of its own";
        found.push(Diagnostic::warning(
            Code::RootByAnotherName,
            command.span(),
            message,
            help,
        ));
    }
}
