//! A real sshd, in a mount namespace where the accounts of sessions exist.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::AccountName;
use ssh_key::LineEnding;

use crate::mint::{key, public};

/// The seeds of sshd's host key and of the session CA, as `Mint` has them.
const HOST_KEY: u8 = 8;
const SESSION_CA: u8 = 2;
/// The first user id of sessions, as far from real ones as can be.
const FIRST_UID: u32 = 61_000;

pub(crate) struct Sshd {
    child: Child,
    pub(crate) port: u16,
}

impl Sshd {
    /// Starts it with these accounts; control programs connect to `daemon_port`.
    pub(crate) fn start(folder: &Path, accounts: &[AccountName], daemon_port: u16) -> Self {
        let port = free_port();
        // sshd wants every folder above its files to be root's and nobody else's.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        secret(
            &folder.join("host_key"),
            &key(HOST_KEY).to_openssh(LineEnding::LF).unwrap(),
        );
        fs::write(
            folder.join("session_ca.pub"),
            format!("{}\n", public(&key(SESSION_CA))),
        )
        .unwrap();
        let control = folder.join("control");
        fs::write(
            &control,
            format!("#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/{daemon_port}\ncat <&3 &\ncat >&3\nkill $!\n"),
        )
        .unwrap();
        fs::set_permissions(&control, fs::Permissions::from_mode(0o755)).unwrap();
        accounts_files(folder, accounts);
        fs::write(folder.join("sshd_config"), config(folder, port)).unwrap();
        let d = folder.display();
        let script = format!(
            "mount --make-rprivate / && for f in passwd group shadow; do mount --bind {d}/$f /etc/$f || exit 1; done && \
             mkdir -p /run/sshd && exec /usr/sbin/sshd -D -e -f {d}/sshd_config"
        );
        let log = fs::File::create(folder.join("sshd.log")).unwrap();
        let child = Command::new("unshare")
            .args([
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                &script,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("`unshare` of util-linux, as root");
        let sshd = Self { child, port };
        sshd.wait(folder);
        sshd
    }

    fn wait(&self, folder: &Path) {
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "sshd does not come up: {}",
            fs::read_to_string(folder.join("sshd.log")).unwrap()
        );
    }

    pub(crate) fn host_key() -> PublicKey {
        public(&key(HOST_KEY))
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

pub(crate) fn secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn accounts_files(folder: &Path, accounts: &[AccountName]) {
    let read = |name: &str| fs::read_to_string(format!("/etc/{name}")).unwrap();
    let (mut passwd, mut group, mut shadow) = (read("passwd"), read("group"), read("shadow"));
    let names = ["portreeve".to_owned()]
        .into_iter()
        .chain(accounts.iter().map(ToString::to_string));
    for (name, id) in names.zip(FIRST_UID..) {
        let home = folder.join(&name);
        fs::create_dir(&home).unwrap();
        chown(&home, Some(id), Some(id)).unwrap();
        passwd += &format!("{name}:x:{id}:{id}::{}:/bin/bash\n", home.display());
        group += &format!("{name}:x:{id}:\n");
        shadow += &format!("{name}:*:19000:0:99999:7:::\n");
    }
    fs::write(folder.join("passwd"), passwd).unwrap();
    fs::write(folder.join("group"), group).unwrap();
    secret(&folder.join("shadow"), &shadow);
}

fn config(folder: &Path, port: u16) -> String {
    let d = folder.display();
    format!(
        "Port {port}
ListenAddress 127.0.0.1
HostKey {d}/host_key
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
MaxStartups 100
LogLevel VERBOSE
Match User portreeve
    TrustedUserCAKeys {d}/session_ca.pub
    AuthorizedPrincipalsCommand /bin/echo %u@prod-1.example.com
    AuthorizedPrincipalsCommandUser nobody
    AuthorizedKeysFile none
    ForceCommand {d}/control
    PermitTTY no
Match User pr-*
    TrustedUserCAKeys {d}/session_ca.pub
    AuthorizedPrincipalsCommand /bin/echo %u@prod-1.example.com
    AuthorizedPrincipalsCommandUser nobody
    AuthorizedKeysFile none
    DisableForwarding yes
"
    )
}
