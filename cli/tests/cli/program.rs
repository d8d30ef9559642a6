//! The program, run with an environment of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::keys;

/// A user of the program: a home, and settings.
pub(crate) struct User {
    home: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a run of the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Said {
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub(crate) fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_portreeve"))
}

impl User {
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// An agent with a key and a human's ID token, at a CA.
    pub(crate) fn agent(ca: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let user = Self::new();
        let key = user.home().join("agent_key");
        std::fs::write(&key, keys::private_file(7)).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let key = key.to_str().unwrap().to_owned();
        user.set("PORTREEVE_CA", ca)
            .set("PORTREEVE_AGENT", "soc/forensics")
            .set("PORTREEVE_AGENT_KEY", &key)
            .set("PORTREEVE_SUBJECT_TOKEN", &crate::ca::id_token())
            .set("PORTREEVE_TICKET", "INC-4711")
            .set("PORTREEVE_PURPOSE", "Find the reverse shell")
            .set("PORTREEVE_BUNDLE", "forensic-read-only")
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn runtime(&self) -> PathBuf {
        self.home.path().join("run/portreeve")
    }

    /// A command in this user's environment and no other.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("XDG_RUNTIME_DIR", self.home().join("run"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.command(&path()).args(args).output().unwrap().into()
    }

    pub(crate) fn run_with_input(&self, args: &[&str], input: &[u8]) -> Said {
        use std::io::Write as _;
        let mut child = self
            .command(&path())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writing = std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writing.join().unwrap();
        output.into()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // Holders stop when their folder is gone.
        let _ = std::fs::remove_dir_all(self.runtime());
    }
}
