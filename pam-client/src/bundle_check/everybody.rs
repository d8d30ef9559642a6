//! What the host's own sudoers gives everybody, and which of its settings count after ours.
//!
//! sudo itself is asked, because nobody else reads sudoers as it does; here is only the reading of
//! its answers. Pure.

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

/// Whether sudoers reads a directory of further files.
pub(crate) fn reads_directory(sudoers: &str, directory: &str) -> bool {
    sudoers.lines().any(|line| {
        let line = line.trim();
        // The `#` is no comment here; it is the older way of writing the `@`.
        let rest = line
            .strip_prefix("@includedir")
            .or_else(|| line.strip_prefix("#includedir"));
        rest.is_some_and(|rest| {
            rest.starts_with([' ', '\t'])
                && rest.trim().trim_matches('"').trim_end_matches('/') == directory
        })
    })
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
    fn the_directory_is_read_when_a_line_says_so() {
        let directory = "/etc/sudoers.d";
        for (text, reads) in [
            ("@includedir /etc/sudoers.d\n", true),
            ("#includedir /etc/sudoers.d", true),
            ("  @includedir\t\"/etc/sudoers.d/\"", true),
            ("# @includedir /etc/sudoers.d", false),
            ("@includedir /etc/sudoers.daily", false),
            ("@include /etc/sudoers.d", false),
            ("@includedirs /etc/sudoers.d", false),
            ("", false),
        ] {
            assert_eq!(reads_directory(text, directory), reads, "{text}");
        }
    }
}
