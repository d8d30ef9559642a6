//! A bastion with a CA above it and a host behind it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use portreeve_protocol::age::Identity;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::time::Timestamp;
use portreeve_recording::file_name;
use tempfile::TempDir;

use crate::ca::{Ca, HOST_CA};
use crate::client::{Agent, PATIENCE};
use crate::daemon::Daemon;
use crate::mint::{Mint, key, public};
use crate::sshd::{Sshd, free_port, secret};

/// How many sessions a world has accounts for unless a test wants more.
const SESSIONS: u16 = 8;

pub(crate) struct World {
    pub(crate) ca: Ca,
    pub(crate) daemon: Daemon,
    pub(crate) review: Identity,
    began: Timestamp,
    port: u16,
    sshd: Sshd,
    bastion: Option<Child>,
    sessions: u16,
    given: u16,
    folder: TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with_accounts(SESSIONS).await
    }

    /// The same with accounts for so many sessions.
    pub(crate) async fn with_accounts(sessions: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let began = now();
        let mint = Mint::new(began);
        let review = review_key();
        let ca = Ca::start(&mint, review.recipient().to_string()).await;
        let (daemon, daemon_port) = Daemon::start(mint.host_identity.clone()).await;
        let accounts: Vec<_> = (0..sessions)
            .map(|number| session(began, number).account())
            .collect();
        let host = folder.path().join("host");
        fs::create_dir(&host).unwrap();
        let sshd = Sshd::start(&host, &accounts, daemon_port);
        let mut world = Self {
            ca,
            daemon,
            review,
            began,
            port: free_port(),
            sshd,
            bastion: None,
            sessions,
            given: 0,
            folder,
        };
        world.enrol().await;
        world.start_bastion().await;
        world
    }

    async fn enrol(&self) {
        let path = self.folder.path();
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions());
        secret(&path.join("token"), "one-time\n");
        // The CA of these tests has no TLS: a root that is read and never used.
        fs::write(path.join("roots.pem"), include_str!("root.pem")).unwrap();
        let mut enrol = tokio::process::Command::new(env!("CARGO_BIN_EXE_portreeve-bastion"));
        enrol
            .args(["enroll", "--name", "bastion-1", "--ca", self.ca.url()])
            .arg("--ca-cert")
            .arg(path.join("roots.pem"))
            .arg("--token-file")
            .arg(path.join("token"))
            .arg("--dir")
            .arg(path.join("bastion"))
            .arg("--state")
            .arg(path.join("state"))
            .arg("--listen")
            .arg(format!("127.0.0.1:{}", self.port));
        let output = enrol.output().await.unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    pub(crate) async fn start_bastion(&mut self) {
        let path = self.folder.path();
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path.join("bastion.log"))
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_portreeve-bastion"))
            .args(["serve", "--allow-root", "--config"])
            .arg(path.join("bastion/config.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.bastion = Some(child);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if self.log().contains("another policy is in force") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the bastion does not come up: {}", self.log());
    }

    /// Sends the bastion a signal and waits until it is gone.
    pub(crate) async fn stop_bastion(&mut self, signal: &str) {
        let mut child = self.bastion.take().unwrap();
        let status = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
        tokio::task::spawn_blocking(move || child.wait())
            .await
            .unwrap()
            .unwrap();
        fs::rename(
            self.folder.path().join("bastion.log"),
            self.folder.path().join("bastion.log.1"),
        )
        .unwrap();
    }

    /// Changes the bastion's configuration.
    pub(crate) fn edit(&self, change: impl FnOnce(String) -> String) {
        let path = self.folder.path().join("bastion/config.toml");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    }

    /// The same, and starts the bastion again.
    pub(crate) async fn configure(&mut self, change: impl FnOnce(String) -> String) {
        self.edit(change);
        self.stop_bastion("-TERM").await;
        self.start_bastion().await;
    }

    /// Sends the bastion a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.bastion().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// What `portreeve-bastion status` says, with its exit code.
    pub(crate) fn status(&self) -> (i32, serde_json::Value) {
        status(self.folder.path())
    }

    /// The bastion's process id.
    pub(crate) fn bastion(&self) -> u32 {
        self.bastion.as_ref().unwrap().id()
    }

    /// A session to give, which a test may change before it is given.
    pub(crate) fn mint(&mut self) -> Mint {
        assert!(self.given < self.sessions, "this world has no account left");
        let mut mint = Mint::new(now());
        mint.session = session(self.began, self.given);
        mint.host_address = format!("127.0.0.1:{}", self.sshd.port);
        mint.host_keys = vec![Sshd::host_key()];
        self.given += 1;
        mint
    }

    /// An agent that holds a session's certificate.
    pub(crate) fn agent(&mut self) -> Agent {
        let mint = self.mint();
        self.agent_of(&mint)
    }

    pub(crate) fn agent_of(&self, mint: &Mint) -> Agent {
        let draft = mint.draft(&mint.grant(), self.unsealing().recipient());
        self.agent_with(mint, &draft.sign())
    }

    pub(crate) fn agent_with(&self, mint: &Mint, certificate: &ssh_key::Certificate) -> Agent {
        let folder = self.folder.path().join(format!("agent-{}", mint.session));
        fs::create_dir_all(&folder).unwrap();
        let known_hosts = format!("@cert-authority * {}\n", public(&key(HOST_CA)));
        fs::write(folder.join("known_hosts"), known_hosts).unwrap();
        Agent::new(folder, self.port, mint, certificate)
    }

    pub(crate) fn unsealing(&self) -> Identity {
        let text = fs::read_to_string(self.folder.path().join("bastion/unsealing.key")).unwrap();
        text.trim().parse().unwrap()
    }

    pub(crate) fn identity(&self) -> portreeve_protocol::key::PublicKey {
        let text = fs::read_to_string(self.folder.path().join("bastion/identity")).unwrap();
        public(&ssh_key::PrivateKey::from_openssh(text).unwrap())
    }

    pub(crate) fn recording(&self, session: SessionId) -> PathBuf {
        self.folder
            .path()
            .join("state/recordings")
            .join(file_name::of(session))
    }

    pub(crate) fn home(&self, session: SessionId) -> PathBuf {
        self.folder
            .path()
            .join("host")
            .join(session.account().to_string())
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("bastion.log")).unwrap_or_default()
    }
}

/// What `portreeve-bastion status` says of the bastion in a world's folder, with its exit code.
pub(crate) fn status(world: &Path) -> (i32, serde_json::Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_portreeve-bastion"))
        .args(["status", "--json", "--config"])
        .arg(world.join("bastion/config.toml"))
        .output()
        .unwrap();
    let said = serde_json::from_slice(&output.stdout);
    let said = said.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), said)
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut child) = self.bastion.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("---- the bastion's log\n{}", self.log());
            let sshd =
                fs::read_to_string(self.folder.path().join("host/sshd.log")).unwrap_or_default();
            let tail: Vec<_> = sshd.lines().rev().take(40).collect();
            eprintln!("---- sshd's log, newest first\n{}", tail.join("\n"));
        }
    }
}

/// The key of the reviewers of every world.
pub(crate) fn review_key() -> Identity {
    Identity::from_secret_bytes(&[31; 32])
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

fn session(began: Timestamp, number: u16) -> SessionId {
    let mut random = [100; 10];
    random[8..].copy_from_slice(&number.to_be_bytes());
    SessionId::new(began, random)
}
