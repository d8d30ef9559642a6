//! What is measured: an installation in a lab, with plain OpenSSH beside it.
//!
//! Three ways to production: from the bastion's host directly, from the agent's host through a
//! stock sshd on the bastion's host (ProxyJump), and from the agent's host through Portreeve.

mod disk;
mod link;
mod openssh;
mod settings;
mod unrecorded;

use std::time::Duration;

use anyhow::{Context, Result};
use portreeve_protocol::id::SessionId;
use portreeve_tests::installation::{HOST, Installation, Wish};
use portreeve_tests::programs::Build;
use portreeve_tests::{Host, Service, Sshd, until};

pub(crate) use self::disk::Disk;
pub(crate) use self::link::Cards;
use crate::machine::Meter;
use crate::runner::{Ran, Runner};

/// How long a bastion may take to hear of the CA.
const FEED_TIME: Duration = Duration::from_secs(20);
/// What it logs then.
const HEARD: &str = "policy is in force";
/// This program on the hosts.
const PROGRAM: &str = "/usr/bin/portreeve-bench";

/// A way to production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// From next door.
    Direct,
    /// Through a stock sshd.
    Jump,
    /// Through Portreeve, in this session.
    Ours(&'a Session),
}

/// A session that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Which.
    pub(crate) id: SessionId,
    /// Its account.
    pub(crate) account: String,
    /// The ssh_config that leads into it.
    config: String,
}

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Site {
    /// As the agent, on its host.
    pub(crate) agent: Runner,
    /// As somebody beside the bastion.
    pub(crate) desk: Runner,
    /// As root, on production.
    pub(crate) prod: Runner,
    /// As the human who sent the agent.
    pub(crate) human: Runner,
    /// The sshd that ProxyJump goes through.
    pub(crate) jump: Sshd,
    /// What that sshd and its children use.
    pub(crate) jump_meter: Meter,
    /// Portreeve.
    pub(crate) installation: Installation,
    /// What stands in the bastion's place and records nothing, while it does.
    unrecorded: Option<Service>,
    /// The folder of live sessions on the agent's host.
    runtime: String,
    /// Last, so that nothing uses it any more.
    _disk: Disk,
}

impl Site {
    /// Installs everything, and moves what must be durable onto this machine's disk.
    pub(crate) fn new(say: &mut dyn FnMut(&str)) -> Result<Self> {
        let mut installation = Installation::with(Build::Own, say)?;
        settings::lift_limits(&installation)?;
        say("the state of the CA and of the bastion moves onto this machine's disk");
        let disk = Disk::move_state(&mut installation)?;
        say("plain OpenSSH is set up beside it");
        let jump = openssh::set_up(&installation)?;
        for host in ["agent", "bastion", HOST] {
            installation.lab().host(host).install_program(
                Build::Own,
                "portreeve-bench",
                PROGRAM,
            )?;
        }
        let agent = installation.agent().account.clone();
        let human = installation.person("alice")?.account.clone();
        let bastion = installation.lab().host("bastion").clone();
        let uid = agent.host().user(agent.user())?.uid;
        let start = |command: portreeve_tests::HostCommand| Runner::start(&command.arg("runner"));
        Ok(Self {
            agent: start(agent.command(PROGRAM))?,
            desk: start(bastion.command(PROGRAM).user(openssh::DESK))?,
            prod: start(installation.lab().host(HOST).command(PROGRAM))?,
            human: start(human.command(PROGRAM))?,
            jump_meter: Meter::around(jump.process.pid())?,
            jump,
            installation,
            unrecorded: None,
            runtime: format!("/tmp/portreeve-{uid}"),
            _disk: disk,
        })
    }

    /// Lets the human sign in and hand it to the agent. A sign-in is good for minutes, so every
    /// figure begins with one.
    pub(crate) fn sign_in(&self) -> Result<()> {
        self.installation.sign_in("alice")
    }

    /// Asks for a session. Its account is made when something connects.
    pub(crate) fn session(&self) -> Result<Session> {
        let wish = Wish {
            ttl: "20m",
            ..Wish::default()
        };
        let granted = self.installation.agent().start_session(&wish)?;
        Ok(self.known_session(granted.session, granted.account.as_str()))
    }

    /// A session that somebody else asked for, on the agent's host.
    pub(crate) fn known_session(&self, id: SessionId, account: &str) -> Session {
        Session {
            id,
            account: account.to_owned(),
            config: format!("{}/{id}/ssh_config", self.runtime),
        }
    }

    /// The same, with its first connection made.
    pub(crate) fn open_session(&mut self) -> Result<Session> {
        let session = self.session()?;
        self.run(Route::Ours(&session), "echo open")?;
        Ok(session)
    }

    /// Stops the bastion and starts it, until it lets sessions in: it waits for the CA's feed.
    pub(crate) fn start_bastion_again(&mut self) -> Result<()> {
        self.installation.bastion.stop()?;
        self.installation.bastion.start_again()?;
        until("the bastion to hear of the policy", FEED_TIME, || {
            let log = self.installation.bastion.log()?;
            Ok(log.contains(HEARD).then_some(()))
        })
    }

    /// Ends a session.
    pub(crate) fn end(&self, session: &Session) -> Result<()> {
        self.installation.agent().end(session.id)
    }

    /// Runs a shell command on production.
    pub(crate) fn run(&mut self, route: Route<'_>, command: &str) -> Result<Ran> {
        let (runner, argv) = self.client(route, command);
        runner
            .run(&argv)
            .with_context(|| format!("`{}`", argv.join(" ")))
    }

    /// Who runs the client of a route, and its command line.
    pub(crate) fn client(&mut self, route: Route<'_>, command: &str) -> (&mut Runner, Vec<String>) {
        let (runner, config, to) = match route {
            Route::Direct => (&mut self.desk, openssh::DESK_CONFIG, "direct"),
            Route::Jump => (&mut self.agent, openssh::AGENT_CONFIG, "via"),
            Route::Ours(session) => (&mut self.agent, session.config.as_str(), HOST),
        };
        let argv = ["ssh", "-F", config, to, command]
            .map(str::to_owned)
            .to_vec();
        (runner, argv)
    }

    /// A host of the lab.
    pub(crate) fn host(&self, name: &str) -> &Host {
        self.installation.lab().host(name)
    }

    /// The process id of the bastion.
    pub(crate) fn bastion_pid(&self) -> Result<i32> {
        match &self.unrecorded {
            Some(bastion) => Ok(bastion.process()?.pid()),
            None => Ok(self.installation.bastion.process()?.pid()),
        }
    }

    /// The process id of the CA, whose signer is its child.
    pub(crate) fn ca_pid(&self) -> Result<i32> {
        Ok(self.installation.ca.process()?.pid())
    }
}

/// Waits for what goes on after a session's end, so that it does not disturb the next one.
pub(crate) fn settle() {
    std::thread::sleep(Duration::from_millis(200));
}
