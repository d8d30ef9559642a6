//! The kinds of standing access, each with what to do about it.

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $title:literal, $advice:literal;)*) => {
        /// A kind of finding. A code keeps its meaning for good.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code.
            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// What was found, in a few words.
            pub(crate) const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }

            /// What to do about it.
            pub(crate) const fn advice(self) -> &'static str {
                match self {
                    $(Self::$name => $advice,)*
                }
            }
        }
    };
}

codes! {
    /// A key in `authorized_keys`.
    AuthorizedKey = "SA101", "a key opens the account",
        "remove the line once whoever uses the key comes through the bastion; until then give it `from=` and `command=`";
    /// A CA in `authorized_keys`.
    AuthorizedCa = "SA102", "whoever holds this CA opens the account",
        "remove the `cert-authority` line: it lets in every certificate that the CA signs for the account";
    /// A `TrustedUserCAKeys` that is not ours.
    OtherCa = "SA103", "sshd takes certificates of another CA",
        "take the CA out of `TrustedUserCAKeys`, or limit it by `AuthorizedPrincipalsFile` within a `Match` block";
    /// An `AuthorizedKeysCommand`.
    KeysCommand = "SA104", "a program tells sshd which keys open accounts",
        "look where the program has its keys from; what it answers cannot be listed here";
    /// An `AuthorizedPrincipalsFile` or its command.
    Principals = "SA105", "names that certificates of another CA may bear to open the account",
        "remove the names together with the CA that certifies them";
    /// An account with a password that works.
    Password = "SA110", "the account has a password",
        "lock it (`usermod --lock`), or leave it to the console and set `PasswordAuthentication no`";
    /// An account with an empty password.
    EmptyPassword = "SA111", "the account needs no password",
        "lock it at once (`passwd --lock`)";
    /// A password whose hash is weak.
    WeakHash = "SA112", "the password is kept under a hash that is quickly broken",
        "set the password anew, so that it is kept under yescrypt or SHA-512, or lock it";
    /// Another account with UID 0.
    AnotherRoot = "SA113", "another account than root has UID 0",
        "give it a UID of its own, or remove it";
    /// A private key without a passphrase.
    OpenKey = "SA120", "a private key without a passphrase",
        "replace it by access through the bastion, or by a key in an agent or token; then remove it here and wherever it opens";
    /// A sudo rule that allows everything without a password.
    SudoAllFree = "SA130", "sudo allows everything and asks for nothing",
        "replace the rule by a bundle; keep one rule for an account that only the console reaches";
    /// A sudo rule that allows everything.
    SudoAll = "SA131", "sudo allows everything",
        "replace the rule by a bundle with the commands that are needed";
    /// A sudo rule without a password.
    SudoFree = "SA132", "sudo allows some commands and asks for nothing",
        "move the commands into a bundle; its linter knows which of them give a shell";
    /// A rule of doas.
    Doas = "SA133", "doas lets the account act as another user",
        "remove the rule, or doas";
    /// A polkit rule that says yes.
    Polkit = "SA134", "a polkit rule says yes to a group or to everybody",
        "read the rule: without `AUTH_ADMIN` its members need no password";
    /// A member of a group that is root in effect.
    Power = "SA135", "member of a group that is root in effect",
        "take the account out of the group (`gpasswd --delete`)";
    /// A sudo rule for commands as anybody.
    SudoAnybody = "SA136", "sudo allows some commands as any user",
        "name the user as whom each command needs to run";
    /// A service account that can log in.
    ServiceLogin = "SA140", "an account of a service that can log in",
        "give it the shell /usr/sbin/nologin, lock its password and remove its keys";
    /// A service account that did log in.
    ServiceLoggedIn = "SA141", "an account of a service has logged in",
        "find out who was it; services do not log in";
    /// A file with a token.
    Token = "SA150", "a file with a credential for another system",
        "let the workload have short-lived credentials of its own, revoke this one there, remove it here";
    /// The same, readable by others.
    OpenToken = "SA151", "a credential for another system that other accounts can read",
        "revoke it there, since others may have it; then remove it here";
    /// Variables with secrets.
    Variable = "SA152", "variables that hold secrets",
        "hand secrets over by `LoadCredential=` or a vault; every process of the account reads its environment";
    /// Not everything could be looked at.
    NotSeen = "SA190", "this could not be looked at",
        "run it as root; look at what is named by hand";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/spec/host.md");

    #[test]
    fn every_code_has_its_row_in_the_specification() {
        for code in Code::ALL {
            let row = format!("| `{}` | {} |", code.as_str(), code.title());
            assert!(PAGE.contains(&row), "docs/spec/host.md has no row {row}");
        }
    }

    #[test]
    fn codes_go_upwards_and_none_is_twice() {
        let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    }
}
