//! A control connection without SSH: what `sshd` would start, started here.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use portreeve_ca::clock::Clock;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::control::{FromBastion, FromHost};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::{OrderId, SessionId, TaskId};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::order::Order;
use portreeve_protocol::pair::{Human, Pair};
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::task::{Purpose, Task, Ticket};
use portreeve_sudo_policy::STARTER_BUNDLE;
use portreeve_tests::Host;
use portreeve_tests::installation::HOST;
use ssh_key::PrivateKey;

use crate::site::Site;

/// Where the CA keeps the key of orders, on the bastion's host.
const ORDER_KEY: &str = "/var/lib/portreeve-ca/keys/order";

/// Who may give orders.
pub(super) struct Orders {
    key: PrivateKey,
    clock: Clock,
}

/// How long an account took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served {
    /// From the order to the attestation.
    pub(super) ready_ms: f64,
    /// From the end to the receipt.
    pub(super) gone_ms: f64,
}

impl Orders {
    /// Takes the CA's key.
    pub(super) fn new(site: &Site) -> Result<Self> {
        let text = site.host("bastion").read_text(ORDER_KEY)?;
        Ok(Self {
            key: PrivateKey::from_openssh(text)?,
            clock: Clock::system(),
        })
    }

    /// Lets a host make an account and remove it.
    pub(super) fn serve_one(&self, host: &Host) -> Result<Served> {
        let mut connection = Connection::open(host)?;
        let order = FromBastion::Order {
            order: self.order()?,
            bundle: STARTER_BUNDLE.to_owned(),
        };
        let begin = Instant::now();
        connection.say(&order)?;
        loop {
            match connection.hear()? {
                FromHost::Ready { .. } => break,
                FromHost::Refused { detail, .. } => bail!("the order was refused: {detail}"),
                FromHost::Hello { .. }
                | FromHost::Report { .. }
                | FromHost::Inventory { .. }
                | FromHost::Gone { .. } => {}
            }
        }
        let ready_ms = begin.elapsed().as_secs_f64() * 1e3;
        let end = Instant::now();
        connection.say(&FromBastion::End {
            cause: EndCause::Asked,
        })?;
        let receipt = loop {
            if let FromHost::Gone { receipt } = connection.hear()? {
                break receipt;
            }
        };
        let gone_ms = end.elapsed().as_secs_f64() * 1e3;
        connection.say(&FromBastion::Acknowledge {
            reports: vec![receipt.digest()],
        })?;
        Ok(Served { ready_ms, gone_ms })
    }

    fn order(&self) -> Result<Signed<Order>> {
        let now = self.clock.now();
        let random = portreeve_ca::entropy::random;
        let session = SessionId::new(now, random());
        let order = Order {
            id: OrderId::new(now, random()),
            host: HOST.parse()?,
            session,
            pair: Pair {
                human: Human {
                    issuer: "https://idp.example.com".into(),
                    subject: "alice".into(),
                    name: "alice@example.com".parse()?,
                },
                agent: "soc/forensics".parse()?,
            },
            task: Task {
                id: TaskId::new(now, random()),
                ticket: Ticket::new("INC-4711")?,
                purpose: Purpose::new("Measure how long an account takes")?,
            },
            account: session.account(),
            bundle: BundleRef {
                name: "forensic-read-only".parse()?,
                digest: Digest::of(STARTER_BUNDLE.as_bytes()),
            },
            session_key: PublicKey::new(self.key.public_key().key_data().clone())?.fingerprint(),
            session_serial: 1,
            issued_at: now,
            deliver_by: now.plus(Duration::from_secs(60)),
            expires_at: now.plus(Duration::from_secs(600)),
            uid_floor: None,
        };
        Ok(Signed::sign(&order, &self.key)?)
    }
}

struct Connection {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Connection {
    /// Opens one and waits for the host's first line.
    fn open(host: &Host) -> Result<Self> {
        let mut child = host
            .command("/usr/lib/portreeve/portreeve-host")
            .arg("control")
            .user("portreeve")
            .to_std()?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().context("no input")?;
        let output = child.stdout.take().context("no output")?;
        let mut connection = Self {
            child,
            input,
            output: BufReader::new(output),
        };
        let first = connection.hear()?;
        if !matches!(first, FromHost::Hello { .. }) {
            bail!("the host began with {first:?}");
        }
        Ok(connection)
    }

    fn say(&mut self, message: &FromBastion) -> Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.input.write_all(&line)?;
        Ok(())
    }

    fn hear(&mut self) -> Result<FromHost> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the control connection ended");
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
