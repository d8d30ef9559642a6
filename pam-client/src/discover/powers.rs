//! Groups whose members are root in effect, and what doas and polkit say. Pure.

use portreeve_protocol::inventory::Severity;

/// A group with a power.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Power {
    /// The group.
    pub(crate) group: &'static str,
    /// What its members can do.
    pub(crate) can: &'static str,
    /// How much that is.
    pub(crate) severity: Severity,
}

const fn power(group: &'static str, can: &'static str, severity: Severity) -> Power {
    Power {
        group,
        can,
        severity,
    }
}

/// The groups. What `sudo` and `wheel` may is a rule of sudoers, which is told on its own.
pub(crate) const POWERS: [Power; 12] = [
    power(
        "docker",
        "starts containers as root with the host's disk in them",
        Severity::High,
    ),
    power(
        "podman",
        "starts containers through the socket of root",
        Severity::High,
    ),
    power(
        "lxd",
        "starts containers as root with the host's disk in them",
        Severity::High,
    ),
    power(
        "incus-admin",
        "starts containers as root with the host's disk in them",
        Severity::High,
    ),
    power(
        "libvirt",
        "starts machines as root with the host's disk in them",
        Severity::High,
    ),
    power(
        "disk",
        "reads and writes every file through the disk itself",
        Severity::High,
    ),
    power(
        "kmem",
        "reads and writes the kernel's memory",
        Severity::High,
    ),
    power(
        "shadow",
        "reads the hashes of all passwords",
        Severity::High,
    ),
    power(
        "root",
        "writes what root's group may write",
        Severity::Medium,
    ),
    power(
        "wheel",
        "becomes root where `su`, polkit or doas say so",
        Severity::Low,
    ),
    power(
        "sudo",
        "counts as an administrator for polkit",
        Severity::Low,
    ),
    power("adm", "reads the system's logs", Severity::Low),
];

/// A rule of `doas.conf` that permits something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DoasRule {
    /// Its line, from 1.
    pub(crate) line: usize,
    /// The account, or a colon and the group.
    pub(crate) whom: String,
    /// Whether it asks for no password.
    pub(crate) is_free: bool,
    /// Whether it is for every command.
    pub(crate) is_all: bool,
    /// The rule as it is written.
    pub(crate) text: String,
}

/// The rules of a `doas.conf` that permit something.
pub(crate) fn doas(text: &str) -> Vec<DoasRule> {
    let rule = |(index, line): (usize, &str)| {
        let text = line.split('#').next().unwrap_or_default().trim();
        let mut words = text.split_ascii_whitespace();
        if words.next() != Some("permit") {
            return None;
        }
        let mut is_free = false;
        let mut in_braces = false;
        let whom = words.by_ref().find(|word| match *word {
            "nopass" => {
                is_free = true;
                false
            }
            "persist" | "nolog" | "keepenv" | "setenv" => false,
            "{" => {
                in_braces = true;
                false
            }
            "}" => {
                in_braces = false;
                false
            }
            word if in_braces || word.starts_with('{') => {
                in_braces = !word.ends_with('}');
                false
            }
            _ => true,
        })?;
        Some(DoasRule {
            line: index + 1,
            whom: whom.to_owned(),
            is_free,
            is_all: !words.any(|word| word == "cmd"),
            text: text.to_owned(),
        })
    };
    text.lines().enumerate().filter_map(rule).collect()
}

/// What a file of polkit's rules has in it. A program decides there, so more than that it is there
/// cannot be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PolkitRules {
    /// The lines that say yes without asking.
    pub(crate) lines: Vec<usize>,
    /// The groups that it names.
    pub(crate) groups: Vec<String>,
    /// Whether it names users.
    pub(crate) names_users: bool,
}

impl PolkitRules {
    /// Whether it says yes to people: to a group, or to whoever asks. Packages have rules that let
    /// the user of one service do one thing.
    pub(crate) fn is_open(&self) -> bool {
        !self.lines.is_empty() && (!self.groups.is_empty() || !self.names_users)
    }
}

/// Reads a file of polkit's rules, of either form.
pub(crate) fn polkit(text: &str) -> PolkitRules {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let says_yes = |line: &str| {
        line.contains("polkit.Result.YES")
            || line
                .trim()
                .split_once('=')
                .is_some_and(|(name, value)| name.starts_with("Result") && value.trim() == "yes")
    };
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| is_code(line) && says_yes(line))
        .map(|(index, _)| index + 1)
        .take(16)
        .collect();
    let code = || text.lines().filter(is_code);
    let in_rules = code()
        .flat_map(|line| line.split("isInGroup(").skip(1))
        .filter_map(|rest| rest.trim_start().strip_prefix(['"', '\'']))
        .filter_map(|rest| rest.split(['"', '\'']).next());
    let identities = || {
        code()
            .filter_map(|line| line.trim().strip_prefix("Identity="))
            .flat_map(|list| list.split(';'))
    };
    let in_lists = identities().filter_map(|one| one.strip_prefix("unix-group:"));
    let names_users = code().any(|line| line.contains("subject.user ="))
        || identities().any(|one| one.starts_with("unix-user:") && !one.ends_with('*'));
    PolkitRules {
        lines,
        groups: in_rules
            .chain(in_lists)
            .take(16)
            .map(str::to_owned)
            .collect(),
        names_users,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_doas_are_read_with_whom_they_are_for() {
        let text = "# permit nopass eve\n\
            permit persist :wheel\n\
            permit nopass keepenv setenv { PATH=/bin -X } alice as root\n\
            permit bob as root cmd /bin/ls args -l # cmd\n\
            deny carol\npermit nopass\n";
        let told: Vec<_> = doas(text)
            .into_iter()
            .map(|rule| (rule.line, rule.whom, rule.is_free, rule.is_all))
            .collect();
        assert_eq!(
            told,
            [
                (2, ":wheel".to_owned(), false, true),
                (3, "alice".to_owned(), true, true),
                (4, "bob".to_owned(), false, false),
            ]
        );
    }

    #[test]
    fn a_polkit_rule_that_says_yes_to_people_is_found() {
        let rules = "polkit.addRule(function(action, subject) {\n\
            // return polkit.Result.YES;\n\
            if (subject.isInGroup(\"netdev\") && subject.isInGroup('ops')) {\n\
            return polkit.Result.YES;\n } });\n";
        let of_service = "if (action.id == \"x\" &&\n subject.user == \"systemd-network\") {\n\
            return polkit.Result.YES;\n}";
        let to_all = "return polkit.Result.YES;";
        let asks = "if (subject.isInGroup(\"ops\")) return polkit.Result.AUTH_ADMIN;";
        let list =
            "[x]\nIdentity=unix-group:ops;unix-user:eve\nResultAny=yes\nResultActive=auth_admin\n";
        let of_user = "[x]\nIdentity=unix-user:eve\nResultAny=yes\n";
        let of_all_users = "[x]\nIdentity=unix-user:*\nResultAny=yes\n";
        for (text, lines, groups, is_open) in [
            (rules, &[4][..], &["netdev", "ops"][..], true),
            (of_service, &[3], &[], false),
            (to_all, &[1], &[], true),
            (asks, &[], &["ops"], false),
            (list, &[3], &["ops"], true),
            (of_user, &[3], &[], false),
            (of_all_users, &[3], &[], true),
        ] {
            let found = polkit(text);
            assert_eq!(
                (found.lines.as_slice(), found.is_open()),
                (lines, is_open),
                "{text}"
            );
            assert_eq!(found.groups, groups, "{text}");
        }
    }
}
