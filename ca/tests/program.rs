//! What the program says by its exit code before it does anything.

#![expect(
    clippy::unwrap_used,
    reason = "a program that cannot be started has failed"
)]

#[path = "../../tests/harness/as_root.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is public")]
mod as_root;

use std::path::Path;
use std::process::Command;

use as_root::as_root;

const PROGRAM: &str = env!("CARGO_BIN_EXE_portreeve-ca");

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

/// The exit code, and what was said.
fn said(mut program: Command, args: &[&str], config: &Path) -> (Option<i32>, String) {
    let done = program.args(args).arg("--config").arg(config);
    let done = done.output().unwrap();
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

fn portreeve_ca(command: &[&str], config: &Path) -> (Option<i32>, String) {
    said(Command::new(PROGRAM), command, config)
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

/// A folder that is mounted later must not keep everybody out meanwhile; what is no folder will never be one.
#[test]
fn the_server_starts_without_the_folder_of_recordings_but_not_with_something_else_there() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let folder = "[store]\nfolder = \"recordings\"\n";
    let (head, _) = CONFIG.split_once("[store]").unwrap();
    std::fs::write(&config, format!("{head}{folder}")).unwrap();

    // It goes on to its signer, which has no keys.
    let (exit, said) = portreeve_ca(&["serve", "--allow-root"], &config);
    assert_eq!(exit, Some(4), "{said}");

    std::fs::write(directory.path().join("recordings"), "").unwrap();
    let (exit, said) = portreeve_ca(&["serve", "--allow-root"], &config);
    assert_eq!(exit, Some(3), "{said}");
    assert!(said.contains("`store.folder`"), "{said}");
    assert!(said.contains("it is no folder"), "{said}");
}

/// A CA that is complete, so that nothing but who calls is in the way. With exit code 3 no unit starts it again.
#[test]
fn root_serves_and_signs_only_when_it_says_so() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("ca");
    let made = Command::new(PROGRAM)
        .args(["init", "--issuer", "http://127.0.0.1:1"])
        .args(["--admin", "alice@example.com", "--dir"])
        .arg(&directory)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let config = directory.join("config.toml");
    for command in ["serve", "signer"] {
        let (exit, told) = said(as_root(PROGRAM), &[command], &config);
        assert_eq!(exit, Some(3), "{told}");
        assert!(told.contains("this runs as root"), "{told}");
        assert!(told.contains("--allow-root"), "{told}");
    }
    let sockets = std::fs::read_dir(directory.join("run")).unwrap().count();
    assert_eq!(sockets, 0, "it listened before it refused");

    // Who says so gets further: here, to keys that are not there.
    std::fs::remove_dir_all(directory.join("keys")).unwrap();
    let (exit, told) = said(as_root(PROGRAM), &["signer", "--allow-root"], &config);
    assert_eq!(exit, Some(4), "{told}");
    assert!(!told.contains("this runs as root"), "{told}");
}
