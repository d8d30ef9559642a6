//! The process as the server and as OpenSSH see it: the real socket, the real key files, and
//! `ssh-keygen` as the judge of what comes out.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use portreeve_protocol::checkpoint::{Checkpoint, VerifierKey};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::token::{Header, Jwk};

use super::*;
use crate::sign::examples::{self, NOW};
use crate::sign::{Kind, LogHead, PublicKeys, Refusal, SignerClient, SignerError};

/// A running signer; its thread ends with the test process.
struct Running {
    home: tempfile::TempDir,
    client: SignerClient,
}

impl Running {
    async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let keys = home.path().join("keys");
        KeyFiles::create(&keys).unwrap();
        let config = SignerConfig {
            socket: home.path().join("run/signer.sock"),
            keys,
            spawn: false,
            server_uid: None,
            limits: examples::limits(),
        };
        let client = SignerClient::new(config.socket.clone());
        let socket = config.socket.clone();
        std::thread::spawn(move || run(&config, &Clock::fixed(NOW), Until::Stopped));
        while !socket.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Self { home, client }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// What `ssh-keygen -L` says of a certificate, without its leading blanks.
    fn shown(&self, certificate: &str) -> String {
        let path = self.file("certificate.pub", certificate);
        let output = Command::new("ssh-keygen")
            .arg("-L")
            .arg("-f")
            .arg(path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
    }
}

fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

/// What stands between two headings of `ssh-keygen -L`.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let rest = text.split_once(from).unwrap().1;
    rest.split_once(to).map_or(rest, |(part, _)| part).trim()
}

#[tokio::test]
async fn openssh_reads_the_access_certificate() {
    let signer = Running::start().await;
    let keys = signer.client.public_keys().await.unwrap();
    let spec = examples::access();
    let text = signer.shown(
        &signer
            .client
            .access_certificate(spec.clone())
            .await
            .unwrap(),
    );
    let account = spec.session.account();
    holds(
        &text,
        &[
            "user certificate",
            &format!("Signing CA: ED25519 {}", keys.access_ca.fingerprint()),
            "Serial: 11",
            &format!(
                "Key ID: \"portreeve access session={} human=alice@example.com agent=soc/forensics task=INC-4711\"",
                spec.session
            ),
        ],
    );
    assert_eq!(between(&text, "Principals:", "Critical"), account.as_str());
    // Options that are not OpenSSH's own are shown by name and length; a string has four bytes more.
    let options = between(&text, "Options:", "Extensions:");
    holds(
        options,
        &[
            "bastion@portreeve UNKNOWN OPTION",
            "source-address 192.0.2.7/32",
        ],
    );
    assert_eq!(options.lines().count(), 2, "{options}");
    let extensions = between(&text, "Extensions:", "\n\n");
    holds(
        extensions,
        &["bundle@portreeve", "grant@portreeve", "session@portreeve"],
    );
    assert_eq!(extensions.lines().count(), 3, "{extensions}");
}

#[tokio::test]
async fn openssh_reads_session_and_control_certificates() {
    let signer = Running::start().await;
    let keys = signer.client.public_keys().await.unwrap();
    let (session, control, _) = signer
        .client
        .session(examples::session(), examples::control(), examples::order())
        .await
        .unwrap();
    let ca = format!("Signing CA: ED25519 {}", keys.session_ca.fingerprint());
    let sources = "source-address 192.0.2.20/32,2001:db8::20/128";

    let text = signer.shown(&session);
    holds(
        &text,
        &[
            "user certificate",
            &ca,
            "Serial: 12",
            "Key ID: \"portreeve session ",
        ],
    );
    let principal = format!("{}@prod-1.example.com", examples::session_id().account());
    assert_eq!(between(&text, "Principals:", "Critical"), principal);
    assert_eq!(between(&text, "Options:", "Extensions:"), sources);
    assert_eq!(between(&text, "Extensions:", "\n\n"), "permit-pty");

    let text = signer.shown(&control);
    holds(
        &text,
        &[
            "user certificate",
            &ca,
            "Serial: 13",
            "Key ID: \"portreeve control ",
        ],
    );
    assert_eq!(
        between(&text, "Principals:", "Critical"),
        "portreeve@prod-1.example.com"
    );
    assert_eq!(between(&text, "Options:", "Extensions:"), sources);
    assert_eq!(between(&text, "Extensions:", "\n\n"), "(none)");
}

#[tokio::test]
async fn openssh_reads_the_bastion_host_certificate() {
    let signer = Running::start().await;
    let spec = examples::bastion_host();
    let text = signer.shown(&signer.client.bastion_host_certificate(spec).await.unwrap());
    holds(
        &text,
        &[
            "host certificate",
            "Serial: 14",
            "Key ID: \"portreeve bastion east\"",
        ],
    );
    assert_eq!(
        between(&text, "Principals:", "Critical"),
        "east.bastion.portreeve"
    );
    holds(&text, &["Critical Options: (none)", "Extensions: (none)"]);
}

#[tokio::test]
async fn openssh_verifies_the_order() {
    let signer = Running::start().await;
    let PublicKeys { order: key, .. } = signer.client.public_keys().await.unwrap();
    let (_, _, order) = signer
        .client
        .session(examples::session(), examples::control(), examples::order())
        .await
        .unwrap();
    assert_eq!(*order.verify(&key).unwrap().get(), examples::order());
    let allowed = signer.file("allowed", &format!("ca {key}\n"));
    let signature = signer.file("order.sig", order.signature());
    let verify = |payload: &str| {
        let payload = std::fs::File::open(signer.file("order.json", payload)).unwrap();
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "verify", "-I", "ca", "-n", "order@portreeve", "-f"]);
        command
            .arg(&allowed)
            .arg("-s")
            .arg(&signature)
            .stdin(payload);
        command.output().unwrap().status.success()
    };
    assert!(verify(order.unverified_payload()));
    assert!(!verify(
        &order.unverified_payload().replace("prod-1", "prod-2")
    ));
}

#[tokio::test]
async fn tokens_and_checkpoints_verify_with_the_published_keys() {
    let signer = Running::start().await;
    let keys = signer.client.public_keys().await.unwrap();

    let token = signer.client.token(examples::claims()).await.unwrap();
    let (input, signature) = token.expose().rsplit_once('.').unwrap();
    let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(&keys.token.ed25519().unwrap()).unwrap();
    key.verify_strict(input.as_bytes(), &signature).unwrap();
    let header = Base64UrlUnpadded::decode_vec(input.split_once('.').unwrap().0).unwrap();
    let header: Header = serde_json::from_slice(&header).unwrap();
    let thumbprint = Jwk::of(&keys.token).unwrap().thumbprint();
    assert_eq!(
        (header.alg.as_str(), header.typ.as_str()),
        ("EdDSA", "at+jwt")
    );
    assert_eq!(header.kid, Some(thumbprint));

    let head = LogHead {
        size: 3,
        root: Digest::of(b"root"),
    };
    let note = signer.client.checkpoint(head).await.unwrap();
    let key: VerifierKey = keys.log_verifier.parse().unwrap();
    let checkpoint = Checkpoint::open(&note, &key).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (head.size, head.root));
    let back = LogHead { size: 2, ..head };
    let refused = signer.client.checkpoint(back).await.unwrap_err();
    assert!(matches!(
        refused,
        SignerError::Refused(Refusal::Shape {
            kind: Kind::Checkpoint,
            ..
        })
    ));
}

#[tokio::test]
async fn many_callers_share_one_connection_and_each_gets_its_own_answer() {
    let signer = Running::start().await;
    let tasks: Vec<_> = (1..50_u64)
        .map(|serial| {
            let client = signer.client.clone();
            let spec = crate::sign::AccessSpec {
                serial,
                ..examples::access()
            };
            tokio::spawn(async move { (serial, client.access_certificate(spec).await.unwrap()) })
        })
        .collect();
    for task in tasks {
        let (serial, line) = task.await.unwrap();
        let certificate = ssh_key::Certificate::from_openssh(&line).unwrap();
        assert_eq!(certificate.serial(), serial);
    }
}

#[tokio::test]
async fn a_signer_that_is_not_there_is_said_to_be_unreachable() {
    let client = SignerClient::new(PathBuf::from("/nonexistent/signer.sock"));
    let error = client.public_keys().await.unwrap_err();
    assert!(matches!(error, SignerError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn what_is_not_understood_ends_the_connection_and_nothing_else() {
    use std::io::{Read as _, Write as _};
    let signer = Running::start().await;
    let socket: &Path = &signer.home.path().join("run/signer.sock");
    for bytes in [&[0xff; 8][..], b"\0\0\0\x02{}", b"\0\0\0\x04null"] {
        let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A reset is as good an end as a close.
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, b"");
    }
    assert!(signer.client.public_keys().await.is_ok());
}
