//! Each shipped bundle on a real host: what it allows runs through the host's sudo and says something
//! sensible, what its expectations refuse is refused by sudo at once, and the trail has both.
//!
//! One installation; an administrator prints, adapts and publishes the bundles with `portreeve`.

use std::collections::BTreeMap;
use std::time::Duration;

use portreeve_protocol::admin::PolicyRecord;
use portreeve_protocol::bundle::BundlePublished;
use portreeve_protocol::session::SessionGranted;
use portreeve_tests::installation::{Account, Asked, HOST, Installation, Story, Wish};
use portreeve_tests::{Host, packages, until};
use serde::Deserialize;

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs each line of its input, and says for each what came of it.
const RUNNER: &str = include_str!("shipped.sh");

/// What makes the host one that has something to look at.
const PREPARE: &str = r"
echo 'Nov 22 06:00:00 prod sshd[1]: Failed password for root from 203.0.113.66' >/var/log/auth.log
echo yesterday | gzip >/var/log/auth.log.2.gz
mkdir -p /var/log/nginx /var/log/apache2 /var/log/mysql /var/lib/mysql /var/quarantine /var/www/html \
    /etc/letsencrypt/live/www.example.com
echo '203.0.113.66 - - GET /shell.php' >/var/log/nginx/access.log
echo '203.0.113.66 - - GET /login' | gzip >/var/log/nginx/access.log.2.gz
for user in postgres mysql redis valkey caddy apache; do id $user >/dev/null 2>&1 || useradd --system $user; done
echo 'InnoDB: page corruption' >/var/log/mysql/error.log
ln -s /etc/shadow /var/log/mysql/mysqld.log
chown -hR mysql: /var/log/mysql
mkdir -p /etc/postgresql/15/main /etc/postgresql/15/linked
ln -s /etc/shadow /etc/postgresql/15/linked/postgresql.conf
chown -hR postgres: /etc/postgresql
echo data >/var/lib/mysql/ibdata1
echo '<?php' >/var/www/html/shell.php
openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=www.example.com -days 9 \
    -out /etc/ssl/certs/ssl-cert-snakeoil.pem 2>/dev/null
cp /etc/ssl/certs/ssl-cert-snakeoil.pem /etc/letsencrypt/live/www.example.com/cert.pem
";

/// A bundle, with commands that must work on the host and a text that each of them shows.
///
/// A line without a text must only succeed; one that begins with `!` shows the text and fails, because
/// the test's hosts have no systemd.
const LOOKS: &[(&str, &str)] = &[
    (
        "forensic-read-only",
        "
        ss -tlnp => sshd
        ss -tnp => sshd
        ps auxf => portreeve-host
        pstree -ap => sleep
        lsof -nP -iTCP -sTCP:LISTEN => sshd
        lsof -nP -i :22 => sshd
        lsof -nP -p 1 => COMMAND
        ls -l /proc/1/exe => /proc/1/exe ->
        readlink -f /proc/1/exe => /
        sha256sum /proc/1/exe => /proc/1/exe
        cat /proc/1/status => Name:
        lsns => NS
        lslocks
        tail -n 5 /var/log/auth.log => 203.0.113.66
        grep -F 203.0.113.66 /var/log/auth.log => Failed password
        gzip -cd /var/log/auth.log.2.gz => yesterday
        journalctl --no-pager -n 5 => No journal files
        last -n 5 => wtmp begins
        lastb -n 5
        lastlog => root
        lslogins -u => root
        passwd -S -a => root
        chage -l root => Account expires
        ls -la /root => ..
        sshd -T => port 22
        cat /etc/hosts => localhost
        find /etc -xdev -type f -mmin -9999 -ls => /etc/hosts
        getcap -r /usr/bin
        stat /usr/bin/sudo => Uid: (    0/    root)
        sha256sum /usr/bin/sudo => /usr/bin/sudo
        dpkg -V sudo
        dpkg-query -W sudo => 1.
        dpkg-query -l --no-pager => ||/ Name
        mount => overlay
        findmnt => TARGET
        df -h => Filesystem
        ip -br addr => 198.51.100.30
        nft list ruleset
        ! systemctl list-timers --no-pager => systemd
        ",
    ),
    (
        "forensic-exact",
        "
        ss -tlnp => sshd
        lsof -nP -d txt => sshd
        tail -n 100 /var/log/auth.log => 203.0.113.66
        gzip -cd /var/log/auth.log.2.gz => yesterday
        find /etc -xdev -type f -mtime -30 -ls => /etc/hosts
        last -n 20 => wtmp begins
        chage -l root => Account expires
        dpkg -V sudo
        ",
    ),
    (
        "web-triage",
        "
        ss -tlnp => sshd
        nginx -t => test is successful
        nginx -T => http {
        nginx -v => nginx
        apache2ctl -t => Syntax OK
        apache2ctl -S => ServerRoot
        ls -la /etc/nginx/sites-enabled => default
        tail -n 100 /var/log/nginx/access.log => GET /shell.php
        gzip -cd /var/log/nginx/access.log.2.gz => GET /login
        ls -la /var/log/nginx => access.log
        find -L /etc/letsencrypt/live -name cert.pem -ls => www.example.com/cert.pem
        openssl x509 -in /etc/ssl/certs/ssl-cert-snakeoil.pem -noout -subject -issuer -dates => notAfter
        find /var/www -xdev -type f -mtime -1 -ls => shell.php
        du -sh /var/www => /var/www
        ! systemctl status nginx --no-pager => systemd
        ",
    ),
    (
        "db-triage",
        "
        ss -xlp => host.sock
        ps aux --sort=-%mem => sshd
        -u mysql tail -n 100 /var/log/mysql/error.log => page corruption
        ! -u mysql tail -n 100 /var/log/mysql/mysqld.log => Permission denied
        -u postgres pg_lsclusters => linked
        -u postgres ls -la /etc/postgresql/15/main
        ls -la /var/lib/mysql => ibdata1
        du -sh /var/lib/mysql => /var/lib/mysql
        df -h => Filesystem
        free -h => Mem
        vmstat -s => memory
        lslocks
        ! systemctl --no-pager status mariadb => systemd
        ",
    ),
    (
        "service-restart",
        "
        nginx -t => test is successful
        apache2ctl configtest => Syntax OK
        ! systemctl restart nginx => systemd
        ! systemctl reload apache2 => systemd
        ! systemctl status nginx --no-pager => systemd
        journalctl -u nginx -n 200 --no-pager => No journal files
        ",
    ),
    (
        "break-glass",
        "
        ss -tnp => sshd
        ps auxf => sleep 987654
        tail -n 5 /var/log/nginx/access.log => GET /shell.php
        -u mysql tail -n 5 /var/log/mysql/error.log => page corruption
        ip route add blackhole 203.0.113.200
        ip -6 route add blackhole 2001:db8::66
        passwd -l ada
        usermod -L -e 1 ada
        pkill -KILL -u ada
        mv -n --target-directory=/var/quarantine /var/www/html/shell.php
        ! systemctl stop nginx => systemd
        ",
    ),
];

/// The part of a bundle that this test reads.
#[derive(Deserialize)]
struct Bundle {
    expect: Vec<Expectation>,
}

#[derive(Deserialize)]
struct Expectation {
    refuse: Option<Vec<String>>,
    allow: Option<Vec<String>>,
    run_as: Option<String>,
}

impl Expectation {
    /// The command for sudo, with a tab between its words.
    fn for_sudo(&self, argv: &[String]) -> String {
        let user = self.run_as.iter().map(|user| format!("-u\t{user}\t"));
        user.collect::<String>() + &argv.join("\t")
    }
}

/// What came of one command.
struct Ran {
    code: i32,
    said: String,
}

impl Ran {
    /// The beginning of it, for messages.
    fn shortly(&self) -> String {
        let said: String = self.said.chars().take(300).collect();
        format!("came to {}: {said}\n", self.code)
    }
}

#[test]
fn every_shipped_bundle_works_on_a_host_and_bounds_what_root_does() {
    packages::require(packages::SHIPPED).unwrap();
    let site = Installation::new().unwrap();
    site.sign_in("alice").unwrap();
    let prod = site.lab().host(HOST);
    prod.sh(PREPARE).unwrap().ok().unwrap();
    let ada = prod.add_user("ada").unwrap();
    let mut hers = prod.command("sleep").arg("987654").user("ada");
    hers = hers.limit(PATIENCE);
    let mut hers = hers.spawn("hers").unwrap();
    let administrator = &site.person("carol").unwrap().account;
    let_agents_hold_what_writes(administrator);

    let listed: Vec<serde_json::Value> = administrator.ask(&["bundle", "shipped"]).unwrap();
    let names: Vec<&str> = LOOKS.iter().map(|(name, _)| *name).collect();
    let shipped: Vec<&str> = listed
        .iter()
        .map(|one| one["bundle"].as_str().unwrap())
        .collect();
    assert_eq!(shipped, names);

    let mut wrong = Vec::new();
    for (name, looks) in LOOKS {
        let text = publish_shipped(administrator, name);
        let bundle: Bundle = toml::from_str(&text).unwrap();
        let wish = Wish {
            bundle: name,
            ..Wish::default()
        };
        let trial = &mut Trial {
            site: &site,
            granted: site.agent().start_session(&wish).unwrap(),
            name,
            wrong: &mut wrong,
        };
        let seen = trial.what_works(looks);
        trial.what_is_allowed_is_so_to_sudo(&bundle);
        let refused = trial.what_is_refused(&bundle);
        if *name == "web-triage" {
            trial.the_caller_sets_no_variable();
        }
        site.agent().end(trial.granted.session).unwrap();
        trial.the_trail_has_both(&seen, &refused);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    hers.wait(PATIENCE).unwrap();
    assert_eq!(prod.processes_of(ada.uid).unwrap().len(), 0);
    what_the_emergency_left(prod);
}

/// Adds to the policy in force that the team's agents may also hold bundles that write.
fn let_agents_hold_what_writes(administrator: &Account) {
    let policy: PolicyRecord = administrator.ask(&["policy", "show"]).unwrap();
    let more = r#"
@id("soc-agents-may-hold-what-writes")
permit (
  principal in Portreeve::Team::"soc",
  action == Portreeve::Action::"hold",
  resource
) when {
  context.bundle.name == "service-restart" || context.bundle.name == "break-glass"
};
"#;
    let path = format!("{}/policy.cedar", administrator.home());
    administrator
        .write(&path, (policy.text + more).as_bytes())
        .unwrap();
    let published = administrator.portreeve(["policy", "publish", &path]).run();
    published.unwrap().ok().unwrap();
}

/// Prints a shipped bundle into a file and publishes that, as the guide says.
fn publish_shipped(administrator: &Account, name: &str) -> String {
    let text = administrator.portreeve(["bundle", "shipped", name]).run();
    let text = String::from_utf8(text.unwrap().ok().unwrap().stdout).unwrap();
    let path = format!("{}/{name}.toml", administrator.home());
    administrator.write(&path, text.as_bytes()).unwrap();
    let published: BundlePublished = administrator.ask(&["bundle", "publish", &path]).unwrap();
    assert_eq!(published.bundle.name.as_str(), name);
    text
}

/// A session with one of the bundles.
struct Trial<'a> {
    site: &'a Installation,
    granted: SessionGranted,
    name: &'a str,
    /// Everything that is not as it should be, of all bundles.
    wrong: &'a mut Vec<String>,
}

impl Trial<'_> {
    fn note(&mut self, command: &str, what: &str) {
        let name = self.name;
        self.wrong.push(format!("{name}: `{command}` {what}"));
    }

    /// Runs commands in one channel, one after the other, each with its words between tabs.
    fn run_all(&self, lines: &[String]) -> Vec<Ran> {
        let script = format!(
            "{RUNNER}\n{}\n",
            lines.iter().fold(String::new(), |all, line| {
                let words: Vec<String> = line.split('\t').map(quoted).collect();
                all + "run " + &words.join(" ") + "\n"
            })
        );
        let channel = self.site.agent().exec(self.granted.session, &["sh"]);
        let output = channel
            .input(script.as_bytes())
            .limit(Duration::from_secs(120))
            .run();
        let output = output.unwrap().ok().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let ran: Vec<Ran> = text
            .split("\u{1e}")
            .skip(1)
            .map(|part| {
                let (code, said) = part.split_once('\n').unwrap();
                Ran {
                    code: code.parse().unwrap(),
                    said: said.to_owned(),
                }
            })
            .collect();
        assert_eq!(ran.len(), lines.len(), "{text}");
        ran
    }

    /// The commands of a bundle's list; they are returned as the trail should have them.
    fn what_works(&mut self, looks: &str) -> Vec<String> {
        let looks: Vec<(&str, &str, bool)> = looks
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| {
                let (command, shown) = line.split_once(" => ").unwrap_or((line, ""));
                match command.strip_prefix("! ") {
                    Some(command) => (command, shown, false),
                    None => (command, shown, true),
                }
            })
            .collect();
        let lines: Vec<String> = looks
            .iter()
            .map(|(command, ..)| format!("sudo\t-n\t{}", command.replace(' ', "\t")))
            .collect();
        let ran = self.run_all(&lines);
        for ((command, shown, succeeds), ran) in looks.iter().zip(&ran) {
            if (ran.code == 0) != *succeeds || !ran.said.contains(shown) {
                self.note(command, &ran.shortly());
            }
        }
        looks
            .iter()
            .map(|(command, ..)| without_user(command).to_owned())
            .collect()
    }

    /// Asks sudo about every expectation that allows something, without doing it.
    fn what_is_allowed_is_so_to_sudo(&mut self, bundle: &Bundle) {
        let allowed: Vec<String> = bundle
            .expect
            .iter()
            .filter_map(|expect| Some(expect.for_sudo(expect.allow.as_deref()?)))
            .collect();
        let lines: Vec<String> = allowed
            .iter()
            .map(|line| format!("sudo\t-n\t-l\t{line}"))
            .collect();
        let prod = self.site.lab().host(HOST);
        for (line, ran) in allowed.iter().zip(self.run_all(&lines)) {
            let line = line.replace('\t', " ");
            let program = without_user(&line).split(' ').next().unwrap();
            let is_there = prod
                .run(&["sh", "-c", "command -v \"$1\"", "sh", program])
                .unwrap()
                .success();
            // sudo cannot say yes to a program that the host does not have.
            if (ran.code == 0) != is_there {
                self.note(&line, &ran.shortly());
            }
        }
    }

    /// Tries everything that must be refused; it is returned as the trail should have it.
    fn what_is_refused(&mut self, bundle: &Bundle) -> Vec<String> {
        let refused: Vec<(&Expectation, &Vec<String>)> = bundle
            .expect
            .iter()
            .filter_map(|expect| Some((expect, expect.refuse.as_ref()?)))
            .collect();
        let lines: Vec<String> = refused
            .iter()
            .map(|(expect, argv)| format!("sudo\t{}", expect.for_sudo(argv)))
            .collect();
        let mut known = Vec::new();
        for ((_, argv), ran) in refused.iter().zip(self.run_all(&lines)) {
            let by_sudo = ran.said.contains("is not allowed to execute");
            let is_missing = ran.said.contains("command not found");
            if ran.code != 1 || !(by_sudo || is_missing) {
                self.note(&argv.join(" "), &ran.shortly());
            }
            if by_sudo {
                known.push(argv.join(" "));
            }
        }
        known
    }

    /// `apache2ctl` may start programs; which, the caller does not say.
    fn the_caller_sets_no_variable(&self) {
        let by_sudo = "sudo\t-n\tAPACHE_HTTPD=/tmp/x\tapache2ctl\t-t".to_owned();
        let by_shell =
            "env\tAPACHE_HTTPD=/bin/false\tAPACHE_ENVVARS=/dev/null\tsudo\t-n\tapache2ctl\t-t"
                .to_owned();
        let ran = self.run_all(&[by_sudo, by_shell]);
        assert!(
            ran[0].code == 1 && ran[0].said.contains("not allowed to set"),
            "{}",
            ran[0].said
        );
        assert!(ran[1].said.contains("Syntax OK"), "{}", ran[1].said);
    }

    fn the_trail_has_both(&mut self, allowed: &[String], refused: &[String]) {
        let story = until("the end of the trail", PATIENCE, || {
            let story = Story::of(&self.site.agent().trail(self.granted.session)?)?;
            Ok(story.closed().is_some().then_some(story))
        })
        .unwrap();
        let mut answers: BTreeMap<String, Vec<bool>> = BTreeMap::new();
        for Asked { allowed, argv } in story.sudo().unwrap() {
            answers
                .entry(by_name(&argv.join(" ")))
                .or_default()
                .push(allowed);
        }
        for (lines, answer) in [(allowed, true), (refused, false)] {
            for line in lines {
                let found = answers.get(&by_name(line));
                if !found.is_some_and(|found| found.contains(&answer)) {
                    self.note(line, &format!("is not in the trail as {answer}"));
                }
            }
        }
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The command behind sudo's `-u USER`, with which some begin.
fn without_user(command: &str) -> &str {
    command
        .strip_prefix("-u ")
        .and_then(|rest| rest.split_once(' '))
        .map_or(command, |(_, rest)| rest)
}

/// sudo logs the program as it was asked for or as it resolved it, by version.
fn by_name(line: &str) -> String {
    let (program, arguments) = line.split_once(' ').unwrap_or((line, ""));
    let name = program.rsplit('/').next().unwrap();
    format!("{name} {arguments}")
}

/// What break-glass was used for is done, and nothing else.
fn what_the_emergency_left(prod: &Host) {
    let says = |script: &str| prod.sh(script).unwrap().text();
    assert!(
        says("passwd -S ada").starts_with("ada L"),
        "{}",
        says("passwd -S ada")
    );
    assert!(says("ip route").contains("blackhole 203.0.113.200"));
    assert!(says("ip -6 route").contains("blackhole 2001:db8::66"));
    assert_eq!(says("ls /var/quarantine"), "shell.php");
    assert!(!says("ls /var/www/html").contains("shell.php"));
}
