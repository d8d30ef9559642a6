//! Places where secrets lie.

use super::Subject;
use super::abilities::way;
use super::capability::Capability;
use super::places::{Kind, Place, below as below_place, is_public, lies_in, of_kind, public_ends};
use super::reach::Reach;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::pattern::Sought;

/// Reports every kind of secret that a command may reach, once.
pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    // What any arguments mean depends on the program, which other rules look at.
    if subject.reach.is_any() {
        return;
    }
    let reach = subject.reach.without(is_public);
    let mut reached: Vec<&Place> = reach
        .places(Kind::Process)
        .filter(|place| reach.may_hold(&Sought::PartsInOrder("/proc/", place.text)))
        .collect();
    // Who sees names, sizes and digests sees nothing secret.
    let shows_none = subject.can(Capability::Names) || subject.can(Capability::Opens);
    if !shows_none || does(subject, Capability::Read) {
        let files = files(subject, &reach);
        if !files.is_empty() && !reach.is_one_path_ending(&public_ends()) {
            reached.extend(files);
        }
    }
    let mut told: Vec<&str> = Vec::new();
    for place in reached {
        if !told.contains(&place.what) {
            told.push(place.what);
            found.push(problem(subject, place));
        }
    }
}

/// The files with secrets that a command may open, and the addresses that it may ask for some.
fn files(subject: &Subject<'_>, reach: &Reach<'_>) -> Vec<&'static Place> {
    let is_exact = matches!(reach, Reach::Exact(_));
    let secrets = reach
        .places(Kind::Secret)
        .filter(|place| may_lead_to(reach, place.text));
    // A name of a unit may look like that of a host; it matters where something connects.
    let connects = is_exact || does(subject, Capability::Network);
    let addresses = reach
        .places(Kind::Metadata)
        .filter(|place| connects && reach.may_hold(&Sought::Part(place.text)));
    // What a pattern takes for a name may be this one; whether it is a file is another rule's to say.
    let bare = reach
        .places(Kind::Bare)
        .filter(|place| is_exact && reach.may_hold(&Sought::LastWord(place.text)));
    let names = reach
        .places(Kind::Name)
        .filter(|place| may_end_with(reach, place.text));
    let devices = of_kind(Kind::Device).filter(|place| reach.may_hold(&below_place(place)));
    secrets
        .chain(addresses)
        .chain(bare)
        .chain(names)
        .chain(below(subject, reach))
        .chain(devices)
        .collect()
}

/// Whether the command may be made to do this by its arguments.
fn does(subject: &Subject<'_>, capability: Capability) -> bool {
    let mut clauses = subject.clauses.iter();
    clauses.any(|clause| clause.capability == capability && way(subject, clause).is_some())
}

/// Whether a path may lead to a secret.
///
/// In exact arguments it may stand anywhere, as behind the directory of a container. In a pattern the
/// caller could give any directory that name, so there it counts where it belongs: at the root, or,
/// for what lies in home directories, below those.
fn may_lead_to(reach: &Reach<'_>, secret: &'static str) -> bool {
    match reach {
        Reach::Any | Reach::Exact(_) => reach.may_hold(&Sought::Part(secret)),
        Reach::Pattern { .. } if is_rooted(secret) => reach.may_hold(&Sought::PathBegin(secret)),
        Reach::Pattern { .. } => reach.places(Kind::Keys).any(|directory| {
            let directory = directory.text.trim_end_matches('/');
            reach.may_hold(&Sought::PartsInOrder(directory, secret))
        }),
    }
}

/// Whether a path begins at the root of the file system, and is not what lies in some directory.
fn is_rooted(path: &str) -> bool {
    const TOP: [&str; 9] = [
        "/etc/", "/var/", "/run/", "/dev/", "/proc/", "/sys/", "/usr/", "/tmp/", "/swap",
    ];
    TOP.iter().any(|top| path.starts_with(top))
}

/// Whether a path may end like the name of a secret.
///
/// In a pattern it counts only where people keep such files: below `/var/log` somebody could give a
/// file any name, and nobody keeps keys there.
fn may_end_with(reach: &Reach<'_>, name: &'static str) -> bool {
    match reach {
        Reach::Any | Reach::Exact(_) => reach.may_hold(&Sought::Ending("", name)),
        Reach::Pattern { .. } => reach
            .places(Kind::Keys)
            .any(|directory| reach.may_hold(&Sought::Ending(directory.text, name))),
    }
}

/// A directory whose files are all shown, with a secret among them.
fn below(subject: &Subject<'_>, reach: &Reach<'_>) -> Option<&'static Place> {
    let recurses = does(subject, Capability::Recurse);
    let Reach::Exact(lists) = reach else {
        return None;
    };
    if !recurses {
        return None;
    }
    let words = || {
        lists
            .iter()
            .flat_map(|list| list.words.iter())
            .filter(|word| word.starts_with('/'))
    };
    let mut secrets = of_kind(Kind::Secret)
        .filter(|place| place.text.starts_with('/') && !place.text.starts_with("/."))
        .chain(of_kind(Kind::Keys));
    secrets.find(|place| {
        words().any(|word| {
            let directory = word.trim_end_matches('/');
            directory == place.text.trim_end_matches('/') || lies_in(place.text, directory)
        })
    })
}

fn problem(subject: &Subject<'_>, place: &Place) -> Diagnostic {
    let message = format!("the arguments reach {} (`{}`)", place.what, place.text);
    let help = if place.kind == Kind::Process {
        "name other files; `/proc/<pid>/exe`, `/proc/<pid>/status` and `lsof -nP -p <pid>` show no memory"
    } else {
        "name files that hold no secret; `ls -l` and `stat` show a file without what is in it"
    };
    Diagnostic::error(
        Code::Secret,
        subject.command.arguments_span(),
        message,
        help,
    )
}
