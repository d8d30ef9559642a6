//! OpenSSH's client with our sessions: `portreeve ssh`, and plain `ssh` through `ssh-config`.

use std::path::{Path, PathBuf};

use crate::bastion;
use crate::ca::{Behaviour, Ca};
use crate::program::{Said, User};

#[test]
fn ssh_runs_a_command_with_the_systems_ssh_and_joins_the_open_session() {
    let ca = Ca::granting(&bastion::trusted());
    let user = User::agent(&ca.url);
    for _ in 0..2 {
        let said = user.run(&["ssh", "prod-1", "--", "echo", "hello;", "exit", "9"]);
        assert_eq!((said.code, said.out.as_str()), (9, "hello\n"), "{said:?}");
    }
    assert_eq!(ca.sessions(), 1, "{:?}", ca.seen());
    user.run(&["ssh", "--ticket", "INC-1", "prod-1", "--", "true"])
        .ok();
    assert_eq!(ca.sessions(), 2, "another task is another session");
}

#[test]
fn a_session_that_is_over_is_not_joined() {
    let ca = Ca::start(Behaviour {
        bastion: bastion::trusted(),
        refusal: None,
        state: "ended",
    });
    let user = User::agent(&ca.url);
    for _ in 0..2 {
        user.run(&["ssh", "prod-1", "--", "true"]).ok();
    }
    assert_eq!(ca.sessions(), 2);
}

#[test]
fn ssh_does_not_go_to_whoever_is_not_the_bastion() {
    let ca = Ca::granting(&bastion::start(None));
    let said = User::agent(&ca.url).run(&["ssh", "prod-1", "--", "true"]);
    assert_eq!(said.code, 255, "{said:?}");
}

fn configured(user: &User, hosts: &[&str]) -> PathBuf {
    let config = user.home().join("ssh_config");
    let said = user.run(&[&["ssh-config"], hosts].concat()).ok();
    std::fs::write(&config, said.out).unwrap();
    config
}

fn plain_ssh(user: &User, config: &Path, args: &[&str]) -> Said {
    user.command(Path::new("ssh"))
        .arg("-F")
        .arg(config)
        .args(args)
        .output()
        .unwrap()
        .into()
}

#[test]
fn plain_ssh_just_works() {
    let ca = Ca::granting(&bastion::trusted());
    let user = User::agent(&ca.url);
    let config = configured(&user, &["prod-*"]);
    for _ in 0..2 {
        let said = plain_ssh(&user, &config, &["prod-1", "echo hello; exit 9"]);
        assert_eq!((said.code, said.out.as_str()), (9, "hello\n"), "{said:?}");
    }
    assert_eq!(ca.sessions(), 1);
    let folder = user.runtime();
    let keys = std::fs::read_dir(&folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().join("key").exists())
        .count();
    assert_eq!(keys, 0, "no key on disk");
}

#[test]
fn plain_ssh_tells_a_denial_and_goes_nowhere() {
    let problem = serde_json::to_value(portreeve_protocol::problem::Problem::new(
        portreeve_protocol::problem::Code::NotPermitted,
    ))
    .unwrap();
    let ca = Ca::start(Behaviour {
        bastion: bastion::trusted(),
        refusal: Some(problem),
        state: "open",
    });
    let user = User::agent(&ca.url);
    let config = configured(&user, &["localhost"]);
    let said = plain_ssh(&user, &config, &["localhost", "echo hello"]);
    assert_eq!((said.code, said.out.as_str()), (255, ""));
    assert!(said.err.contains("no session on `localhost`"), "{said:?}");
}
