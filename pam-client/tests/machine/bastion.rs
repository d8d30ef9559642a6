//! The bastion's part, played by the test with OpenSSH's client: the control connection and logins.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portreeve_protocol::attest::{Attestation, EndCause, HostEvent, Receipt};
use portreeve_protocol::control::{FromBastion, FromHost, HostReport, OrderRefusal};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::signed::Signed;

use crate::ca::Pass;

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A control connection.
pub(crate) struct Control {
    ssh: Child,
    input: Option<ChildStdin>,
    messages: Receiver<FromHost>,
}

/// What an order came to.
pub(crate) enum Answer {
    Ready(Signed<Attestation>),
    Refused(OrderRefusal, String),
}

impl Control {
    /// Connects and hears the host's greeting.
    pub(crate) fn open(pass: &Pass) -> Self {
        Self::through(ssh(pass, "portreeve", "control"))
    }

    /// The same without the way there: what sshd would start, started by the test.
    pub(crate) fn without_ssh() -> Self {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=portreeve",
            "--regid=portreeve",
            "--clear-groups",
            "--",
        ]);
        command.args([crate::host::PROGRAM, "control"]);
        Self::through(command)
    }

    fn through(mut command: Command) -> Self {
        let mut ssh = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(ssh.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender
                    .send(serde_json::from_str(&line).expect(&line))
                    .is_err()
                {
                    break;
                }
            }
        });
        let control = Self {
            input: ssh.stdin.take(),
            ssh,
            messages,
        };
        assert!(
            matches!(control.hear(), Some(FromHost::Hello { .. })),
            "no greeting"
        );
        control
    }

    pub(crate) fn say(&mut self, message: &FromBastion) {
        let mut line = serde_json::to_vec(message).unwrap();
        line.push(b'\n');
        self.input.as_mut().unwrap().write_all(&line).unwrap();
    }

    /// The same to a daemon that may be dead.
    pub(crate) fn try_say(&mut self, message: &FromBastion) {
        let mut line = serde_json::to_vec(message).unwrap();
        line.push(b'\n');
        let _ = self.input.as_mut().unwrap().write_all(&line);
    }

    /// Waits until the host ends the connection.
    pub(crate) fn finish(mut self) {
        drop(self.input.take());
        while self.hear().is_some() {}
        self.ssh.wait().unwrap();
    }

    /// The next message; none when the host ended the connection.
    pub(crate) fn hear(&self) -> Option<FromHost> {
        match self.messages.recv_timeout(PATIENCE) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the host says nothing"),
        }
    }

    /// Gives the order.
    pub(crate) fn order(&mut self, pass: &Pass) -> Answer {
        self.say(&FromBastion::Order {
            order: pass.signed.clone(),
            bundle: pass.bundle.clone(),
        });
        match self.hear() {
            Some(FromHost::Ready { attestation }) => Answer::Ready(attestation),
            Some(FromHost::Refused { refusal, detail }) => Answer::Refused(refusal, detail),
            other => panic!("neither ready nor refused: {other:?}"),
        }
    }

    /// The next report.
    pub(crate) fn report(&self) -> HostReport {
        match self.hear() {
            Some(FromHost::Report { report }) => report,
            other => panic!("no report: {other:?}\n{}", crate::host::log()),
        }
    }

    pub(crate) fn acknowledge(&mut self, reports: Vec<Digest>) {
        self.say(&FromBastion::Acknowledge { reports });
    }

    /// Ends the session; what was reported before the receipt, and the receipt.
    pub(crate) fn end(&mut self, cause: EndCause) -> (Vec<Signed<HostEvent>>, Signed<Receipt>) {
        self.say(&FromBastion::End { cause });
        let mut events = Vec::new();
        loop {
            match self.hear() {
                Some(FromHost::Report {
                    report: HostReport::Event(event),
                }) => events.push(event),
                // Of a session before this one.
                Some(FromHost::Report {
                    report: HostReport::Receipt(receipt),
                }) => {
                    self.acknowledge(vec![receipt.digest()]);
                    events.clear();
                }
                Some(FromHost::Gone { receipt }) => {
                    let mut reports: Vec<_> = events.iter().map(Signed::digest).collect();
                    reports.push(receipt.digest());
                    self.acknowledge(reports);
                    return (events, receipt);
                }
                other => panic!("neither report nor receipt: {other:?}"),
            }
        }
    }

    /// The connection breaks.
    pub(crate) fn cut(&mut self) {
        self.ssh.kill().unwrap();
        self.ssh.wait().unwrap();
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
    }
}

/// `ssh` to the host as this user with the certificate of this kind.
pub(crate) fn ssh(pass: &Pass, user: &str, kind: &str) -> Command {
    let mut command = Command::new("ssh");
    let certificate = format!("CertificateFile={}-{kind}-cert.pub", pass.key.display());
    command.args(["-F", "none", "-T", "-o", "StrictHostKeyChecking=no"]);
    command.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]);
    command.args([
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "BatchMode=yes",
        "-o",
        &certificate,
        "-i",
    ]);
    command
        .arg(&pass.key)
        .arg(format!("{user}@127.0.0.1"))
        .stdin(Stdio::null());
    command
}

/// Runs a command in the session, as the bastion would.
pub(crate) fn run(pass: &Pass, command: &str) -> Output {
    ssh(pass, pass.order.account.as_str(), "session")
        .arg(command)
        .output()
        .unwrap()
}

/// The same with a terminal.
pub(crate) fn run_on_terminal(pass: &Pass, command: &str) -> Output {
    ssh(pass, pass.order.account.as_str(), "session")
        .args(["-tt", command])
        .output()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Checks signatures, order and linkage of a session's events; what happened.
pub(crate) fn chain(
    root: Digest,
    events: &[Signed<HostEvent>],
    identity: &PublicKey,
) -> Vec<HostEvent> {
    let mut previous = root;
    let mut seen = Vec::new();
    for (seq, event) in (0..).zip(events) {
        let verified = event.verify(identity).unwrap();
        previous = {
            assert_eq!(
                (verified.get().seq, verified.get().previous),
                (seq, previous)
            );
            verified.digest()
        };
        seen.push(verified.into_inner());
    }
    seen
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come to pass");
        std::thread::sleep(Duration::from_millis(20));
    }
    start.elapsed()
}
