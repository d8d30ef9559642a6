//! A control connection to a host's real daemon, on which anything can be said.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use portreeve_protocol::attest::{Attestation, EndCause, Receipt};
use portreeve_protocol::control::{FromBastion, FromHost, HostReport, OrderRefusal};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::signed::Signed;
use portreeve_tests::Host;

/// How long the daemon may take to answer; it waits ten seconds for an order.
const PATIENCE: Duration = Duration::from_secs(15);

/// An open control connection.
#[derive(Debug)]
pub(super) struct Control {
    program: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// What became of what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The account is there.
    Ready,
    /// The order is not obeyed.
    Refused(OrderRefusal),
    /// The connection ended without a word.
    Ended,
}

impl Control {
    /// Opens one as sshd does for a bastion.
    pub(super) fn open(host: &Host) -> Self {
        let program = "/usr/lib/portreeve/portreeve-host";
        let command = host.command(program).arg("control").user("portreeve");
        let control = Self::over(command.to_std().unwrap());
        let hello = control.hear();
        assert!(matches!(hello, Some(FromHost::Hello { .. })), "{hello:?}");
        control
    }

    fn over(mut command: Command) -> Self {
        let mut program = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(program.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        // Reading may wait for ever, and a test may not.
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            input: program.stdin.take(),
            program,
            lines,
        }
    }

    /// Says bytes, whatever they are. That nobody takes them shows itself in what comes back.
    pub(super) fn say_bytes(&mut self, bytes: &[u8]) {
        if let Some(input) = &mut self.input {
            let _ = input.write_all(bytes).and_then(|()| input.flush());
        }
    }

    pub(super) fn say(&mut self, message: &FromBastion) {
        let mut line = serde_json::to_vec(message).unwrap();
        line.push(b'\n');
        self.say_bytes(&line);
    }

    /// The next thing that the host says; nothing when it said good-bye.
    pub(super) fn hear(&self) -> Option<FromHost> {
        let line = self.lines.recv_timeout(PATIENCE).ok()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// What became of the order, reports of earlier sessions apart, which are taken.
    pub(super) fn outcome(&mut self) -> Outcome {
        loop {
            match self.hear() {
                Some(FromHost::Ready { .. }) => return Outcome::Ready,
                Some(FromHost::Refused { refusal, .. }) => return Outcome::Refused(refusal),
                Some(FromHost::Report { report }) => self.take(&report),
                Some(
                    FromHost::Hello { .. } | FromHost::Gone { .. } | FromHost::Inventory { .. },
                ) => {}
                None => return Outcome::Ended,
            }
        }
    }

    /// The attestation of an order that is obeyed.
    pub(super) fn attestation(&mut self) -> Signed<Attestation> {
        loop {
            match self.hear() {
                Some(FromHost::Ready { attestation }) => return attestation,
                Some(FromHost::Report { report }) => self.take(&report),
                other => panic!("no attestation: {other:?}"),
            }
        }
    }

    /// Ends the session and takes its receipt.
    pub(super) fn end(mut self) -> Signed<Receipt> {
        self.say(&FromBastion::End {
            cause: EndCause::Asked,
        });
        let receipt = self.receipt();
        self.acknowledge(receipt.digest());
        receipt
    }

    /// The receipt of a session that is over for any reason.
    pub(super) fn receipt(&mut self) -> Signed<Receipt> {
        loop {
            match self.hear() {
                Some(FromHost::Gone { receipt }) => return receipt,
                Some(FromHost::Report { report }) => self.take(&report),
                other => panic!("no receipt: {other:?}"),
            }
        }
    }

    fn take(&mut self, report: &HostReport) {
        let digest = match report {
            HostReport::Event(event) => event.digest(),
            HostReport::Receipt(receipt) => receipt.digest(),
        };
        self.acknowledge(digest);
    }

    fn acknowledge(&mut self, digest: Digest) {
        self.say(&FromBastion::Acknowledge {
            reports: vec![digest],
        });
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.program.wait();
    }
}
