//! Which variables of an agent's environment are passed on to a host.

/// The longest value.
const MAX_VALUE: usize = 1024;

/// Whether a variable is passed on: the language and the terminal, which is what Debian's sshd takes, and nothing that
/// could change which program runs or what it loads.
#[must_use]
pub fn is_passed_on(name: &str, value: &str) -> bool {
    let is_known = matches!(
        name,
        "LANG" | "LANGUAGE" | "TERM" | "COLORTERM" | "NO_COLOR" | "TZ"
    ) || name.strip_prefix("LC_").is_some_and(|rest| {
        (1..=32).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    });
    is_known && value.len() <= MAX_VALUE && !value.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::is_passed_on;

    #[test]
    fn only_language_and_terminal_pass() {
        for (name, value) in [
            ("LANG", "de_DE.UTF-8"),
            ("LC_ALL", "C"),
            ("LC_TIME", ""),
            ("TERM", "xterm"),
        ] {
            assert!(is_passed_on(name, value), "{name}");
        }
        for name in [
            "LD_PRELOAD",
            "PATH",
            "BASH_ENV",
            "LC_",
            "LC_a",
            "LC_ALL=x",
            "lang",
            "",
            "IFS",
        ] {
            assert!(!is_passed_on(name, "x"), "{name}");
        }
        assert!(!is_passed_on("LANG", &"x".repeat(1025)));
        assert!(!is_passed_on("LANG", "a\nb"));
    }
}
