//! What the program says by its exit code before it does anything.

#![expect(
    clippy::unwrap_used,
    reason = "a program that cannot be started has failed"
)]

use std::path::Path;
use std::process::Command;

/// A configuration with a recording store whose credential this user cannot read.
const CONFIG: &str = r#"
url = "https://ca.example.com"
listen = "127.0.0.1:0"
insecure_http = true
review_recipients = ["age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"]
[store]
endpoint = "https://s3.example.com"
bucket = "recordings"
credentials = "credentials"
"#;

fn portreeve_ca(command: &[&str], config: &Path) -> (Option<i32>, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_portreeve-ca"))
        .args(command)
        .arg("--config")
        .arg(config)
        .output()
        .unwrap();
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

#[test]
fn the_server_wants_the_recording_store_and_the_signer_does_not_look_at_it() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    std::fs::write(&config, CONFIG).unwrap();

    let (exit, said) = portreeve_ca(&["serve", "--allow-root"], &config);
    assert_eq!(exit, Some(3), "{said}");
    assert!(said.contains("credentials` cannot be read"), "{said}");

    // It goes on to its keys, of which there are none.
    let (exit, said) = portreeve_ca(&["signer", "--allow-root"], &config);
    assert_eq!(exit, Some(4), "{said}");
    assert!(!said.contains("credentials"), "{said}");
}

/// Only where the tests run as root. With this exit code no unit starts it again.
#[test]
fn root_serves_only_when_it_says_so() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    for command in ["serve", "signer"] {
        let (exit, said) = portreeve_ca(&[command], Path::new("/nowhere.toml"));
        assert_eq!(exit, Some(3), "{said}");
        assert!(said.contains("this runs as root"), "{said}");
    }
}
