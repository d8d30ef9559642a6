//! A new CA: complete, closed to others, and never over an old one.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::config::Transport;
use crate::sign::keys::{KeyStore as _, Role};
use portreeve_protocol::time::Timestamp;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn request(directory: &Path) -> Init {
    Init {
        directory: directory.to_owned(),
        url: "https://ca.example.com:8443".into(),
        listen: None,
        administrators: vec!["infra-admins".parse().unwrap()],
        review_recipients: Vec::new(),
        identity_provider: Some(provider("https://idp.example.com")),
    }
}

fn provider(url: &str) -> IdentityProvider {
    IdentityProvider {
        url: url.into(),
        client_id: "portreeve".into(),
        agent_client_id: None,
    }
}

async fn make(request: &Init) -> Result<String, InitError> {
    init(request, &Clock::fixed(NOW)).await
}

#[test]
fn what_root_is_told_to_do_next_works_for_root() {
    let unit = "systemctl enable --now portreeve-ca";
    let cases = [
        (
            "/var/lib/portreeve-ca",
            false,
            "start it: portreeve-ca serve",
        ),
        ("/var/lib/portreeve-ca", true, unit),
        (
            "/srv/ca",
            true,
            "runuser -u portreeve-ca -- portreeve-ca serve --config /srv/ca/config.toml",
        ),
    ];
    for (directory, by_root, step) in cases {
        let request = request(Path::new(directory));
        let settings = settings::Settings::of(&request).unwrap();
        let steps = text::next_steps(&settings, &request, by_root);
        assert!(steps.contains(step), "{steps}");
        let chown = format!("chown -R portreeve-ca: {directory}\n");
        assert_eq!(steps.contains(&chown), by_root, "{steps}");
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_new_ca_is_complete() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("ca");
    let steps = make(&request(&directory)).await.unwrap();
    assert!(steps.contains("portreeve-ca serve --config"), "{steps}");
    assert_eq!(
        entries(home.path()),
        std::slice::from_ref(&directory),
        "nothing else is left"
    );

    let config = config::read(&directory.join("config.toml")).unwrap();
    assert_eq!(config.issuer, "https://ca.example.com:8443");
    assert!(matches!(config.transport, Transport::Tls { .. }));
    assert_eq!(config.issuers.len(), 1);
    let keys = KeyFiles::open(&config.signer.keys).unwrap();
    assert!(keys.public_key(Role::Log).ed25519().is_some());
    let store = Store::open(&config.database, Clock::fixed(NOW))
        .await
        .unwrap();
    let policy = store.policy().await.unwrap().unwrap();
    assert!(policy.text.contains("\"infra-admins\""));
    let bundles = store.bundles().await.unwrap();
    assert_eq!(bundles.len(), 1);

    let review = std::fs::read_to_string(directory.join("review_key.txt")).unwrap();
    let secret = review.lines().find(|line| !line.starts_with('#')).unwrap();
    let identity: Identity = secret.parse().unwrap();
    assert_eq!(config.review_recipients, [identity.recipient()]);
}

#[tokio::test]
async fn nobody_else_reads_what_is_secret() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("ca");
    make(&request(&directory)).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for closed in ["", "keys", "tls", "run"] {
        assert_eq!(mode(&directory.join(closed)), 0o700, "{closed}");
    }
    for file in [
        "config.toml",
        "review_key.txt",
        "ca.db",
        "keys/access_ca",
        "keys/token",
        "tls/ca-key.pem",
        "tls/server.key",
    ] {
        assert_eq!(mode(&directory.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn an_existing_ca_is_not_touched_and_an_empty_directory_is_used() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("ca");
    std::fs::create_dir(&directory).unwrap();
    make(&request(&directory)).await.unwrap();
    let before = std::fs::read(directory.join("keys/order")).unwrap();
    assert!(matches!(
        make(&request(&directory)).await,
        Err(InitError::Taken(_))
    ));
    assert_eq!(std::fs::read(directory.join("keys/order")).unwrap(), before);
    assert_eq!(entries(home.path()), [directory]);
}

#[tokio::test]
async fn what_cannot_be_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("ca");
    let good = request(&directory);
    let nobody = Init {
        administrators: Vec::new(),
        ..good.clone()
    };
    assert!(matches!(
        make(&nobody).await,
        Err(InitError::Settings(NotInit::NoAdministrator))
    ));
    let idp = Some(provider("http://idp.example.com"));
    let bad_idp = Init {
        identity_provider: idp,
        ..good.clone()
    };
    assert!(matches!(make(&bad_idp).await, Err(InitError::Config(_))));
    let idp = Some(provider("https://idp.example.com\"\nlisten = \""));
    let hostile = Init {
        identity_provider: idp,
        ..good
    };
    assert!(matches!(make(&hostile).await, Err(InitError::Config(_))));
    assert_eq!(entries(home.path()), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn what_agents_are_handed_has_a_client_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let named = |id: &str| IdentityProvider {
        agent_client_id: Some(id.into()),
        ..provider("https://idp.example.com")
    };
    for (name, idp, expected, advised) in [
        ("none", provider("https://idp.example.com"), None, true),
        ("one", named("agents"), Some("agents"), false),
    ] {
        let directory = home.path().join(name);
        let request = Init {
            identity_provider: Some(idp),
            ..request(&directory)
        };
        let steps = make(&request).await.unwrap();
        assert_eq!(steps.contains("agent_client_id"), advised, "{steps}");
        let config = config::read(&directory.join("config.toml")).unwrap();
        assert_eq!(config.issuers[0].agent_client_id.as_deref(), expected);
    }
    let same = Init {
        identity_provider: Some(named("portreeve")),
        ..request(&home.path().join("same"))
    };
    assert!(matches!(make(&same).await, Err(InitError::Config(_))));
}

#[tokio::test]
async fn without_tls_only_on_loopback_and_with_a_named_reviewer_without_a_key() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("ca");
    let recipient = Identity::from_secret_bytes(&[9; 32]).recipient();
    let request = Init {
        url: "http://127.0.0.1:8080".into(),
        review_recipients: vec![recipient],
        identity_provider: None,
        ..request(&directory)
    };
    let steps = make(&request).await.unwrap();
    assert!(steps.contains("[[issuer]]"), "{steps}");
    let config = config::read(&directory.join("config.toml")).unwrap();
    assert_eq!(config.transport, Transport::PlainOnLoopback);
    assert_eq!(config.review_recipients, [recipient]);
    assert!(!directory.join("review_key.txt").exists() && !directory.join("tls").exists());
}

#[tokio::test]
async fn the_server_certificate_is_accepted_for_its_name_by_whoever_trusts_the_root() {
    let home = tempfile::tempdir().unwrap();
    for (n, (url, flag, name, other)) in [
        (
            "https://ca.example.com:8443",
            "-verify_hostname",
            "ca.example.com",
            "other.example.com",
        ),
        (
            "https://192.0.2.1:8443",
            "-verify_ip",
            "192.0.2.1",
            "192.0.2.2",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let directory = home.path().join(n.to_string());
        let request = Init {
            url: url.into(),
            ..request(&directory)
        };
        make(&request).await.unwrap();
        let verify = |name: &str| {
            let mut command = std::process::Command::new("openssl");
            command
                .arg("verify")
                .arg("-attime")
                .arg("1800000000")
                .arg("-CAfile");
            command.arg(directory.join("tls/ca-cert.pem")).args([
                "-purpose",
                "sslserver",
                flag,
                name,
            ]);
            command
                .arg(directory.join("tls/server.pem"))
                .output()
                .unwrap()
                .status
                .success()
        };
        assert!(verify(name), "{url}");
        assert!(!verify(other), "{url}");
    }
}
