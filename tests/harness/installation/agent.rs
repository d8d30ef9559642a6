//! The agent of the installation: its key, the human's sign-in that it was handed, its sessions.

use anyhow::Result;
use portreeve_protocol::checkpoint::Trail;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::session::{SessionGranted, SessionSummary};

use super::account::Account;
use super::token::Token;
use crate::command::{HostCommand, Output};

/// The ticket that everything in tests is done for.
pub const TICKET: &str = "INC-4711";
/// What for.
pub const PURPOSE: &str = "Find the process that calls 203.0.113.66";

/// An agent with an account on its own host.
#[derive(Debug, Clone)]
pub struct AgentAccount {
    /// The account.
    pub account: Account,
    /// The agent, as `team/name`.
    pub name: String,
    /// The file of its private key.
    pub key: String,
    subject_token: String,
}

/// What an agent asks a session for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// On which host.
    pub host: &'a str,
    /// For which ticket. Sessions for one ticket are one task to `portreeve ssh`, which joins an open one.
    pub ticket: &'a str,
    /// With which bundle.
    pub bundle: &'a str,
    /// For how long.
    pub ttl: &'a str,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self {
            host: "prod",
            ticket: TICKET,
            bundle: "forensic-read-only",
            ttl: "10m",
        }
    }
}

impl Wish<'_> {
    /// The same as options of `portreeve`, the host apart.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let pairs = [
            ("--ticket", self.ticket),
            ("--purpose", PURPOSE),
            ("--bundle", self.bundle),
            ("--ttl", self.ttl),
        ];
        pairs
            .iter()
            .flat_map(|(option, value)| [(*option).to_owned(), (*value).to_owned()])
            .collect()
    }
}

impl AgentAccount {
    /// Makes the agent's key and its settings on its account.
    pub(super) fn new(account: Account, name: &str) -> Result<Self> {
        let key = format!("{}/agent_key", account.home());
        account
            .command("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", &key])
            .run()?
            .ok()?;
        let subject_token = format!("{}/subject_token", account.home());
        Ok(Self {
            account,
            name: name.to_owned(),
            key,
            subject_token,
        })
    }

    /// The names of the variables that an agent's account has, with their values.
    pub(super) fn settings<'a>(name: &'a str, home: &str) -> [(&'a str, String); 3] {
        [
            ("PORTREEVE_AGENT", name.to_owned()),
            ("PORTREEVE_AGENT_KEY", format!("{home}/agent_key")),
            (
                "PORTREEVE_SUBJECT_TOKEN_FILE",
                format!("{home}/subject_token"),
            ),
        ]
    }

    /// Its public key, one line.
    ///
    /// # Errors
    /// When the host cannot be asked.
    pub fn public_key(&self) -> Result<String> {
        let text = self
            .account
            .host()
            .read_text(&format!("{}.pub", self.key))?;
        Ok(text.trim().to_owned())
    }

    /// A command that takes what the agent was handed for the human's own sign-in.
    pub fn posing_as_human(&self, command: [&str; 2]) -> HostCommand {
        self.account
            .portreeve(["--as", "person"])
            .args(command)
            .env("PORTREEVE_ID_TOKEN_FILE", &self.subject_token)
    }

    /// Hands it a human's ID token.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn receive(&self, token: &Token) -> Result<()> {
        self.account
            .write(&self.subject_token, token.text().as_bytes())
    }

    /// Exchanges what it was handed, and its own proof, for a delegated token.
    ///
    /// # Errors
    /// When the CA refuses.
    pub fn exchange(&self) -> Result<Token> {
        self.account.portreeve(["exchange"]).run()?.ok()?;
        // Kept where the commands that follow look for it.
        let kept = format!("{}/.local/state/portreeve/token", self.account.home());
        Token::new(&self.account.host().read_text(&kept)?)
    }

    /// Asks for a session.
    ///
    /// # Errors
    /// When the CA refuses.
    pub fn start_session(&self, wish: &Wish<'_>) -> Result<SessionGranted> {
        let output = self.try_start_session(wish)?.ok()?;
        super::account::answer(&output)
    }

    /// As [`AgentAccount::start_session`], whatever comes of it.
    ///
    /// # Errors
    /// When the command cannot be started.
    pub fn try_start_session(&self, wish: &Wish<'_>) -> Result<Output> {
        self.account
            .portreeve(["--json", "session", "start", "--host", wish.host])
            .args(wish.options())
            .run()
    }

    /// A command in a session that was started, as `portreeve exec` runs it.
    pub fn exec(&self, session: SessionId, argv: &[&str]) -> HostCommand {
        self.account
            .portreeve(["exec", "--session", &session.to_string(), "--"])
            .args(argv)
    }

    /// A command on a host through the system's `ssh`, joining the session that is open for the same task.
    pub fn ssh(&self, wish: &Wish<'_>, command: &[&str]) -> HostCommand {
        self.account
            .portreeve(["ssh", wish.host])
            .args(wish.options())
            .arg("--")
            .args(command)
    }

    /// How far a session has come.
    ///
    /// # Errors
    /// When the CA refuses.
    pub fn show(&self, session: SessionId) -> Result<SessionSummary> {
        self.account.ask(&["session", "show", &session.to_string()])
    }

    /// Ends a session and waits until the command says that it is over.
    ///
    /// # Errors
    /// When the CA refuses.
    pub fn end(&self, session: SessionId) -> Result<()> {
        self.account
            .portreeve(["session", "end", &session.to_string()])
            .run()?
            .ok()?;
        Ok(())
    }

    /// Everything that is known of a session, with proofs.
    ///
    /// # Errors
    /// When the CA refuses.
    pub fn trail(&self, session: SessionId) -> Result<Trail> {
        Ok(serde_json::from_str(&self.trail_text(session)?)?)
    }

    /// The same as the text that `portreeve verify` reads.
    ///
    /// # Errors
    /// When the CA refuses.
    pub fn trail_text(&self, session: SessionId) -> Result<String> {
        let file = format!("{}/trail-{session}.json", self.account.home());
        self.account
            .portreeve(["trail", &session.to_string(), "--output", &file])
            .run()?
            .ok()?;
        self.account.host().read_text(&file)
    }
}
