//! A person of the installation at the command line.

use anyhow::{Context, Result};

use super::account::Account;
use crate::command::Output;
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

/// What the CA is shown as a human's sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdToken(String);

impl IdToken {
    /// Takes a token's text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
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

    /// Signs in at the identity provider with a browser, second factor included.
    ///
    /// # Errors
    /// When the provider or `portreeve login` refuses.
    pub fn login(&self) -> Result<IdToken> {
        let output = self.try_login()?.ok()?;
        let token = IdToken::new(&output.text());
        Some(token)
            .filter(|token| token.text().split('.').count() == 3)
            .with_context(|| format!("`portreeve login` printed `{}`", output.text()))
    }

    /// As [`PersonAccount::login`], whatever comes of it.
    ///
    /// # Errors
    /// When the command cannot be started.
    pub fn try_login(&self) -> Result<Output> {
        self.account
            .portreeve(["login", "--issuer", &self.issuer])
            .args(["--browser", &self.browser, "--print-token"])
            .run()
    }
}
