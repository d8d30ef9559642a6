//! A whole Portreeve in a lab: the real programs, installed and set up as their users would do it.
//!
//! ```text
//!   agent ── access ── bastion ── production ── prod ── outside ── attacker
//! ```
//!
//! `bastion` holds the identity provider, the CA and the bastion; `prod` is enrolled; the agent
//! `soc/forensics` lives on `agent`; people sign in on `bastion`, because the provider is on its loopback.
//! Callers: machine tests, benchmarks, the demonstration.

mod account;
mod agent;
mod evidence;
mod intruder;
mod person;
mod set_up;
mod story;
mod thief;
mod token;
mod traces;

use std::ops::Deref;
use std::path::Path;

use anyhow::{Context, Result};

use self::set_up::InstallHost;
use crate::host::Host;
use crate::idp::{Idp, Person};
use crate::lab::{Kept, Lab};
use crate::programs::Build;
use crate::service::Service;
use crate::sshd::Sshd;
use crate::topology::{Network, Topology};

pub use account::Account;
pub use agent::{AgentAccount, PURPOSE, TICKET, Wish};
pub use evidence::Evidence;
pub use intruder::ReverseShell;
pub use person::PersonAccount;
pub use portreeve_protocol::session::SessionGranted;
pub use story::{Asked, Story};
pub use thief::{Attempt, open_grant, session_key};
pub use token::Token;
pub use traces::traces;

/// The CA's URL, which is also the issuer that its tokens name.
pub const CA_URL: &str = "https://ca.example.com:8443";
/// The agent of the installation.
pub const AGENT: &str = "soc/forensics";
/// The production host's name in the registry, and in the lab.
pub const HOST: &str = "prod";
/// The bastion's name in the registry.
pub const BASTION: &str = "bastion-1";
/// The bastion's configuration.
pub const BASTION_CONFIG: &str = "/etc/portreeve-bastion/config.toml";
/// Where the bastion listens.
pub const BASTION_PORT: u16 = 2222;

/// The file of the key with which the bastion opens grants.
pub const UNSEALING_KEY: &str = "/etc/portreeve-bastion/unsealing.key";

/// A running Portreeve. Dropping it takes everything down.
#[derive(Debug)]
pub struct Installation {
    /// `portreeve-ca serve`, with the signer that it started.
    pub ca: Service,
    /// `portreeve-bastion serve`.
    pub bastion: Service,
    /// `portreeve-host daemon` on production.
    pub daemon: Service,
    /// The distribution's sshd on production.
    pub sshd: Sshd,
    /// The identity provider.
    pub idp: Idp,
    /// What reviewers and verifiers need.
    pub evidence: Evidence,
    people: Vec<PersonAccount>,
    agent: AgentAccount,
    /// Last, so that the processes' guards go before what they run on.
    lab: Lab,
}

impl Installation {
    /// Installs the programs of this build, with everyone of [`Person::everyone`].
    ///
    /// # Errors
    /// When a step fails, with what the program said.
    pub fn new() -> Result<Self> {
        Self::with(Build::Own, &mut |_| {})
    }

    /// As [`Installation::new`], with the programs of `build`, telling `say` each step before it is done.
    ///
    /// # Errors
    /// As for [`Installation::new`].
    pub fn with(build: Build, say: &mut dyn FnMut(&str)) -> Result<Self> {
        let mut copy = |host: &Host| set_up::copy_host_client(host, build);
        Self::of(&Self::topology(), build, &mut copy, say)
    }

    /// As [`Installation::new`], with a production host made of the system in `root`, onto which
    /// `install` puts the host client.
    ///
    /// # Errors
    /// As for [`Installation::new`].
    pub fn with_host(root: &Path, install: &mut dyn FnMut(&Host) -> Result<()>) -> Result<Self> {
        let topology = Self::topology().made_of(HOST, root);
        Self::of(&topology, Build::Own, install, &mut |_| {})
    }

    fn of(
        topology: &Topology,
        build: Build,
        install_host: &mut InstallHost<'_>,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        let lab = Lab::with(topology)?;
        let parts = set_up::install(&lab, build, install_host, &Person::everyone(), say);
        let parts = parts.inspect_err(|_| lab.save_logs())?;
        Ok(Self {
            ca: parts.ca,
            bastion: parts.bastion,
            daemon: parts.daemon,
            sshd: parts.sshd,
            idp: parts.idp,
            evidence: parts.evidence,
            people: parts.people,
            agent: parts.agent,
            lab,
        })
    }

    /// The standard hosts, and one on the outside that production can reach.
    #[must_use]
    pub fn topology() -> Topology {
        let (access, production, outside) =
            (Network::access(), Network::production(), Network::outside());
        Topology::empty()
            .host("agent", [access.at(10)])
            .host("bastion", [access.at(20), production.at(20)])
            .host(HOST, [production.at(30), outside.at(30)])
            .host("attacker", [outside.at(66)])
    }

    /// The hosts and networks.
    #[must_use]
    pub const fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The account of a person, by user name.
    ///
    /// # Errors
    /// When there is nobody of that name.
    pub fn person(&self, user_name: &str) -> Result<&PersonAccount> {
        let found = self
            .people
            .iter()
            .find(|known| known.person.user_name == user_name);
        found.with_context(|| format!("there is no `{user_name}`"))
    }

    /// Lets a person sign in, for themselves and for the agent, which exchanges what it is handed.
    ///
    /// # Errors
    /// When the provider or the CA refuses.
    pub fn sign_in(&self, user_name: &str) -> Result<()> {
        let person = self.person(user_name)?;
        person.login()?;
        self.agent.receive(&person.login_for_agent()?)?;
        self.agent.exchange()?;
        Ok(())
    }

    /// Switches production off and on, as when its power fails, and starts its services again.
    ///
    /// # Errors
    /// When it does not come up again.
    pub fn power_cycle_production(&mut self) -> Result<()> {
        let prod = self.lab.host(HOST);
        prod.power_cut()?;
        prod.boot()?;
        self.sshd = prod.start_sshd()?;
        self.daemon.forget();
        self.daemon.start_again()
    }

    /// The agent.
    #[must_use]
    pub const fn agent(&self) -> &AgentAccount {
        &self.agent
    }

    /// A look at an installation that several tests share. Keeps the logs when the test that looks fails.
    #[must_use]
    pub const fn visit(&'static self) -> Visit {
        Visit(self)
    }

    /// Leaves everything running after this process.
    ///
    /// # Errors
    /// When the lab is broken already.
    pub fn keep(self) -> Result<Kept> {
        let Self {
            ca,
            bastion,
            daemon,
            sshd,
            idp,
            lab,
            ..
        } = self;
        let kept = lab.keep()?;
        // Their guards look at the lab and leave a kept one alone.
        drop((ca, bastion, daemon, sshd, idp));
        Ok(kept)
    }
}

/// What [`Installation::visit`] returns.
#[derive(Debug)]
pub struct Visit(&'static Installation);

impl Deref for Visit {
    type Target = Installation;

    fn deref(&self) -> &Installation {
        self.0
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lab.save_logs();
        }
    }
}
