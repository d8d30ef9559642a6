//! `portreeve-host discover` on a machine: one of each kind of standing access is planted, each is
//! found and nothing besides, and homes that mean harm do none. Needs root.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "machine/sandbox.rs"]
mod sandbox;

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::Value;

const PROGRAM: &str = "/usr/lib/portreeve/portreeve-host";

fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-euc", script]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "`{script}`: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn discover(arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("discover").args(arguments).output().unwrap()
}

/// The findings, each as a line, and the report.
fn found() -> (BTreeSet<String>, Value) {
    let output = discover(&["--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("hunter22"), "a secret is told: {text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    let lines = report["findings"].as_array().unwrap().iter().map(line);
    (lines.collect(), report)
}

fn line(found: &Value) -> String {
    let text = |name: &str| found[name].as_str().unwrap_or("-").to_owned();
    let place = match found["line"].as_u64() {
        Some(line) => format!("{}:{line}", text("path")),
        None => text("path"),
    };
    format!(
        "{} {} {} {place} {}",
        text("code"),
        text("severity"),
        text("account"),
        text("what")
    )
}

/// What was planted since `before`, with fingerprints shortened, is this and nothing else.
fn assert_planted(before: &BTreeSet<String>, now: &BTreeSet<String>, expected: &[&str]) {
    let short = |line: &String| -> String {
        let words = line
            .split(' ')
            .map(|word| match word.strip_prefix("SHA256:") {
                Some(rest) => format!("SHA256{}", &rest[43.min(rest.len())..]),
                None => word.to_owned(),
            });
        words.collect::<Vec<_>>().join(" ")
    };
    let planted: Vec<String> = now.difference(before).map(short).collect();
    let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
    assert_eq!(planted, expected, "{planted:#?}");
    assert_eq!(before.difference(now).next(), None);
}

#[test]
fn each_kind_of_standing_access_is_found_and_nothing_else() {
    sandbox::run(
        "each_kind_of_standing_access_is_found_and_nothing_else",
        || {
            sh(HOST_KEY);
            let (before, report) = found();
            assert_eq!(report["complete"], true, "{before:#?}");
            sh(PLANT);
            let (now, report) = found();
            assert_planted(&before, &now, PLANTED);
            assert_eq!(report["complete"], true);
            let aged = report["findings"].as_array().unwrap().iter();
            let mut logins = aged.filter(|found| found["code"] == "SA141");
            assert_eq!(
                logins.next().unwrap()["last_login"],
                "2023-11-14T22:13:20.000000Z"
            );
            assert!(report["codes"]["SA130"]["advice"].is_string());

            let table = discover(&[]);
            assert_eq!(table.status.code(), Some(5));
            let table = String::from_utf8(table.stdout).unwrap();
            assert!(table.contains("\nalice\n") && table.contains("/etc/sudoers.d/ops:2"));
        },
    );
}

/// sshd says nothing without a key.
const HOST_KEY: &str = "ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key";

/// One of each kind.
const PLANT: &str = r#"
    for name in alice bob carol dave; do useradd --create-home --shell /bin/bash $name; done
    chmod 755 /home/alice
    echo alice:hunter22-secret | chpasswd
    passwd --quiet --delete bob
    useradd --shell /bin/bash --password '$1$abcdefgh$hunter22hunter22hunter' old
    useradd --non-unique --uid 0 --shell /bin/bash toor
    useradd --shell /bin/bash --uid 1500 --password '$6$a$hunter22' pr-0123456789abcdef
    useradd --shell /bin/bash --password '$6$a$hunter22' --expiredate 2001-01-01 gone

    install -d -m 700 -o alice -g alice /home/alice/.ssh
    install -d -m 700 /root/.ssh
    ssh-keygen -q -t ed25519 -N '' -C deploy -f /home/alice/.ssh/id_ed25519
    ssh-keygen -q -t ecdsa -N 'hunter22' -f /home/alice/.ssh/closed
    ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -f /home/alice/aws.pem
    chmod 644 /home/alice/aws.pem
    cp /home/alice/.ssh/id_ed25519 /etc/ssh/tunnel_key
    cp /home/alice/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
    {
        echo '# keys'
        echo "from=\"192.0.2.1\",command=\"uptime\" $(cat /home/alice/.ssh/closed.pub | cut -d' ' -f1,2) backup"
        echo "cert-authority $(cat /home/alice/.ssh/id_ed25519.pub)"
    } >/home/alice/.ssh/authorized_keys
    useradd --system --shell /bin/bash --create-home svc
    useradd --system --shell /usr/sbin/nologin idle
    install -d -m 700 /home/svc/.ssh
    cp /home/alice/.ssh/id_ed25519.pub /home/svc/.ssh/authorized_keys2
    perl -e 'open F, "+<", "/var/log/lastlog"; seek F, 292 * (getpwnam "svc")[2], 0; print F pack "L", 1700000000'

    {
        echo 'User_Alias OPS = alice, %ops'
        echo 'OPS ALL=(ALL) NOPASSWD: ALL'
        echo 'bob ALL=(root) NOPASSWD: /usr/bin/ss, /usr/bin/id, PASSWD: /usr/bin/cat'
        echo 'dave ALL=(ALL) /usr/bin/id'
        echo 'carol elsewhere=(ALL) NOPASSWD: ALL'
        echo 'carol ALL=(root) /usr/bin/id'
        echo '%staffers ALL=(ALL:ALL) \'
        echo '    ALL'
        echo 'pr-fedcba9876543210 ALL=(root) NOPASSWD: /usr/bin/ss'
    } >/etc/sudoers.d/ops
    groupadd staffers
    gpasswd --add carol staffers >/dev/null
    getent group docker >/dev/null || groupadd docker
    gpasswd --add dave docker >/dev/null
    echo 'permit nopass dave as root cmd id' >/etc/doas.conf
    mkdir -p /etc/polkit-1/rules.d
    echo 'if (subject.isInGroup("ops")) return polkit.Result.YES;' >/etc/polkit-1/rules.d/ops.rules

    ssh-keygen -q -t ed25519 -N '' -C corp -f /tmp/ca
    cp /tmp/ca.pub /etc/ssh/corp_ca.pub
    { echo 'TrustedUserCAKeys /etc/ssh/corp_ca.pub'
      echo 'AuthorizedPrincipalsFile /etc/ssh/principals/%u'
      echo 'AuthorizedKeysCommand /usr/bin/true %u'
      echo 'AuthorizedKeysCommandUser nobody'
    } >>/etc/ssh/sshd_config
    mkdir /etc/ssh/principals
    printf '# who\ndbas\n' >/etc/ssh/principals/dave

    cd /home/alice
    mkdir -p .aws .kube .cursor app
    printf '[default]\naws_secret_access_key = hunter22\n' >.aws/credentials
    printf 'users:\n- user:\n    token: hunter22\n' >.kube/config
    chmod 600 .aws/credentials
    chmod 644 .kube/config
    echo 'registry=https://registry.example.com' >.npmrc
    echo '{"mcpServers":{"db":{"env":{"DB_API_KEY":"hunter22","MODE":"hunter22"}}}}' >.cursor/mcp.json
    echo 'STRIPE_API_KEY=hunter22' >app/.env
    chmod 600 .cursor/mcp.json app/.env
    chown -R alice: .
    echo 'CI_TOKEN=hunter22' >>/etc/environment
    mkdir -p /etc/systemd/system
    printf '[Service]\nEnvironment=APP_SECRET=hunter22 MODE=x\nEnvironmentFile=-/etc/app.env\n' \
        >/etc/systemd/system/app.service
    echo 'DB_PASSWORD=hunter22' >/etc/app.env
    chmod 600 /etc/app.env
"#;

/// What of it is to be found.
const PLANTED: &[&str] = &[
    "SA101 high root /root/.ssh/authorized_keys:1 ssh-ed25519 SHA256 (deploy)",
    "SA101 medium alice /home/alice/.ssh/authorized_keys:2 ecdsa-sha2-nistp256 SHA256 from=\"192.0.2.1\" command=\"uptime\" (backup)",
    "SA101 medium svc /home/svc/.ssh/authorized_keys2:1 ssh-ed25519 SHA256 (deploy)",
    "SA102 high alice /home/alice/.ssh/authorized_keys:3 ssh-ed25519 SHA256 (deploy)",
    "SA103 high - /etc/ssh/corp_ca.pub:1 ssh-ed25519 SHA256 (corp)",
    "SA104 medium - - `AuthorizedKeysCommand /usr/bin/true %u`",
    "SA105 medium dave /etc/ssh/principals/dave dbas",
    "SA110 medium alice - kept as yescrypt; sshd takes it",
    "SA110 medium old - kept as MD5; sshd takes it",
    "SA110 medium pr-0123456789abcdef - kept as SHA-512; sshd takes it",
    "SA111 high bob - anybody logs in by `su` and at the console; sshd takes no empty password",
    "SA112 medium old - kept as MD5",
    "SA113 high toor - it is root under another name",
    "SA120 high alice /home/alice/aws.pem a key in the format PEM; others can read it",
    "SA120 medium - /etc/ssh/tunnel_key ssh-ed25519 SHA256; it opens here alice, root, svc",
    "SA120 medium alice /home/alice/.ssh/id_ed25519 ssh-ed25519 SHA256; it opens here alice, root, svc",
    "SA130 high alice /etc/sudoers.d/ops:2 (ALL) NOPASSWD: ALL",
    "SA131 medium carol /etc/sudoers.d/ops:7 (ALL:ALL) ALL; by the group `staffers`",
    "SA132 medium bob /etc/sudoers.d/ops:3 (root) NOPASSWD: /usr/bin/ss, /usr/bin/id",
    "SA133 medium dave /etc/doas.conf:1 permit nopass dave as root cmd id",
    "SA134 medium - /etc/polkit-1/rules.d/ops.rules:1 the file names the groups ops",
    "SA135 high dave - `docker`, which starts containers as root with the host's disk in them",
    "SA136 low dave /etc/sudoers.d/ops:4 (ALL) /usr/bin/id",
    "SA140 medium svc - by a key, with the shell /bin/bash",
    "SA141 low svc - its UID is one of services",
    "SA150 medium alice /home/alice/.aws/credentials AWS access keys; alice, mode 0600",
    "SA151 high alice /home/alice/.kube/config Kubernetes credentials; alice, mode 0644, everybody can read it",
    "SA152 high - /etc/environment environment of all logins: CI_TOKEN; root, mode 0644, everybody can read it",
    "SA152 high - /etc/systemd/system/app.service environment of a service: APP_SECRET; root, mode 0644, everybody can read it",
    "SA152 medium - /etc/app.env environment that a service reads: DB_PASSWORD; root, mode 0600",
    "SA152 medium alice /home/alice/.cursor/mcp.json MCP servers of Cursor: DB_API_KEY; alice, mode 0600",
    "SA152 medium alice /home/alice/app/.env environment of a program: STRIPE_API_KEY; alice, mode 0600",
];

#[test]
fn a_home_that_means_harm_does_none() {
    sandbox::run("a_home_that_means_harm_does_none", || {
        sh(HOST_KEY);
        let (before, _) = found();
        sh(HOSTILE);
        let (now, report) = found();
        assert_planted(&before, &now, HOSTILE_FOUND);
        assert_eq!(report["complete"], false);
        let table = String::from_utf8(discover(&[]).stdout).unwrap();
        assert!(!table.contains(|c: char| c.is_control() && c != '\n'));
        assert!(!table.contains('\u{202e}'));
    });
}

/// Pipes, links, sizes, numbers and escape sequences.
const HOSTILE: &str = r#"
    useradd --create-home --shell /bin/bash mallory
    cd /home/mallory
    mkdir .ssh .aws .config project
    mkfifo .ssh/id_rsa .netrc project/.env
    ln -s /etc/shadow .ssh/authorized_keys
    ln -s /proc/self/environ .env
    ln -s / .config/gh
    ln -s /dev/zero .vault-token
    ln -s .bashrc .pgpass
    truncate --size 1T .aws/credentials .mcp.json
    ssh-keygen -q -t ed25519 -N '' -f /tmp/key
    printf '%s \033[2J\342\200\256evil\n' "$(cut -d' ' -f1,2 /tmp/key.pub)" >.ssh/authorized_keys2
    for number in $(seq 1000); do : >.ssh/$number; done
    printf 'X_TOKEN=%s\n' "$(printf '\033]0;hunter22\007')" >.profile
    mkfifo "$(printf 'evil\033[2J.pem')"
    useradd --create-home --shell /bin/bash --home-dir /home/linked linked
    rm -r /home/linked
    ln -s /root /home/linked
"#;

const HOSTILE_FOUND: &[&str] = &[
    "SA101 medium mallory /home/mallory/.ssh/authorized_keys2:1 ssh-ed25519 SHA256 (\\u{1b}[2J�evil)",
    "SA151 high mallory /home/mallory/.pgpass PostgreSQL passwords; mallory, mode 0644, everybody can read it",
    "SA152 high mallory /home/mallory/.profile environment of logins: X_TOKEN; mallory, mode 0644, everybody can read it",
    "SA190 low mallory /home/mallory/.aws/credentials it is larger than 1048576 bytes",
    "SA190 low mallory /home/mallory/.config/gh/hosts.yml a link leads elsewhere, or another file system lies on the way",
    "SA190 low mallory /home/mallory/.env a link leads elsewhere, or another file system lies on the way",
    "SA190 low mallory /home/mallory/.mcp.json it is larger than 8388608 bytes",
    "SA190 low mallory /home/mallory/.netrc it is no plain file",
    "SA190 low mallory /home/mallory/.ssh only 512 of its files were looked at",
    "SA190 low mallory /home/mallory/.ssh/authorized_keys a link leads elsewhere, or another file system lies on the way",
    "SA190 low mallory /home/mallory/.ssh/id_rsa it is no plain file",
    "SA190 low mallory /home/mallory/.vault-token a link leads elsewhere, or another file system lies on the way",
    "SA190 low mallory /home/mallory/evil\\u{1b}[2J.pem it is no plain file",
];
