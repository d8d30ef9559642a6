//! What OpenSSH's client is told: `ssh_config` and `known_hosts` of a session, and the lines by
//! which plain `ssh` finds them. Pure: text from values.

use std::fmt::Write as _;
use std::path::Path;

use portreeve_protocol::certificate::bastion_principal;
use portreeve_protocol::name::HostName;
use portreeve_protocol::session::BastionContact;

use crate::session::address::Address;

/// How a session's key is at hand.
#[derive(Debug, Clone, Copy)]
pub enum KeyAt<'a> {
    /// Behind a holder's socket.
    Socket(&'a Path),
    /// In a file, with the certificate in another.
    File {
        /// The private key.
        key: &'a Path,
        /// The certificate.
        certificate: &'a Path,
    },
}

/// A path cannot be written into an ssh_config file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the path `{0}` has a quote or a line feed in it, which ssh_config cannot express")]
pub struct NotExpressible(String);

/// `known_hosts`: the bastion is whoever has a host certificate of this CA for this name.
#[must_use]
pub fn known_hosts(bastion: &BastionContact) -> String {
    format!(
        "@cert-authority {} {}\n",
        bastion_principal(&bastion.name),
        bastion.host_ca
    )
}

/// The `Host` block by which `ssh HOST` uses a session.
///
/// # Errors
/// When a path cannot be written.
pub fn host_block(
    host: &HostName,
    account: &str,
    bastion: &BastionContact,
    address: &Address,
    known_hosts: &Path,
    key: KeyAt<'_>,
) -> Result<String, NotExpressible> {
    let mut lines = vec![
        format!("HostName {}", address.host()),
        format!("Port {}", address.port()),
        format!("User {account}"),
        format!("HostKeyAlias {}", bastion_principal(&bastion.name)),
        format!("UserKnownHostsFile {}", quoted(known_hosts)?),
        "GlobalKnownHostsFile /dev/null".into(),
        "StrictHostKeyChecking yes".into(),
        "UpdateHostKeys no".into(),
        "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com".into(),
        "PreferredAuthentications publickey".into(),
        // A certificate that is refused must not become a question to an agent.
        "BatchMode yes".into(),
        "ForwardAgent no".into(),
        "ForwardX11 no".into(),
        "ProxyCommand none".into(),
        "ProxyJump none".into(),
        "CanonicalizeHostname no".into(),
    ];
    match key {
        KeyAt::Socket(socket) => {
            lines.push(format!("IdentityAgent {}", quoted(socket)?));
            lines.push("IdentityFile none".into());
            lines.push("IdentitiesOnly no".into());
        }
        KeyAt::File { key, certificate } => {
            lines.push("IdentityAgent none".into());
            lines.push(format!("IdentityFile {}", quoted(key)?));
            lines.push(format!("CertificateFile {}", quoted(certificate)?));
            lines.push("IdentitiesOnly yes".into());
        }
    }
    let mut block = format!("Host {host}\n");
    for line in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(block, "    {line}");
    }
    Ok(block)
}

/// The lines by which plain `ssh` makes a session ready for these hosts and then uses it.
///
/// `Match exec` runs our program while the file is read, so what it writes is there when the
/// `Include` below it is read. If it fails, the second block keeps ssh from trying the host
/// directly.
///
/// # Errors
/// When a pattern or a path cannot be written.
pub fn snippet(hosts: &[String], program: &Path, runtime: &Path) -> Result<String, NotExpressible> {
    for host in hosts {
        let plain = |b: u8| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'*' | b'?' | b'!')
        };
        if host.is_empty() || !host.bytes().all(plain) {
            return Err(NotExpressible(host.clone()));
        }
    }
    let hosts = hosts.join(",");
    let include = quoted(&runtime.join("ssh").join("*.conf"))?;
    let program = program
        .to_str()
        .filter(|path| !path.contains(['"', '\'', '\n', '%']))
        .ok_or_else(|| NotExpressible(program.display().to_string()))?;
    Ok(format!(
        "# Hosts behind Portreeve: ssh asks for a session and uses it.\n\
         # Which session is asked for stands in PORTREEVE_TICKET, PORTREEVE_PURPOSE and PORTREEVE_BUNDLE.\n\
         Match originalhost {hosts} exec \"'{program}' ssh-prepare -- '%n'\"\n    \
             Include {include}\n\
         Match originalhost {hosts}\n    \
             ProxyCommand false\n    \
             LogLevel QUIET\n\
         Match all\n"
    ))
}

/// A path as an argument of ssh_config, which expands percent signs.
fn quoted(path: &Path) -> Result<String, NotExpressible> {
    match path.to_str() {
        Some(text) if !text.contains(['"', '\n', '\r', '\\', '$']) => {
            Ok(format!("\"{}\"", text.replace('%', "%%")))
        }
        _ => Err(NotExpressible(path.display().to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::request::tests::granted;
    use std::process::Command;

    fn example(key: KeyAt<'_>) -> String {
        let granted = granted();
        let (bastion, address) = granted.bastions().next().unwrap();
        host_block(
            &"prod-1".parse().unwrap(),
            "pr-0123456789abcdef",
            bastion,
            address,
            Path::new("/run/user/1000/portreeve/s 1/known_hosts"),
            key,
        )
        .unwrap()
    }

    /// What the real ssh makes of a configuration.
    fn resolved(config: &str, host: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, config).unwrap();
        let output = Command::new("ssh")
            .arg("-F")
            .arg(&path)
            .args(["-G", host])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn ssh_understands_a_session_with_its_key_behind_a_socket() {
        let text = resolved(
            &example(KeyAt::Socket(Path::new(
                "/run/user/1000/portreeve/s 1/agent.sock",
            ))),
            "prod-1",
        );
        for line in [
            "hostname bastion.example.com",
            "port 2222",
            "user pr-0123456789abcdef",
            "hostkeyalias b1.bastion.portreeve",
            "identityagent /run/user/1000/portreeve/s 1/agent.sock",
            "identityfile none",
            "stricthostkeychecking true",
            "batchmode yes",
            "forwardagent no",
        ] {
            assert!(
                text.lines().any(|l| l == line),
                "`{line}` is not in\n{text}"
            );
        }
        assert!(!text.contains("proxycommand"), "{text}");
    }

    #[test]
    fn ssh_understands_a_session_with_its_key_in_a_file() {
        let key = KeyAt::File {
            key: Path::new("/run/k"),
            certificate: Path::new("/run/c.pub"),
        };
        let text = resolved(&example(key), "prod-1");
        assert!(text.contains("\nidentityfile /run/k\n"), "{text}");
        assert!(text.contains("\ncertificatefile /run/c.pub\n"), "{text}");
    }

    #[test]
    fn plain_ssh_prepares_a_session_or_goes_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().join("run time");
        std::fs::create_dir_all(runtime.join("ssh")).unwrap();
        let program = |content: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            let path = folder.path().join("portreeve");
            std::fs::write(&path, format!("#!/bin/sh\n{content}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let conf = runtime.join("ssh/prod-1.conf");
        let prepares = program(&format!(
            "[ \"$*\" = 'ssh-prepare -- prod-1' ] || exit 3\nprintf 'Host prod-1\\n  User pr-1\\n  ProxyCommand none\\n' > '{}'",
            conf.display()
        ));
        let hosts = ["prod-*".to_owned(), "db.example.com".to_owned()];
        let config = snippet(&hosts, &prepares, &runtime).unwrap();
        let text = resolved(&config, "prod-1");
        assert!(
            text.contains("\nuser pr-1\n") && !text.contains("proxycommand"),
            "{text}"
        );
        assert!(!resolved(&config, "elsewhere").contains("proxycommand"));

        std::fs::remove_file(&conf).unwrap();
        program("exit 1");
        assert!(resolved(&config, "prod-1").contains("\nproxycommand false\n"));
    }

    #[test]
    fn patterns_hold_nothing_but_a_pattern() {
        let make = |host: &str| {
            snippet(
                &[host.to_owned()],
                Path::new("/usr/bin/portreeve"),
                Path::new("/run/x"),
            )
        };
        assert!(make("*.prod.example.com").is_ok());
        for bad in ["", "a b", "a\nHost *", "a\"b", "a,b"] {
            assert!(make(bad).is_err(), "{bad}");
        }
        let odd = Path::new("/run/\"x");
        assert!(snippet(&["a".to_owned()], Path::new("/usr/bin/portreeve"), odd).is_err());
    }

    #[test]
    fn known_hosts_trusts_the_host_ca_for_the_bastions_name() {
        let granted = granted();
        let (bastion, _) = granted.bastions().next().unwrap();
        let text = known_hosts(bastion);
        assert!(
            text.starts_with("@cert-authority b1.bastion.portreeve ssh-ed25519 AAAA"),
            "{text}"
        );
    }
}
