//! What sshd would do for an account, in its own words (`sshd -T -C …`). Pure.

use std::path::PathBuf;

use super::accounts::Account;

/// Most files of keys of one account.
const MOST_FILES: usize = 8;
/// How root's setting says that root may not log in, or only by a key that runs one command.
const NO: &str = "no";

/// sshd's settings for an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Whether a password lets in.
    pub(crate) passwords: bool,
    /// Whether an empty one does.
    pub(crate) empty_passwords: bool,
    /// Whether a key does.
    pub(crate) keys: bool,
    /// What is said of root: `yes`, `no`, `without-password`, `forced-commands-only`.
    pub(crate) root: String,
    /// The files of keys, with `%h` and the like.
    pub(crate) key_files: Vec<String>,
    /// A program that answers with keys.
    pub(crate) keys_command: Option<String>,
    /// The file with CAs.
    pub(crate) trusted_cas: Option<String>,
    /// The file with the names that certificates may bear.
    pub(crate) principals_file: Option<String>,
    /// A program that answers with such names.
    pub(crate) principals_command: Option<String>,
    /// sshd's own keys.
    pub(crate) host_keys: Vec<String>,
}

impl Settings {
    /// Reads sshd's answer; nothing when it is none.
    pub(crate) fn read(answer: &str) -> Option<Self> {
        let mut settings = Self::default();
        let mut is_answer = false;
        for line in answer.lines() {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            let value = value.trim();
            let is_yes = value == "yes";
            let some = (value != "none" && !value.is_empty()).then(|| value.to_owned());
            match name {
                "authorizedkeysfile" => {
                    is_answer = true;
                    let files = value.split(' ').filter(|file| *file != "none");
                    settings.key_files = files.take(MOST_FILES).map(str::to_owned).collect();
                }
                "passwordauthentication" => settings.passwords |= is_yes,
                // PAM asks for the password through this one.
                "kbdinteractiveauthentication" => settings.passwords |= is_yes,
                "permitemptypasswords" => settings.empty_passwords = is_yes,
                "pubkeyauthentication" => settings.keys = is_yes,
                "permitrootlogin" => value.clone_into(&mut settings.root),
                "authorizedkeyscommand" => settings.keys_command = some,
                "trustedusercakeys" => settings.trusted_cas = some,
                "authorizedprincipalsfile" => settings.principals_file = some,
                "authorizedprincipalscommand" => settings.principals_command = some,
                "hostkey" => settings.host_keys.extend(some),
                _ => {}
            }
        }
        is_answer.then_some(settings)
    }

    /// Whether sshd takes a password for the account.
    pub(crate) fn takes_password(&self, account: &Account) -> bool {
        self.passwords && (account.uid != 0 || self.root == "yes")
    }

    /// Whether sshd takes a key for the account.
    pub(crate) fn takes_key(&self, account: &Account) -> bool {
        self.keys && (account.uid != 0 || self.root != NO)
    }
}

/// Where a pattern of sshd leads for an account: `%h`, `%u`, `%U`, `%%`; what is not absolute
/// begins in the home.
pub(crate) fn expanded(pattern: &str, account: &Account) -> PathBuf {
    let mut path = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '%' { chars.next() } else { None }) {
            ('%', Some('h')) => path.push_str(&account.home),
            ('%', Some('u')) => path.push_str(&account.name),
            ('%', Some('U')) => path.push_str(&account.uid.to_string()),
            ('%', Some(other)) => path.push(other),
            (c, _) => path.push(c),
        }
    }
    PathBuf::from(&account.home).join(path)
}

/// Whether the settings can differ between accounts: whether there is a `Match` block in a text of
/// sshd's configuration beside those that Portreeve wrote.
pub(crate) fn has_match(text: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split_ascii_whitespace();
        let is_match = words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("match"));
        let rest: Vec<&str> = words.collect();
        let is_everybody = rest
            .first()
            .is_some_and(|word| word.eq_ignore_ascii_case("all"));
        is_match && !is_everybody
    })
}

/// The files that a text of sshd's configuration includes, as it names them.
pub(crate) fn includes(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let (word, rest) = line.trim().split_once([' ', '\t', '='])?;
            word.eq_ignore_ascii_case("include").then_some(rest)
        })
        .flat_map(str::split_ascii_whitespace)
        .map(|name| name.trim_matches('"').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::accounts::tests::some;
    use super::*;

    const ANSWER: &str = "port 22\npermitrootlogin without-password\npubkeyauthentication yes\n\
        passwordauthentication yes\nkbdinteractiveauthentication no\npermitemptypasswords no\n\
        trustedusercakeys /etc/ssh/ca.pub\nauthorizedkeyscommand none\n\
        authorizedkeysfile .ssh/authorized_keys /etc/ssh/keys/%u\n\
        hostkey /etc/ssh/ssh_host_rsa_key\nhostkey /etc/ssh/ssh_host_ed25519_key\n";

    #[test]
    fn root_is_another_matter_than_everybody_else() {
        let settings = Settings::read(ANSWER).unwrap();
        let accounts = some();
        let [root, .., alice] = accounts.as_slice() else {
            panic!("no accounts")
        };
        assert!(!settings.takes_password(root) && settings.takes_password(alice));
        assert!(settings.takes_key(root) && settings.takes_key(alice));
        assert_eq!(settings.trusted_cas.as_deref(), Some("/etc/ssh/ca.pub"));
        assert_eq!(settings.keys_command, None);
        assert_eq!(settings.host_keys.len(), 2);
        let files: Vec<_> = settings
            .key_files
            .iter()
            .map(|pattern| expanded(pattern, alice))
            .collect();
        assert_eq!(
            files,
            [
                PathBuf::from("/home/alice/.ssh/authorized_keys"),
                PathBuf::from("/etc/ssh/keys/alice")
            ]
        );
        assert_eq!(Settings::read("/etc/ssh/sshd_config: bad\n"), None);
    }

    #[test]
    fn marks_in_paths_are_filled_in() {
        let accounts = some();
        for (pattern, expected) in [
            ("%h/%u-%U/%%k", "/root/root-0/%k"),
            ("/k/%", "/k/%"),
            ("", "/root/"),
        ] {
            assert_eq!(expanded(pattern, &accounts[0]), PathBuf::from(expected));
        }
    }

    #[test]
    fn a_match_block_makes_accounts_differ() {
        for (text, expected) in [
            ("PermitRootLogin no\n# Match User x\n", false),
            ("match user alice\n  X11Forwarding no\n", true),
            ("Match all\n", false),
        ] {
            assert_eq!(has_match(text), expected, "{text}");
        }
        let text = "Include /etc/ssh/sshd_config.d/*.conf\n include a \"b\"\nIncludes c\n";
        assert_eq!(includes(text), ["/etc/ssh/sshd_config.d/*.conf", "a", "b"]);
    }
}
