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

/// The lines of a polkit rule that say yes without asking, and the groups that the file names.
/// A program decides there, so more than their presence cannot be told.
pub(crate) fn polkit(text: &str) -> (Vec<usize>, Vec<String>) {
    let code = |line: &str| !line.trim_start().starts_with("//");
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
        .filter(|(_, line)| code(line) && says_yes(line))
        .map(|(index, _)| index + 1)
        .take(16)
        .collect();
    let groups = text
        .lines()
        .filter(|line| code(line))
        .flat_map(|line| line.split("isInGroup(").skip(1))
        .filter_map(|rest| rest.trim_start().strip_prefix(['"', '\'']))
        .filter_map(|rest| rest.split(['"', '\'']).next())
        .take(16)
        .map(str::to_owned)
        .collect();
    (lines, groups)
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
    fn a_polkit_rule_that_says_yes_is_found() {
        let rules = "polkit.addRule(function(action, subject) {\n\
            // return polkit.Result.YES;\n\
            if (subject.isInGroup(\"netdev\") && subject.isInGroup('ops')) {\n\
            return polkit.Result.YES;\n } });\n";
        let groups = vec!["netdev".to_owned(), "ops".to_owned()];
        assert_eq!(polkit(rules), (vec![4], groups));
        let pkla = "[x]\nIdentity=unix-group:ops\nResultAny=yes\nResultActive=auth_admin\n";
        assert_eq!(polkit(pkla), (vec![3], vec![]));
        assert_eq!(
            polkit("return polkit.Result.AUTH_ADMIN;").0,
            Vec::<usize>::new()
        );
    }
}
