//! Every environment variable that the program reads. `docs/spec/cli.md` has the same table; a
//! test compares.

macro_rules! variables {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = $text;)+

        /// Every variable with its meaning.
        pub const ALL: &[(&str, &str)] = &[$(($text, concat!($($doc),+))),+];
    };
}

variables! {
    /// The CA's URL; it is also the issuer that tokens name
    CA = "PORTREEVE_CA";
    /// A PEM file with the root of the CA's TLS certificate; without it the system's roots count
    CA_CERT = "PORTREEVE_CA_CERT";
    /// The identity provider's issuer URL, for `login`
    ISSUER = "PORTREEVE_ISSUER";
    /// A PEM file with the root of the identity provider's TLS certificate
    ISSUER_CERT = "PORTREEVE_ISSUER_CERT";
    /// Where the person's ID token is; default `$XDG_STATE_HOME/portreeve/id_token`
    ID_TOKEN_FILE = "PORTREEVE_ID_TOKEN_FILE";
    /// The agent, as `team/name`
    AGENT = "PORTREEVE_AGENT";
    /// The agent's Ed25519 private key file in OpenSSH's format, without a passphrase
    AGENT_KEY = "PORTREEVE_AGENT_KEY";
    /// The file with the human's ID token that the agent was handed; `-` is standard input
    SUBJECT_TOKEN_FILE = "PORTREEVE_SUBJECT_TOKEN_FILE";
    /// The human's ID token itself, where no file was handed over
    SUBJECT_TOKEN = "PORTREEVE_SUBJECT_TOKEN";
    /// Where the delegated token is; default `$XDG_STATE_HOME/portreeve/token`
    TOKEN_FILE = "PORTREEVE_TOKEN_FILE";
    /// Why: the ticket, for example `INC-4711`
    TICKET = "PORTREEVE_TICKET";
    /// Why: the purpose, in a sentence
    PURPOSE = "PORTREEVE_PURPOSE";
    /// The sudo bundle to ask for
    BUNDLE = "PORTREEVE_BUNDLE";
    /// For how long to ask, for example `15m`
    TTL = "PORTREEVE_TTL";
    /// The id of an earlier task that sessions continue
    TASK = "PORTREEVE_TASK";
    /// The address from which the agent reaches the bastion, if not that from which it reaches the CA
    SOURCE_ADDRESS = "PORTREEVE_SOURCE_ADDRESS";
    /// The age identity file that opens recordings
    REVIEW_KEY = "PORTREEVE_REVIEW_KEY";
    /// The audit log's key, or a file with it: its verifier key, or the CA's `keys/log.pub`
    LOG_KEY = "PORTREEVE_LOG_KEY";
    /// The folder in which recordings are looked for by session, before the store
    RECORDINGS = "PORTREEVE_RECORDINGS";
    /// Where live sessions keep their sockets; default `$XDG_RUNTIME_DIR/portreeve`
    RUNTIME_DIR = "PORTREEVE_RUNTIME_DIR";
    /// The base of the default places of tokens; default `~/.local/state`
    XDG_STATE_HOME = "XDG_STATE_HOME";
    /// The base of the default place of live sessions; default `/tmp/portreeve-` and the user id
    XDG_RUNTIME_DIR = "XDG_RUNTIME_DIR";
    /// Set to anything: no colours, on terminals too
    NO_COLOR = "NO_COLOR";
    /// The kind of terminal; `dumb`, or none, has no colours
    TERM = "TERM";
    /// The home directory
    HOME = "HOME";
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_specification_has_every_variable() {
        let page = include_str!("../../docs/spec/cli.md");
        for (name, meaning) in super::ALL {
            let row = format!("| `{name}` | {} |", meaning.trim());
            assert!(page.contains(&row), "docs/spec/cli.md lacks `{row}`");
        }
    }
}
