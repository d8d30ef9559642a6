//! What an argument that varies plainly is.

use std::net::{IpAddr, Ipv4Addr};

/// Options behind which a process id stands.
const BEFORE_PID: &[&str] = &["-p", "--pid", "-P", "--ppid", "--pids"];
/// Options behind which a unit stands.
const BEFORE_UNIT: &[&str] = &["-u", "--unit", "--user-unit"];
/// How units end.
const UNIT_ENDS: &[&str] = &[
    ".service",
    ".timer",
    ".socket",
    ".mount",
    ".target",
    ".path",
    ".slice",
    ".scope",
    ".automount",
    ".swap",
];
/// How deep a directory must lie for everything below it to be alike. `/var/log` holds the logs of
/// everybody, `/var/log/nginx` those of one program.
const MIN_DEPTH: usize = 3;

/// The part of a pattern that stands for all of `values` and for others of their kind; none when it
/// is not plain what they are.
pub(super) fn placeholder(program: &str, before: Option<&str>, values: &[&str]) -> Option<String> {
    let (head, tail) = common(values);
    addresses(values, head)
        .or_else(|| numbers(values, head, tail, before))
        .or_else(|| units(values, head, program, before))
        .or_else(|| paths(values, head))
}

/// Text that stands for itself in a pattern.
pub(super) fn literal(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '.' | '+' => out.extend(['\\', c]),
            c if c.is_ascii_alphanumeric() || "_/:@%,=~-".contains(c) => out.push(c),
            _ => return None,
        }
    }
    Some(out)
}

/// What all values begin and end with.
fn common<'v>(values: &[&'v str]) -> (&'v str, &'v str) {
    let Some(first) = values.first() else {
        return ("", "");
    };
    let shared = |length: fn(&str, &str) -> usize| {
        let lengths = values.iter().map(|value| length(first, value));
        lengths.min().unwrap_or(0)
    };
    let head = shared(|one, other| {
        let pairs = one.bytes().zip(other.bytes());
        pairs.take_while(|(one, other)| one == other).count()
    });
    let tail = shared(|one, other| {
        let pairs = one.bytes().rev().zip(other.bytes().rev());
        pairs.take_while(|(one, other)| one == other).count()
    });
    let tail = first.len().saturating_sub(tail).max(head);
    (
        first.get(..head).unwrap_or(""),
        first.get(tail..).unwrap_or(""),
    )
}

/// Where the value of `--option=value` begins, as far as all values agree.
fn after_equals(head: &str) -> &str {
    let end = head.rfind('=').map_or(0, |at| at + 1);
    head.get(..end).unwrap_or("")
}

/// The values without what all of them begin and end with.
fn middles<'v>(values: &[&'v str], head: &str, tail: &str) -> Option<Vec<&'v str>> {
    values
        .iter()
        .map(|value| value.strip_prefix(head)?.strip_suffix(tail))
        .collect()
}

fn addresses(values: &[&str], head: &str) -> Option<String> {
    let head = after_equals(head);
    let middles = middles(values, head, "")?;
    let all = |is: fn(&str) -> bool| middles.iter().all(|middle| is(middle));
    let kind = if all(|text| text.parse::<Ipv4Addr>().is_ok()) {
        "<ipv4>"
    } else if all(|text| text.parse::<IpAddr>().is_ok()) {
        "<ip>"
    } else {
        return None;
    };
    Some(format!("{}{kind}", literal(head)?))
}

fn numbers(values: &[&str], head: &str, tail: &str, before: Option<&str>) -> Option<String> {
    // A digit that all begin or end with is a part of the number.
    let head = head.trim_end_matches(|c: char| c.is_ascii_digit());
    let tail = tail.trim_start_matches(|c: char| c.is_ascii_digit());
    let middles = middles(values, head, tail)?;
    let is_number = |text: &&str| {
        (1..=9).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit())
    };
    // Behind a letter a number is a part of a name, as in `sda1`, unless it is an option's.
    let is_apart = !head.ends_with(|c: char| c.is_ascii_alphabetic()) || is_short_option(head);
    if !middles.iter().all(is_number) || !is_apart || tail.starts_with(char::is_alphanumeric) {
        return None;
    }
    let has_zero_in_front = |text: &&str| text.len() > 1 && text.starts_with('0');
    let is_pid = head.ends_with("/proc/")
        || head.ends_with("pid=")
        || (head.is_empty() && before.is_some_and(|before| BEFORE_PID.contains(&before)));
    let kind = if is_pid && middles.iter().all(|text| is_pid_text(text)) {
        "<pid>".to_owned()
    } else if middles.iter().any(has_zero_in_front) {
        "<number>".to_owned()
    } else {
        let numbers = || middles.iter().filter_map(|text| text.parse::<u32>().ok());
        format!("<number:{}-{}>", numbers().min()?, numbers().max()?)
    };
    Some(format!("{}{kind}{}", literal(head)?, literal(tail)?))
}

/// `-n` and the like, with the number right behind it.
fn is_short_option(head: &str) -> bool {
    matches!(head.as_bytes(), [b'-', letter] if letter.is_ascii_alphabetic())
}

fn is_pid_text(text: &str) -> bool {
    text.len() <= 7 && !text.starts_with('0')
}

fn units(values: &[&str], head: &str, program: &str, before: Option<&str>) -> Option<String> {
    let head = after_equals(head);
    let middles = middles(values, head, "")?;
    let ends_like_one = |text: &&str| UNIT_ENDS.iter().any(|end| text.ends_with(end));
    let is_asked_for = match program {
        "journalctl" => {
            head.ends_with("unit=") || before.is_some_and(|before| BEFORE_UNIT.contains(&before))
        }
        "systemctl" => before.is_some_and(|before| !before.starts_with('-')),
        _ => false,
    };
    let is_name = |text: &&str| {
        let mut rest = text.bytes();
        let first = rest
            .next()
            .is_some_and(|c| c.is_ascii_alphanumeric() || c == b'_');
        first && rest.all(|c| c.is_ascii_alphanumeric() || b"_:@.-".contains(&c))
    };
    let are_units =
        middles.iter().all(is_name) && (is_asked_for || middles.iter().all(ends_like_one));
    are_units.then(|| literal(head).map(|head| format!("{head}<unit>")))?
}

fn paths(values: &[&str], head: &str) -> Option<String> {
    let option = after_equals(head);
    let inside = head.strip_prefix(option)?;
    // Up to the last slash that all have, so that a directory is whole.
    let directory = inside.get(..inside.rfind('/')?)?;
    let parts: Vec<&str> = directory.strip_prefix('/')?.split('/').collect();
    if parts.len() < MIN_DEPTH || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let middles = middles(values, option, "")?;
    let is_below = |text: &&str| text.len() > directory.len() + 1;
    middles
        .iter()
        .all(is_below)
        .then(|| literal(option).map(|option| format!("{option}<path:{directory}>")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_told_by_its_look_and_by_what_stands_before_it() {
        for (program, before, values, wanted) in [
            (
                "cat",
                None,
                &["/proc/12/status", "/proc/345/status", "/proc/6/status"][..],
                Some("/proc/<pid>/status"),
            ),
            ("ps", Some("-p"), &["12", "130", "14"], Some("<pid>")),
            (
                "journalctl",
                Some("-n"),
                &["100", "200", "50"],
                Some("<number:50-200>"),
            ),
            (
                "tail",
                None,
                &["-n10", "-n100", "-n20"],
                Some("-n<number:10-100>"),
            ),
            (
                "tail",
                None,
                &["--lines=5", "--lines=15", "--lines=25"],
                Some("--lines=<number:5-25>"),
            ),
            ("date", None, &["007", "008", "010"], Some("<number>")),
            (
                "journalctl",
                Some("-u"),
                &["nginx", "ssh", "cron"],
                Some("<unit>"),
            ),
            (
                "journalctl",
                None,
                &["--unit=nginx", "--unit=ssh", "--unit=cron"],
                Some("--unit=<unit>"),
            ),
            (
                "systemctl",
                Some("status"),
                &["nginx.service", "a@b", "x"],
                Some("<unit>"),
            ),
            (
                "some",
                None,
                &["a.timer", "b.timer", "c.service"],
                Some("<unit>"),
            ),
            ("some", None, &["apple", "pear", "plum"], None),
            (
                "cat",
                None,
                &["/var/log/web/a.log", "/var/log/web/b/c", "/var/log/web/d"],
                Some("<path:/var/log/web>"),
            ),
            ("cat", None, &["/etc/a", "/etc/b", "/etc/c"], None),
            (
                "cat",
                None,
                &["/var/log/a", "/var/log/b", "/var/log/c"],
                None,
            ),
            ("cat", None, &["/etc/a", "/usr/b", "/var/c"], None),
            (
                "cat",
                None,
                &[
                    "--file=/var/log/web/a",
                    "--file=/var/log/web/b",
                    "--file=/var/log/web/c",
                ],
                Some("--file=<path:/var/log/web>"),
            ),
            (
                "ip",
                None,
                &["192.0.2.1", "192.0.2.7", "198.51.100.2"],
                Some("<ipv4>"),
            ),
            (
                "ip",
                None,
                &["192.0.2.1", "2001:db8::1", "::1"],
                Some("<ip>"),
            ),
            (
                "lsblk",
                None,
                &["/dev/sda1", "/dev/sda2", "/dev/sda3"],
                None,
            ),
            (
                "cat",
                None,
                &["/var/log/web/a b", "/var/log/web/c", "/var/log/web/d"],
                Some("<path:/var/log/web>"),
            ),
        ] {
            let found = placeholder(program, before, values);
            assert_eq!(found.as_deref(), wanted, "{program} {before:?} {values:?}");
        }
    }
}
