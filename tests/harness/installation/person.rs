//! A person of the installation at the command line.

use anyhow::{Context, Result};

use super::account::Account;
use super::token::Token;
use crate::command::{HostCommand, Output};
use crate::idp::{self, Idp};

/// A person with an account on the identity provider's host.
#[derive(Debug, Clone)]
pub struct PersonAccount {
    /// The account.
    pub account: Account,
    /// The person as the identity provider knows them.
    pub person: idp::Person,
    browser: String,
    issuer: String,
}

impl PersonAccount {
    pub(super) fn new(account: Account, person: idp::Person, provider: &Idp) -> Result<Self> {
        let browser = provider.browser_of(&person)?;
        Ok(Self {
            account,
            person,
            browser,
            issuer: provider.issuer().to_owned(),
        })
    }

    /// Signs in at the identity provider with a browser, second factor included. The token is the person.
    ///
    /// # Errors
    /// When the provider or `portreeve login` refuses.
    pub fn login(&self) -> Result<Token> {
        let output = self.try_login()?.ok()?;
        Token::new(&output.text()).context("`portreeve login --print-token`")
    }

    /// Signs in for an agent. The token is good for an exchange and for nothing else.
    ///
    /// # Errors
    /// When the provider or `portreeve login` refuses.
    pub fn login_for_agent(&self) -> Result<Token> {
        let output = self.command("--for-agent").run()?.ok()?;
        Token::new(&output.text()).context("`portreeve login --for-agent`")
    }

    /// As [`PersonAccount::login`], whatever comes of it.
    ///
    /// # Errors
    /// When the command cannot be started.
    pub fn try_login(&self) -> Result<Output> {
        self.command("--print-token").run()
    }

    fn command(&self, how: &str) -> HostCommand {
        self.account
            .portreeve(["login", "--issuer", &self.issuer])
            // This provider tells groups only to those who ask.
            .args(["--scope", "openid email profile groups"])
            .args(["--browser", &self.browser, how])
    }
}
