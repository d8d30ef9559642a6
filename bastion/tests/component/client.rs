//! OpenSSH's clients, as an agent uses them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use portreeve_protocol::id::SessionId;
use ssh_key::{Certificate, LineEnding};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::mint::Mint;
use crate::sshd::secret;

/// How long anything may take. Much longer than it does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(900);

pub(crate) struct Agent {
    folder: PathBuf,
    port: u16,
    user: String,
    pub(crate) session: SessionId,
}

impl Agent {
    pub(crate) fn new(folder: PathBuf, port: u16, mint: &Mint, certificate: &Certificate) -> Self {
        let agent = Self {
            folder,
            port,
            user: mint.session.account().to_string(),
            session: mint.session,
        };
        secret(
            &agent.file("key"),
            &mint.agent_key.to_openssh(LineEnding::LF).unwrap(),
        );
        fs::write(
            agent.file("key-cert.pub"),
            certificate.to_openssh().unwrap(),
        )
        .unwrap();
        agent
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// One of `ssh`, `scp`, `sftp`, with everything that it needs to find the bastion.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let port_flag = if program == "ssh" { "-p" } else { "-P" };
        command.args(["-F", "none", port_flag, &self.port.to_string()]);
        for option in self.options() {
            command.args(["-o", &option]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    fn options(&self) -> Vec<String> {
        let path = |name: &str| self.file(name).display().to_string();
        vec![
            format!("IdentityFile={}", path("key")),
            format!("CertificateFile={}", path("key-cert.pub")),
            format!("UserKnownHostsFile={}", path("known_hosts")),
            "IdentitiesOnly=yes".into(),
            "StrictHostKeyChecking=yes".into(),
            "BatchMode=yes".into(),
        ]
    }

    pub(crate) fn target(&self) -> String {
        format!("{}@127.0.0.1", self.user)
    }

    /// `ssh` with further options and a command.
    pub(crate) fn ssh(&self, options: &[&str], command: &str) -> Command {
        let mut ssh = self.command("ssh");
        ssh.args(options).arg(self.target()).arg(command);
        ssh
    }

    /// Runs a command on the host.
    pub(crate) async fn run(&self, command: &str) -> Output {
        output(self.ssh(&[], command)).await
    }

    /// Runs a command with something on its standard input.
    pub(crate) async fn feed(&self, command: &str, input: Vec<u8>) -> Output {
        let mut ssh = self.ssh(&[], command);
        let mut child = ssh.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let feeding = tokio::spawn(async move {
            let _ = stdin.write_all(&input).await;
        });
        let output = finish(child).await;
        feeding.await.unwrap();
        output
    }

    pub(crate) fn start(&self, command: &str) -> Child {
        self.ssh(&[], command).spawn().unwrap()
    }
}

pub(crate) async fn output(mut command: Command) -> Output {
    finish(command.spawn().unwrap()).await
}

pub(crate) async fn finish(child: Child) -> Output {
    tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("it hangs")
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The exit status, with everything it printed in the message if it is another.
#[track_caller]
pub(crate) fn assert_status(output: &Output, status: i32) {
    assert_eq!(
        output.status.code(),
        Some(status),
        "stdout: {}\nstderr: {}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}
