//! What a host's homes, files and tools say about who gets in: `portreeve-host discover`.

use portreeve_host::fuzz::discover;

use crate::target::Target;
use crate::text::{fields, joined};

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "authorized_keys",
        feed: authorized_keys,
        seeds: || vec![KEYS.as_bytes().to_vec()],
    },
    Target {
        name: "open_key",
        feed: open_key,
        seeds: open_key_seeds,
    },
    Target {
        name: "account_files",
        feed: account_files,
        seeds: || vec![ACCOUNTS.as_bytes().to_vec()],
    },
    Target {
        name: "sudo_rules",
        feed: |bytes| !discover::sudo_rules(&lossy(bytes)).is_empty(),
        seeds: || vec![SUDO_RULES.as_bytes().to_vec()],
    },
    Target {
        name: "rule_lines",
        feed: |bytes| !discover::rule_lines(&lossy(bytes)).is_empty(),
        seeds: || vec![RULE_LINES.as_bytes().to_vec()],
    },
    Target {
        name: "sshd_settings",
        feed: |bytes| discover::sshd_settings(&lossy(bytes)),
        seeds: || vec![SSHD.as_bytes().to_vec()],
    },
    Target {
        name: "secret_names",
        feed: secret_names,
        seeds: secret_names_seeds,
    },
    Target {
        name: "mount_table",
        feed: mount_table,
        seeds: || vec![joined(&[MOUNTS, "/l/alice", "../srv/./l"])],
    },
];

const KEYS: &str = "# comment\n\
    ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB alice@laptop\n\
    from=\"192.0.2.0/24\",command=\"echo \\\"a b\\\"\" ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n";
/// `passwd`, `group`, `shadow` and `login.defs` in one; each reader takes what is its own.
const ACCOUNTS: &str = "root:x:0:0:root:/root:/bin/bash\nsudo:x:27:alice\n\
    alice:$y$j9T$salt$hash:19000:0:99999:7::20000:\nold:$1$salt$hash:1001:1001::/home/%h:\n\
    UID_MIN 1000\n";
const SUDO_RULES: &str = r#"{"Defaults":[{"Binding":[{"username":"bob"}],
    "Options":[{"authenticate":false}]}],"User_Specs":[{"User_List":[{"usergroup":"sudo"},
    {"userid":7},{"netgroup":"n","negated":true}],"Host_List":[{"hostname":"ALL"}],
    "Cmnd_Specs":[{"runasusers":[{"username":"ALL"}],"runasgroups":[{"usergroup":"ALL"}],
    "Options":[{"authenticate":false}],"Commands":[{"command":"ALL"},
    {"command":"/bin/sh","negated":true}]}]}]}"#;
const RULE_LINES: &str = "root ALL=(ALL:ALL) ALL\nADMINS ALL=(ALL) \\\n NOPASSWD: ALL\n\
    @includedir /etc/sudoers.d\npermit nopass setenv { A B=c } :wheel as root cmd ls\n\
    if (subject.isInGroup(\"ops\")) return polkit.Result.YES;\n\
    User alice may run the following commands on prod-1:\n    (ALL : ALL) NOPASSWD: ALL\n";
const SSHD: &str = "permitrootlogin yes\npasswordauthentication yes\nhostkey /etc/ssh/k\n\
    authorizedkeysfile .ssh/authorized_keys %h/k /etc/keys/%u-%U%%\ntrustedusercakeys /etc/ca\n\
    Match User alice\nInclude \"/etc/ssh/sshd_config.d/*.conf\" b\n";
const MOUNTS: &str = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
    40 22 0:35 / /home\\040all rw - nfs4 server.example.com:/home rw\n";

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What is told of foreign text fits on a line of a terminal and cannot drive it.
fn assert_told(told: &str) {
    assert!(
        told.len() <= 240 && !told.chars().any(char::is_control),
        "{told:?}"
    );
}

fn authorized_keys(bytes: &[u8]) -> bool {
    let keys = discover::authorized_keys(&lossy(bytes));
    assert!(keys.len() <= 200);
    keys.iter().for_each(|key| assert_told(key));
    !keys.is_empty()
}

fn open_key(bytes: &[u8]) -> bool {
    let key = discover::open_key(&lossy(bytes));
    key.iter().for_each(|key| assert_told(key));
    key.is_some()
}

fn open_key_seeds() -> Vec<Vec<u8>> {
    let openssh = "-----BEGIN OPENSSH PRIVATE KEY-----\n\
        b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n\
        QyNTUxOQAAACABAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQAAAAAA\n";
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n";
    let putty = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n";
    [openssh, pem, putty]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}

fn account_files(bytes: &[u8]) -> bool {
    !discover::account_files(&lossy(bytes)).is_empty()
}

fn secret_names(bytes: &[u8]) -> bool {
    let names = discover::secret_names(&lossy(bytes));
    assert!(names.len() <= 24);
    let is_name = |name: &String| {
        name.len() <= 80
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    assert!(names.iter().all(is_name), "{names:?}");
    !names.is_empty()
}

fn secret_names_seeds() -> Vec<Vec<u8>> {
    let lines =
        "export A_API_KEY='abcdef'\nEnvironment=\"B_TOKEN=abcdef\" C=1\nD_PASSWORD = \"abcdef\"\n";
    let json = r#"{"mcpServers":{"a":{"env":{"A_API_KEY":"abcdef"},
        "headers":{"Authorization":"Bearer abcdef"}}}}"#;
    [lines, json].map(|text| text.as_bytes().to_vec()).to_vec()
}

/// A table of mounts, a path, and where every link points: what comes out is absolute and has no
/// hop back.
fn mount_table(bytes: &[u8]) -> bool {
    let Some([mounts, path, target]) = fields(bytes) else {
        return false;
    };
    let way = discover::way(mounts, path, target);
    if let Some(way) = &way {
        assert!(way.is_absolute() && !way.components().any(|part| part.as_os_str() == ".."));
    }
    true
}
