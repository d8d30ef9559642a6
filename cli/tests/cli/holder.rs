//! The process that holds a session's key, asked by OpenSSH's own programs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::keys;
use crate::program;

struct Holder {
    child: Child,
    folder: tempfile::TempDir,
    certificate: String,
}

impl Holder {
    fn start(expires_at: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(program::path())
            .arg("hold")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let key = ssh_key::PublicKey::from_openssh(line.trim()).unwrap();
        let certificate = keys::access_certificate(&key, keys::ACCESS_CA)
            .to_openssh()
            .unwrap();
        let own = folder.path().join("session");
        std::fs::create_dir(&own).unwrap();
        let charge = serde_json::json!({
            "socket": own.join("agent.sock"), "certificate": certificate, "expires_at": expires_at,
        });
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{charge}").unwrap();
        line.clear();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        line.clear();
        assert_eq!(
            out.read_line(&mut line).unwrap(),
            0,
            "it lets go of its parent's streams"
        );
        Self {
            child,
            folder,
            certificate,
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("session/agent.sock")
    }

    fn ask(&self, program: &str, args: &[&str]) -> (bool, String) {
        let output = Command::new(program)
            .args(args)
            .env("SSH_AUTH_SOCK", self.socket())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    fn ends(mut self) -> bool {
        for _ in 0..100 {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        false
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn ssh_add_lists_the_certificate_and_can_do_nothing_else() {
    let holder = Holder::start("2096-01-01T00:00:00Z");
    let (listed, text) = holder.ask("ssh-add", &["-L"]);
    assert!(listed, "{text}");
    let shown: Vec<_> = text.split_whitespace().take(2).collect();
    let made: Vec<_> = holder.certificate.split_whitespace().take(2).collect();
    assert_eq!(shown, made);

    let key = holder.folder.path().join("key");
    std::fs::write(&key, keys::private_file(3)).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for args in [
        &["-D"][..],
        &["-x"],
        &["-e", "/x.so"],
        &[key.to_str().unwrap()],
    ] {
        let (done, text) = holder.ask("ssh-add", args);
        assert!(!done, "ssh-add {args:?}: {text}");
    }
    assert_eq!(mode(&holder.socket()), 0o600);

    std::fs::remove_dir_all(holder.folder.path().join("session")).unwrap();
    assert!(holder.ends(), "it ends with its folder");
}

#[test]
fn it_signs_no_files() {
    let holder = Holder::start("2096-01-01T00:00:00Z");
    let file = holder.folder.path().join("file");
    std::fs::write(&file, "text").unwrap();
    let public = holder.folder.path().join("key.pub");
    std::fs::write(&public, &holder.certificate).unwrap();
    let (signed, text) = holder.ask(
        "ssh-keygen",
        &[
            "-Y",
            "sign",
            "-n",
            "file",
            "-f",
            public.to_str().unwrap(),
            file.to_str().unwrap(),
        ],
    );
    assert!(!signed, "{text}");
    std::fs::remove_dir_all(holder.folder.path().join("session")).unwrap();
    assert!(holder.ends());
}

#[test]
fn it_ends_when_the_session_expires_and_leaves_nothing() {
    let soon = in_seconds(2);
    let holder = Holder::start(&soon);
    assert!(holder.socket().exists());
    let folder = holder.folder.path().join("session");
    let keep = holder.folder.path().to_owned();
    assert!(keep.exists());
    for _ in 0..100 {
        if !folder.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!folder.exists());
    assert!(holder.ends());
}

#[test]
fn it_dies_with_a_parent_that_says_nothing() {
    let mut child = Command::new(program::path())
        .arg("hold")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// The moment so many seconds from now.
fn in_seconds(seconds: u64) -> String {
    portreeve_cli::clock::now()
        .plus(Duration::from_secs(seconds))
        .to_string()
}
