//! Which rule of its bundle let a command through, and what that rule is for: the trail shows it
//! beside the command.
//!
//! It is found by asking the bundle, as sudo did, when sudo has reported the command. What was cut
//! short, or is left of a session after a crash, is told without it.

use portreeve_protocol::attest::HostFact;
use portreeve_protocol::name::AccountName;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::simulate::{CommandLine, Verdict, can_on};
use portreeve_sudo_policy::word::RunAs;

/// The rules of one session.
#[derive(Debug)]
pub(crate) struct Rules {
    bundle: Bundle,
    sudo: Dialect,
    account: AccountName,
}

impl Rules {
    /// The rules of `bundle` for an account, as a host's sudo has them.
    pub(crate) fn new(bundle: Bundle, sudo: Dialect, account: AccountName) -> Self {
        Self {
            bundle,
            sudo,
            account,
        }
    }

    /// What sudo reported, with the rule that let it through.
    pub(crate) fn named(&self, mut fact: HostFact) -> HostFact {
        if let HostFact::Sudo {
            allowed: true,
            command,
            argv,
            run_as,
            rule,
            comment,
            ..
        } = &mut fact
        {
            // The program is the one that sudo found, whatever it was called.
            let arguments = argv.iter().skip(1).cloned();
            let line: Vec<String> = std::iter::once(command.clone()).chain(arguments).collect();
            if let Some(run_as) = self.run_as(run_as)
                && let Verdict::Allowed(found) = can_on(
                    &self.bundle,
                    &CommandLine {
                        argv: &line,
                        run_as: &run_as,
                    },
                    self.sudo,
                )
            {
                *rule = Some(self.bundle.place(found));
                *comment = found.comment().map(str::to_owned);
            }
        }
        fact
    }

    /// As whom it ran: the account's own name stands for nobody else.
    fn run_as(&self, text: &str) -> Option<RunAs> {
        let own = text.strip_prefix(self.account.as_str());
        own.filter(|rest| rest.starts_with(':'))
            .unwrap_or(text)
            .parse()
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLE: &str = r#"name = "look"
description = "d"
intent = "read-only"
[[command]]
path = "/usr/bin/ss"
args = ["-tnp"]
comment = "sockets"
[[command]]
path = "/usr/bin/cat"
args_pattern = "^<path:/var/log>$"
run_as_group = "adm"
"#;

    fn rules() -> Rules {
        let bundle = Bundle::parse("look", BUNDLE.as_bytes()).unwrap();
        let sudo = Dialect::from_version_output("Sudo version 1.9.13p3").unwrap();
        Rules::new(bundle, sudo, "pr-0123456789abcdef".parse().unwrap())
    }

    fn named(allowed: bool, line: &str, run_as: &str) -> (Option<String>, Option<String>) {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let fact = HostFact::Sudo {
            allowed,
            command: format!("/usr/bin/{}", argv[0]),
            argv,
            run_as: run_as.to_owned(),
            cwd: "/".to_owned(),
            reason: None,
            rule: None,
            comment: None,
        };
        match rules().named(fact) {
            HostFact::Sudo { rule, comment, .. } => (rule, comment),
            HostFact::Login { .. } | HostFact::Watched { .. } => panic!("sudo only"),
        }
    }

    #[test]
    fn what_was_allowed_is_told_with_its_rule_and_what_that_is_for() {
        let some = |text: &str| Some(text.to_owned());
        for (allowed, line, run_as, wanted) in [
            (true, "ss -tnp", "root", (some("look:4"), some("sockets"))),
            (
                true,
                "cat /var/log/syslog",
                "pr-0123456789abcdef:adm",
                (some("look:8"), None),
            ),
            (false, "ss -tnp", "root", (None, None)),
            (true, "ss -a", "root", (None, None)),
            (true, "cat /var/log/syslog", "root", (None, None)),
            (true, "ss …", "root", (None, None)),
            (true, "ss -tnp", "", (None, None)),
        ] {
            assert_eq!(named(allowed, line, run_as), wanted, "{line} as {run_as}");
        }
    }
}
