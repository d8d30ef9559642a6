//! What the host's own sudoers gives everybody, and which of its settings count after ours.
//!
//! sudo itself is asked, because nobody else reads sudoers as it does; here is only the reading of
//! its answers, and of which files and names sudoers has. Pure.

/// Most lines of each kind that are kept.
const MOST: usize = 16;
/// Longest line that is kept.
const MAX_LINE: usize = 200;

/// How both sudos say that somebody may do nothing.
const NO_RIGHTS: &str = " is not allowed to run sudo on ";

/// What `sudo -l -U <user>` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    /// What the user may run.
    pub(crate) rules: Vec<String>,
    /// Settings for target users and commands, which count after those of an account.
    pub(crate) settings: Vec<String>,
    /// The locale in which sudoers is read, if it is set.
    pub(crate) locale: Option<String>,
}

impl Rights {
    /// Reads sudo's answer, in the locale `C`; nothing when it is no answer. Silence does not mean
    /// that there are no rights.
    pub(crate) fn read(answer: &str) -> Option<Self> {
        let mut rights = Self::default();
        let mut part = Part::Other;
        let mut is_answer = false;
        for line in answer.lines() {
            if !line.starts_with([' ', '\t']) {
                part = Part::headed(line);
                is_answer |= matches!(part, Part::Rules) || line.contains(NO_RIGHTS);
                continue;
            }
            let line: String = line.trim().chars().take(MAX_LINE).collect();
            match part {
                Part::Rules => keep(&mut rights.rules, line),
                Part::Settings => keep(&mut rights.settings, line),
                Part::Defaults => {
                    let locale = line
                        .split(", ")
                        .find_map(|setting| setting.strip_prefix("sudoers_locale="))
                        .map(|locale| locale.trim_end_matches(','));
                    rights.locale = rights.locale.or_else(|| locale.map(str::to_owned));
                }
                Part::Other => {}
            }
        }
        is_answer.then_some(rights)
    }
}

fn keep(lines: &mut Vec<String>, line: String) {
    if lines.len() < MOST && !line.is_empty() {
        lines.push(line);
    }
}

/// A part of sudo's answer, by the line above it.
#[derive(Clone, Copy)]
enum Part {
    Defaults,
    Settings,
    Rules,
    Other,
}

impl Part {
    fn headed(line: &str) -> Self {
        if line.starts_with("Matching Defaults entries for ") {
            Self::Defaults
        } else if line.starts_with("Runas and Command-specific defaults for ") {
            Self::Settings
        } else if line.contains(" may run the following commands on ") {
            Self::Rules
        } else {
            Self::Other
        }
    }
}

/// Something that sudoers includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inclusion {
    /// A file, which must be there.
    File(String),
    /// The files of a directory.
    Directory(String),
}

/// What sudoers includes, in order. The `#` is no comment here; it is the older way of writing the
/// `@`.
pub(crate) fn inclusions(sudoers: &str) -> impl Iterator<Item = Inclusion> {
    sudoers.lines().filter_map(|line| {
        let line = line.trim().strip_prefix(['@', '#'])?;
        let (word, rest) = line.split_once([' ', '\t'])?;
        match word {
            "include" => Some(Inclusion::File(path(rest)?)),
            "includedir" => {
                let directory = path(rest)?;
                let directory = directory.trim_end_matches('/').to_owned();
                Some(Inclusion::Directory(directory))
            }
            _ => None,
        }
    })
}

/// A path in double quotes, or up to the first blank that no backslash takes its meaning from.
fn path(text: &str) -> Option<String> {
    let text = text.trim_start();
    let (text, is_quoted) = match text.strip_prefix('"') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut path = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => path.extend(letters.next()),
            '"' if is_quoted => break,
            ' ' | '\t' if !is_quoted => break,
            letter => path.push(letter),
        }
    }
    (!path.is_empty()).then_some(path)
}

/// Whether a text of sudoers has this word anywhere, comments included: as a user, as a group, as a
/// number (`#1`) or in an alias.
pub(crate) fn names(sudoers: &str, word: &str) -> bool {
    let is_border = |c: char| !(c.is_ascii_alphanumeric() || "_.-#".contains(c));
    sudoers.split(is_border).any(|found| found == word)
}

/// Whether the rules of users come also from elsewhere than files, by `nsswitch.conf`.
pub(crate) fn other_sources(nsswitch: &str) -> Option<String> {
    let line = nsswitch.lines().find_map(|line| {
        let line = line.split('#').next()?.trim();
        line.strip_prefix("sudoers:")
    })?;
    let others = line.split_whitespace().filter(|word| *word != "files");
    let others: Vec<&str> = others.filter(|word| !word.starts_with('[')).collect();
    (!others.is_empty()).then(|| others.join(", "))
}

/// The line of `sudo.conf` by which sudo does not read its usual file, or asks somebody else.
pub(crate) fn other_plugin(settings: &str) -> Option<String> {
    let line = settings.lines().map(str::trim).find(|line| {
        let mut words = line.split_whitespace();
        let is_plugin = words.next() == Some("Plugin");
        let (_, path) = (words.next(), words.next());
        let is_usual = path.is_some_and(|path| path.rsplit('/').next() == Some("sudoers.so"));
        is_plugin && (!is_usual || words.any(|word| word.starts_with("sudoers_file=")))
    })?;
    Some(line.chars().take(MAX_LINE).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_an_answer_are_told_apart() {
        let rights = Rights::read(
            "Matching Defaults entries for nobody on prod-1:\n    env_reset, sudoers_locale=de_DE.UTF-8,\n    use_pty\n\n\
             Runas and Command-specific defaults for nobody:\n    Defaults!/usr/bin/less !noexec\n\n\
             User nobody may run the following commands on prod-1:\n    (ALL) NOPASSWD: ALL\n    (root) /usr/bin/id\n",
        )
        .unwrap();
        assert_eq!(rights.rules, ["(ALL) NOPASSWD: ALL", "(root) /usr/bin/id"]);
        assert_eq!(rights.settings, ["Defaults!/usr/bin/less !noexec"]);
        assert_eq!(rights.locale.as_deref(), Some("de_DE.UTF-8"));
    }

    #[test]
    fn who_may_do_nothing_has_no_rules() {
        let answer = "User nobody is not allowed to run sudo on prod-1.\n";
        assert_eq!(Rights::read(answer), Some(Rights::default()));
    }

    #[test]
    fn what_is_no_answer_is_not_taken_for_no_rights() {
        for answer in [
            "",
            "    (ALL) ALL\n",
            "sudo: unknown user nobody\n",
            "Matching Defaults entries for nobody on prod-1:\n    env_reset\n",
        ] {
            assert_eq!(Rights::read(answer), None, "{answer}");
        }
    }

    #[test]
    fn an_answer_without_end_is_cut() {
        let answer = format!(
            "User x may run the following commands on y:\n{}",
            format!("    {}\n", "x".repeat(1000)).repeat(1000)
        );
        let rights = Rights::read(&answer).unwrap();
        assert_eq!(rights.rules.len(), MOST);
        assert!(rights.rules.iter().all(|rule| rule.len() == MAX_LINE));
    }

    #[test]
    fn what_is_included_is_read_as_sudo_reads_it() {
        let file = |path: &str| Some(Inclusion::File(path.into()));
        let directory = |path: &str| Some(Inclusion::Directory(path.into()));
        for (text, expected) in [
            ("@includedir /etc/sudoers.d\n", directory("/etc/sudoers.d")),
            ("#includedir /etc/sudoers.d", directory("/etc/sudoers.d")),
            (
                "  @includedir\t\"/etc/sudoers.d/\"",
                directory("/etc/sudoers.d"),
            ),
            ("# @includedir /etc/sudoers.d", None),
            ("# includedir /etc/sudoers.d", None),
            (
                "@includedir /etc/sudoers.daily",
                directory("/etc/sudoers.daily"),
            ),
            (
                "@include /etc/sudoers.more # ours",
                file("/etc/sudoers.more"),
            ),
            ("#include more", file("more")),
            ("@include \"/etc/a b\"", file("/etc/a b")),
            (r"@include /etc/a\ b", file("/etc/a b")),
            ("@includes /etc/sudoers.d", None),
            ("@include", None),
            ("@include \"\"", None),
            ("", None),
        ] {
            assert_eq!(inclusions(text).next(), expected, "{text}");
        }
    }

    #[test]
    fn a_word_is_found_wherever_sudoers_has_it() {
        for (text, word, is_named) in [
            ("ALL, !nobody ALL=(ALL) ALL", "nobody", true),
            ("User_Alias OURS=ann,nobody:THEIRS=bob", "nobody", true),
            ("%nobody ALL=ALL", "nobody", true),
            ("ALL,!#65534 ALL=ALL", "#65534", true),
            ("ALL,!%#65534 ALL=ALL", "#65534", true),
            ("nobody2 ALL=ALL\nno-nobody ALL=ALL", "nobody", false),
            ("ALL,!#655341 ALL=ALL", "#65534", false),
        ] {
            assert_eq!(names(text, word), is_named, "{text}");
        }
    }

    #[test]
    fn another_plugin_or_file_is_told() {
        for (text, is_other) in [
            (
                "#Plugin acme_policy acme.so\nSet disable_coredump false\n",
                false,
            ),
            (
                "Plugin sudoers_policy sudoers.so\nPlugin sudoers_io /usr/lib/sudo/sudoers.so",
                false,
            ),
            ("Plugin sudoers_policy sudoers.so sudoers_mode=0400", false),
            (
                " Plugin sudoers_policy sudoers.so sudoers_file=/etc/other",
                true,
            ),
            ("Plugin acme_policy acme.so", true),
            ("", false),
        ] {
            assert_eq!(other_plugin(text).is_some(), is_other, "{text}");
        }
    }

    #[test]
    fn where_else_rules_come_from_is_told() {
        for (text, expected) in [
            ("passwd: files sss\n", None),
            ("sudoers: files\n", None),
            (
                "sudoers: files [NOTFOUND=continue] sss # ours\n",
                Some("sss"),
            ),
            ("sudoers:\tldap files", Some("ldap")),
            ("#sudoers: ldap", None),
        ] {
            assert_eq!(other_sources(text).as_deref(), expected, "{text}");
        }
    }
}
