//! An account on a host from which `portreeve` is called.

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;

use crate::command::{HostCommand, Output};
use crate::host::Host;

/// An account with the settings of `portreeve` in its environment.
#[derive(Debug, Clone)]
pub struct Account {
    host: Host,
    user: String,
    home: String,
    environment: Vec<(String, String)>,
}

impl Account {
    /// Adds an account to the host.
    pub(super) fn add(host: &Host, user: &str, environment: &[(&str, &str)]) -> Result<Self> {
        let home = host.add_user(user)?.home;
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let account = Self {
            host: host.clone(),
            user: user.to_owned(),
            home,
            environment,
        };
        account.write_profile()?;
        Ok(account)
    }

    /// Gives the settings to login shells too, for a person who enters the host.
    fn write_profile(&self) -> Result<()> {
        let exports: String = self
            .environment
            .iter()
            .map(|(name, value)| format!("export {name}='{value}'\n"))
            .collect();
        self.write(&format!("{}/.profile", self.home), exports.as_bytes())
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The account's name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The account's home directory.
    #[must_use]
    pub fn home(&self) -> &str {
        &self.home
    }

    /// The settings in its environment.
    #[must_use]
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Any program, run by this account with its environment.
    pub fn command(&self, program: &str) -> HostCommand {
        let command = self.host.command(program).user(&self.user);
        self.environment
            .iter()
            .fold(command, |command, (name, value)| command.env(name, value))
    }

    /// `portreeve` with these arguments.
    pub fn portreeve<A: AsRef<str>>(&self, args: impl IntoIterator<Item = A>) -> HostCommand {
        self.command("portreeve").args(args)
    }

    /// What `portreeve --json` answers; it has to succeed.
    ///
    /// # Errors
    /// When it does not, or answers something else.
    pub fn ask<T: DeserializeOwned>(&self, args: &[&str]) -> Result<T> {
        let output = self.portreeve(["--json"]).args(args).run()?.ok()?;
        answer(&output).with_context(|| format!("`portreeve --json {}`", args.join(" ")))
    }

    /// Writes a file that only this account may read.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn write(&self, path: &str, content: &[u8]) -> Result<()> {
        let script = r#"umask 077; mkdir -p "$(dirname "$1")"; cat >"$1""#;
        self.command("sh")
            .args(["-euc", script, "write", path])
            .input(content)
            .run()?
            .ok()?;
        Ok(())
    }
}

/// The standard output of a command as the value that it has to be.
pub(super) fn answer<T: DeserializeOwned>(output: &Output) -> Result<T> {
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("it answered `{}`", output.text()))
}
