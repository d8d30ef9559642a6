//! The identity provider of the tests: a certified OpenID provider on a host, and its people.
//!
//! The provider itself, its sign-in page and the stand-in for a browser are in `tests/idp`.

mod install;
mod person;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

pub use person::Person;

use crate::host::Host;
use crate::process::Process;

const DIRECTORY: &str = "/var/lib/idp";
/// Where it listens unless told otherwise.
const PORT: u16 = 9400;
const STARTING: Duration = Duration::from_secs(30);

/// A running identity provider.
#[derive(Debug)]
pub struct Idp {
    /// The provider's process, with its log.
    pub process: Process,
    host: Host,
    issuer: String,
    code: PathBuf,
    people: Mutex<Vec<Person>>,
}

/// The page at which a sign-in ended.
#[derive(Debug, Clone, Deserialize)]
pub struct SignIn {
    /// The HTTP status of that page.
    pub status: u16,
    /// Its address.
    pub url: String,
    /// Its content.
    pub body: String,
}

impl Idp {
    /// The client id that the provider knows: a public native client with a loopback redirect address.
    pub const CLIENT_ID: &'static str = "portreeve";
    /// The client id of the tokens that people hand to agents; a client of the same kind.
    pub const AGENT_CLIENT_ID: &'static str = "portreeve-agents";

    /// Starts the provider on the host's loopback address, with these people, and waits until it answers.
    ///
    /// # Errors
    /// When its packages cannot be installed or it does not come up.
    pub fn start(host: &Host, people: &[Person]) -> Result<Self> {
        Self::start_on(host, PORT, "RS256", people)
    }

    /// As [`Idp::start`], on this loopback port and signing with this algorithm (RS256, ES256 or EdDSA).
    ///
    /// # Errors
    /// As for [`Idp::start`].
    pub fn start_on(host: &Host, port: u16, alg: &str, people: &[Person]) -> Result<Self> {
        let code = install::ensure()?;
        let issuer = issuer_at(port);
        let config = json!({
            "issuer": issuer,
            "listen": { "address": Ipv4Addr::LOCALHOST, "port": port },
            "people": format!("{DIRECTORY}/people.json"),
            "keys": format!("{DIRECTORY}/keys.json"),
            "clients": [Self::CLIENT_ID, Self::AGENT_CLIENT_ID],
            "redirectUris": ["http://127.0.0.1/callback"],
            "alg": alg,
            "idTokenLifetime": 300,
        });
        host.write(
            &format!("{DIRECTORY}/config.json"),
            config.to_string(),
            0o600,
        )?;
        write_people(host, people)?;

        let server = code.join("server.mjs");
        let server = server
            .to_str()
            .context("the build directory's name is not text")?;
        let mut process = host
            .command("node")
            .args([server, &format!("{DIRECTORY}/config.json")])
            .spawn("idp")?;
        process.wait_for_log("ready at ", STARTING)?;
        let idp = Self {
            process,
            host: host.clone(),
            issuer,
            code,
            people: Mutex::new(people.to_vec()),
        };
        idp.check_discovery()?;
        Ok(idp)
    }

    /// The issuer's address of a provider that [`Idp::start`] starts, also before it does.
    #[must_use]
    pub fn standard_issuer() -> String {
        issuer_at(PORT)
    }

    /// The issuer's address, which is also where discovery starts.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs a person in as a browser on the provider's host would: from this address to the page at the end.
    ///
    /// # Errors
    /// When the journey breaks off. A refusal is a page.
    pub fn sign_in(&self, person: &Person, url: &str) -> Result<SignIn> {
        let browser = self.browser_of(person)?;
        let output = self.host.run(&[&browser, url])?;
        serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "the sign-in of `{}` broke off: {}",
                person.email,
                output.complaint()
            )
        })
    }

    /// The path, on the provider's host, of a program that takes an address and plays this person at a browser.
    /// It suits the variable `BROWSER`.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn browser_of(&self, person: &Person) -> Result<String> {
        let script = self.code.join("browser.mjs");
        let script = script
            .to_str()
            .context("the build directory's name is not text")?;
        let credentials = format!("{DIRECTORY}/browser-{}.json", person.user_name);
        let browser = format!("/usr/local/bin/browser-{}", person.user_name);
        self.host
            .write(&credentials, serde_json::to_vec(person)?, 0o644)?;
        self.host.write(
            &browser,
            format!("#!/bin/sh\nexec node '{script}' '{credentials}' \"$@\"\n"),
            0o755,
        )?;
        Ok(browser)
    }

    /// One of the provider's own files, by its name in `tests/idp`.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.code.join(name)
    }

    /// Makes the provider refuse a person from now on, as when somebody leaves.
    ///
    /// # Errors
    /// When the provider does not know them.
    pub fn disable(&self, person: &Person) -> Result<()> {
        let mut people = self
            .people
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = people.iter_mut().find(|known| known.sub == person.sub);
        known
            .with_context(|| format!("the provider does not know `{}`", person.email))?
            .disabled = true;
        write_people(&self.host, &people)
    }

    fn check_discovery(&self) -> Result<()> {
        const ASK: &str =
            "const r = await fetch(process.argv[1]); console.log((await r.json()).issuer)";
        let url = format!("{}/.well-known/openid-configuration", self.issuer);
        let answer = self
            .host
            .run(&["node", "--input-type=module", "--eval", ASK, "--", &url])?
            .ok()?;
        ensure!(
            answer.text() == self.issuer,
            "discovery names another issuer: `{}`",
            answer.text()
        );
        Ok(())
    }
}

fn issuer_at(port: u16) -> String {
    format!("http://{}:{port}", Ipv4Addr::LOCALHOST)
}

fn write_people(host: &Host, people: &[Person]) -> Result<()> {
    host.write(
        &format!("{DIRECTORY}/people.json"),
        serde_json::to_vec(people)?,
        0o600,
    )
}
