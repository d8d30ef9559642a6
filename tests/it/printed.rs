//! What our programs tell root to run next is run as it was printed, and does what it promises.

use std::time::Duration;

use portreeve_tests::installation::{CA_URL, Installation, PersonAccount};
use portreeve_tests::programs::{self, Build};
use portreeve_tests::{Host, until};

/// With what a command begins that is printed for root.
const BEGINNINGS: [&str; 3] = ["chown ", "runuser ", "systemctl "];
/// What ends one: the quote around it, its line, a remark behind it.
const ENDS: [&str; 3] = ["`", "\n", "   ("];
/// A host of a lab has no systemd. This starts what a shipped unit says, as the user that it says.
const SYSTEMCTL: &str = r#"#!/bin/sh
set -eu
[ "$#" = 3 ] && [ "$1 $2" = "enable --now" ]
unit=/units/$3.service
user=$(sed -n 's/^User=//p' "$unit")
start=$(sed -n 's/^ExecStart=//p' "$unit")
setsid runuser -u "${user:-root}" -- $start >"/var/log/$3.log" 2>&1 </dev/null &
"#;
const PATIENCE: Duration = Duration::from_secs(60);

/// The commands in a text, in its order.
fn printed(text: &str) -> Vec<String> {
    let mut found: Vec<_> = BEGINNINGS
        .iter()
        .flat_map(|beginning| text.match_indices(beginning))
        .collect();
    found.sort_unstable();
    let mut commands: Vec<String> = Vec::new();
    let mut end = 0;
    for (at, _) in found {
        // A command that another one runs is a part of it.
        if at < end {
            continue;
        }
        let rest = &text[at..];
        let length = ENDS.iter().filter_map(|end| rest.find(end)).min();
        end = at + length.unwrap_or(rest.len());
        commands.push(text[at..end].trim_end().to_owned());
    }
    commands
}

#[test]
fn commands_are_found_in_what_is_printed() {
    let text = "give it away: chown -R a: /b\nthen `runuser -u a -- systemctl x`; or\n  systemctl y   (again)\n";
    assert_eq!(
        printed(text),
        [
            "chown -R a: /b",
            "runuser -u a -- systemctl x",
            "systemctl y"
        ]
    );
}

/// Runs what was printed, each command as it stands. What keeps running is left in the background, as somebody would
/// leave it in another terminal.
fn run_printed(host: &Host, said: &str, expected: &[&str]) {
    let commands = printed(said);
    let begun: Vec<_> = commands
        .iter()
        .map(|command| command.split(' ').next().unwrap())
        .collect();
    assert_eq!(begun, expected, "{said}");
    for command in commands {
        let script = if command.starts_with("runuser ") {
            format!("setsid {command} >/var/log/printed.log 2>&1 </dev/null &")
        } else {
            command
        };
        host.sh(&script).unwrap().ok().unwrap();
    }
}

/// That a program, started in this way, listens and runs as the user of its name. A unit names it by its path and no
/// configuration, so what an earlier start left running is another one.
fn serves(host: &Host, program: &str, start: &str, config: &str, port: u16) {
    let command = match start {
        "systemctl" => format!("/usr/bin/{program} serve"),
        _ => format!("{program} serve --config {config}"),
    };
    until("the printed commands to lead there", PATIENCE, || {
        let running = host.run(&["pgrep", "-f", "-u", program, "--", &command])?;
        Ok((running.success() && host.listens_on(port)?).then_some(()))
    })
    .unwrap_or_else(|error| {
        let logs = host.sh("tail -n 30 /var/log/p*.log").unwrap().text();
        panic!("{command}: {error}\n{logs}")
    });
}

/// A server that is nobody's yet, at the standard installation.
fn new_server(site: &Installation) -> &Host {
    let host = site.lab().host("agent");
    for (program, path) in [
        ("portreeve-ca", "/usr/bin/portreeve-ca"),
        ("portreeve-bastion", "/usr/bin/portreeve-bastion"),
        ("portreeve-host", "/usr/lib/portreeve/portreeve-host"),
    ] {
        host.install_program(Build::Own, program, path).unwrap();
    }
    let units = programs::source().join("packaging/systemd");
    for unit in ["portreeve-ca", "portreeve-bastion", "portreeve-host"] {
        let name = format!("{unit}.service");
        let text = std::fs::read(units.join(&name)).unwrap();
        host.write(&format!("/units/{name}"), text, 0o644).unwrap();
    }
    host.write("/usr/local/bin/systemctl", SYSTEMCTL, 0o755)
        .unwrap();
    // As the packages do.
    for user in ["portreeve-ca", "portreeve-bastion"] {
        let useradd = format!(
            "useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {user}"
        );
        host.sh(&useradd).unwrap().ok().unwrap();
    }
    host
}

fn administrator(site: &Installation) -> &PersonAccount {
    site.person("carol").unwrap()
}

#[test]
fn what_root_is_told_to_run_starts_each_service_as_its_own_user() {
    let site = Installation::new().unwrap();
    let host = new_server(&site);

    for (directory, port, start) in [
        ("/srv/ca", 9443, "runuser"),
        ("/var/lib/portreeve-ca", 9444, "systemctl"),
    ] {
        let made = host
            .command("portreeve-ca")
            .args(["init", "--dir", directory])
            .args(["--issuer", &format!("https://ca.example.com:{port}")])
            .args(["--admin", "carol@example.com"])
            .run()
            .unwrap()
            .ok()
            .unwrap();
        let config = format!("{directory}/config.toml");
        for command in ["serve", "signer"] {
            let refused = host.run(&["portreeve-ca", command, "--config", &config]);
            assert_eq!(refused.unwrap().code(), Some(3), "root runs `{command}`");
        }
        run_printed(host, &made.text(), &["chown", start]);
        serves(host, "portreeve-ca", start, &config, port);
    }

    for (name, folder, port, start) in [
        ("bastion-2", "/srv/b2", 2223, "runuser"),
        ("bastion-3", "/etc/portreeve-bastion", 2224, "systemctl"),
    ] {
        let address = format!("192.0.2.10:{port}");
        let token = administrator(&site)
            .account
            .portreeve(["bastion", "add", name, "--address", &address])
            .args(["--egress", "192.0.2.10"])
            .run()
            .unwrap()
            .ok()
            .unwrap();
        host.write("/root/token", token.stdout, 0o600).unwrap();
        let state = format!("/var/lib/{name}");
        let enrolled = host
            .command("portreeve-bastion")
            .args(["enroll", "--ca", CA_URL])
            .args(["--ca-cert", "/etc/portreeve/ca.pem"])
            .args(["--name", name, "--token-file", "/root/token"])
            .args(["--dir", folder, "--state", &state])
            .args(["--listen", &format!("0.0.0.0:{port}")])
            .run()
            .unwrap()
            .ok()
            .unwrap();
        let config = format!("{folder}/config.toml");
        let refused = host.run(&["portreeve-bastion", "serve", "--config", &config]);
        assert_eq!(refused.unwrap().code(), Some(3), "root serves");
        run_printed(host, &enrolled.complaint(), &["chown", start]);
        serves(host, "portreeve-bastion", start, &config, port);
    }

    host.make_host_key().unwrap();
    let ticket = administrator(&site)
        .account
        .portreeve(["host", "add", "agent-1", "--address", "192.0.2.10:22"])
        .run()
        .unwrap()
        .ok()
        .unwrap();
    let enrolled = host
        .command("/usr/lib/portreeve/portreeve-host")
        .arg("enroll")
        .input(&ticket.stdout)
        .run()
        .unwrap()
        .ok()
        .unwrap();
    // "Give the line above to `portreeve host confirm`".
    administrator(&site)
        .account
        .portreeve(["host", "confirm"])
        .input(&enrolled.stdout)
        .run()
        .unwrap()
        .ok()
        .unwrap();
    run_printed(host, &enrolled.complaint(), &["systemctl"]);
    host.wait_path("/run/portreeve/host.sock").unwrap();
}
