//! Random content at random moments through OpenSSH's own clients: what they sent and saw is what the
//! recording holds, and each file is in it with its digest.
//!
//! `PORTREEVE_SEED` repeats a run; the seed of a run is printed when it fails.

use std::collections::BTreeSet;

use portreeve_protocol::digest::Digest;
use portreeve_tests::dice::Dice;
use portreeve_tests::installation::{PURPOSE, Wish};
use portreeve_tests::seed::seed;

use super::{Channel, end_and_read, signed_in};

/// Puts itself between a client and `ssh`, and keeps what passes in both directions. A client's two
/// streams may be one socket: nobody may hold either once `ssh` is gone.
const TAP: &str = r#"#!/bin/sh
rm -f "$TAP.in"; mkfifo "$TAP.in"
exec 3<&0 4>&1
tee "$TAP.sent" <&3 3<&- 4>&- >"$TAP.in" & sender=$!
ssh "$@" <"$TAP.in" 3<&- 4>&- | tee "$TAP.seen" >&4 3<&- 4>&- & seer=$!
exec 0<&- 1>&- 3<&- 4>&-
wait "$seer"
kill "$sender" 2>/dev/null
wait
"#;
/// Says the files that it is given, with pauses between them.
const SAY: &str = "#!/bin/sh\nfor file in \"$@\"; do cat \"$file\"; sleep \"0.0${#file}\"; done\n";

/// What a client sent and saw, and which files that moved.
#[derive(Debug, Default)]
struct Expected {
    what: String,
    input: Vec<u8>,
    output: Vec<u8>,
    error: Vec<u8>,
    status: Option<u64>,
    files: Vec<String>,
}

#[test]
fn clients_see_what_is_recorded_for_random_content_and_timing() {
    let seed = seed().unwrap();
    println!("PORTREEVE_SEED={seed}");
    let mut run = Run::begin(seed);
    let mut expected = Vec::new();
    for round in 0..3 {
        expected.push(run.exec(round));
        expected.push(run.shell(round));
        expected.push(run.sftp(round));
        expected.extend(run.scp(round, &[]));
        expected.extend(run.scp(round, &["-O"]));
        expected.extend(run.folder(round));
    }
    let channels = end_and_read(&run.site, &run.granted);
    assert_eq!(channels.len(), expected.len(), "seed {seed}: {channels:?}");
    for (channel, expected) in channels.iter().zip(&expected) {
        compare(seed, channel, expected);
    }
}

/// Two terminals and two programs, over one connection and over three more: each goes on only when all of them run.
#[test]
fn terminals_and_programs_at_the_same_time_are_recorded_apart() {
    let seed = seed().unwrap();
    println!("PORTREEVE_SEED={seed}");
    let mut run = Run::begin(seed);
    let master = "ssh -F copy.conf -o LogLevel=ERROR -M -S mux -f -N prod >master 2>&1";
    run.sh(master).run().unwrap().ok().unwrap();
    let shared = "-S mux -o ControlMaster=no";
    let clients = [
        run.terminal(0, shared),
        run.terminal(1, ""),
        run.program(2, shared),
        run.program(3, ""),
    ];
    let run = &run;
    let expected: Vec<Expected> = std::thread::scope(|scope| {
        let running: Vec<_> = clients
            .into_iter()
            .map(|(script, expected)| {
                scope.spawn(move || {
                    let said = run.sh(&script).run().unwrap();
                    let code = said.code().and_then(|code| u64::try_from(code).ok());
                    assert_eq!(code, expected.status, "seed {seed}, {said:?}");
                    assert!(expected.error.is_empty() || said.stderr == expected.error);
                    Expected {
                        output: said.stdout,
                        ..expected
                    }
                })
            })
            .collect();
        let ended = running.into_iter().map(|running| running.join().unwrap());
        ended.collect()
    });
    let channels = end_and_read(&run.site, &run.granted);
    assert_eq!(channels.len(), expected.len(), "seed {seed}: {channels:?}");
    for expected in &expected {
        let channel = channels
            .iter()
            .find(|channel| channel.command == expected.what);
        let channel = channel.unwrap_or_else(|| panic!("seed {seed}: {expected:?}: {channels:?}"));
        compare(seed, channel, expected);
    }
}

fn compare(seed: u64, channel: &Channel, expected: &Expected) {
    let at = format!("seed {seed}, {}", expected.what);
    for (stream, recorded, expected) in [
        ("input", &channel.input, &expected.input),
        ("output", &channel.output, &expected.output),
        ("error output", &channel.error, &expected.error),
    ] {
        let same = recorded.iter().zip(expected).take_while(|(a, b)| a == b);
        assert!(
            recorded == expected,
            "{at}: {stream}: {} bytes recorded, {} expected, {} the same",
            recorded.len(),
            expected.len(),
            same.count()
        );
    }
    assert_eq!(channel.status, expected.status, "{at}");
    let (mut recorded, mut files) = (channel.files.clone(), expected.files.clone());
    if expected.what.starts_with("folder") {
        // In which order a folder is read is its file system's business.
        recorded.sort();
        files.sort();
    }
    assert_eq!(recorded, files, "{at}");
}

struct Run {
    site: portreeve_tests::installation::Installation,
    granted: portreeve_tests::installation::SessionGranted,
    dice: Dice,
}

impl Run {
    fn begin(seed: u64) -> Self {
        let site = signed_in();
        let granted = site.agent().start_session(&wish()).unwrap();
        let account = &site.agent().account;
        let config = account.portreeve(["ssh-config", super::HOST]);
        let config = config.run().unwrap().ok().unwrap();
        account.write("copy.conf", &config.stdout).unwrap();
        for (name, script) in [("tap", TAP), ("say", SAY)] {
            account.write(name, script.as_bytes()).unwrap();
            account.command("chmod").args(["+x", name]).run().unwrap();
        }
        Self {
            site,
            granted,
            dice: Dice::new(seed),
        }
    }

    /// A client's command line, with what joins the session.
    fn sh(&self, script: &str) -> portreeve_tests::HostCommand {
        [
            ("PORTREEVE_TICKET", wish().ticket),
            ("PORTREEVE_PURPOSE", PURPOSE),
            ("PORTREEVE_BUNDLE", wish().bundle),
        ]
        .into_iter()
        .fold(
            self.site
                .agent()
                .account
                .command("sh")
                .args(["-uc", script]),
            |command, (name, value)| command.env(name, value),
        )
    }

    fn read(&self, name: &str) -> Vec<u8> {
        let account = &self.site.agent().account;
        let path = format!("{}/{name}", account.home());
        account.host().read(&path).unwrap()
    }

    /// Files whose contents one after the other are these bytes, cut at random.
    fn pieces(&mut self, round: usize, bytes: &[u8]) -> String {
        let (mut rest, mut names) = (bytes, Vec::new());
        while !rest.is_empty() && names.len() < 6 {
            let length = if names.len() == 5 {
                rest.len()
            } else {
                self.dice.below(rest.len()) + 1
            };
            let (piece, after) = rest.split_at(length);
            // The length of a name is how long the pause after it is.
            let name = format!(
                "piece-{round}-{}{}",
                names.len(),
                "x".repeat(self.dice.below(9))
            );
            self.site.agent().account.write(&name, piece).unwrap();
            names.push(name);
            rest = after;
        }
        names.join(" ")
    }

    fn exec(&mut self, round: usize) -> Expected {
        let given = content(&mut self.dice);
        let pieces = self.pieces(round, &given);
        let status = self.dice.below(100);
        let command = format!("tee f | tr a-z A-Z; cat f >&2; exit {status}");
        let said = self
            .sh(&format!(
                "./say {pieces} | ssh -F copy.conf -o LogLevel=ERROR prod '{command}'"
            ))
            .run()
            .unwrap();
        assert_eq!(said.code().map(i64::from), Some(status as i64));
        assert!(said.stderr == given);
        Expected {
            what: format!("exec {round}"),
            input: given,
            output: said.stdout,
            error: said.stderr,
            status: Some(status),
            files: vec![],
        }
    }

    /// The command line of a client whose terminal is used beside others, and what it says.
    fn terminal(&mut self, number: usize, way: &str) -> (String, Expected) {
        let numbers: Vec<usize> = (0..5).map(|_| self.dice.below(1000)).collect();
        let typed = typed(&numbers, number);
        let pieces = self.pieces(number, typed.as_bytes());
        let command = format!("{}; bash --norc", meet(number));
        let client = "ssh -F copy.conf -o LogLevel=ERROR -tt";
        let script = format!("./say {pieces} | {client} {way} prod '{command}'");
        let expected = Expected {
            what: command,
            input: typed.into(),
            status: Some(number as u64 + 1),
            ..Expected::default()
        };
        (script, expected)
    }

    /// The same of a program.
    fn program(&mut self, number: usize, way: &str) -> (String, Expected) {
        let given = content(&mut self.dice);
        let pieces = self.pieces(number, &given);
        let work = format!("tee f{number} | tr a-z A-Z; cat f{number} >&2; exit {number}");
        let command = format!("{}; {work}", meet(number));
        let client = "ssh -F copy.conf -o LogLevel=ERROR";
        let script = format!("./say {pieces} | {client} {way} prod '{command}'");
        let expected = Expected {
            what: command,
            error: given.clone(),
            input: given,
            status: Some(number as u64),
            ..Expected::default()
        };
        (script, expected)
    }

    fn shell(&mut self, round: usize) -> Expected {
        let numbers: Vec<usize> = (0..5).map(|_| self.dice.below(1000)).collect();
        let typed = typed(&numbers, round);
        let pieces = self.pieces(round, typed.as_bytes());
        let said = self
            .sh(&format!(
                "./say {pieces} | ssh -F copy.conf -o LogLevel=ERROR -tt prod"
            ))
            .run()
            .unwrap();
        assert_eq!(said.code(), Some(round as i32 + 1), "{said:?}");
        let last = format!("it is {}", numbers[4] * 2);
        assert!(said.text().contains(&last), "{said:?}");
        Expected {
            what: format!("shell {round}"),
            input: typed.into(),
            output: said.stdout,
            error: said.stderr,
            status: Some(round as u64 + 1),
            files: vec![],
        }
    }

    /// A client between whose ends the tap sits.
    fn tapped(&self, what: String, script: &str, files: Vec<String>) -> Expected {
        let done = self
            .sh(&format!("export TAP=tapped; {script}"))
            .run()
            .unwrap();
        let done = done.ok().unwrap();
        Expected {
            what,
            input: self.read("tapped.sent"),
            output: self.read("tapped.seen"),
            error: done.stderr,
            status: Some(0),
            files,
        }
    }

    fn sftp(&mut self, round: usize) -> Expected {
        let (up, name) = (content(&mut self.dice), format!("sftp-{round}"));
        self.site.agent().account.write("up", &up).unwrap();
        let home = format!("/home/{}", self.granted.account);
        let batch = format!(
            "put up {name}\nchmod 640 {name}\nmkdir d{round}\nrename {name} d{round}/{name}\nget d{round}/{name} down\nls d{round}\nrm d{round}/{name}\nrmdir d{round}\n"
        );
        self.site
            .agent()
            .account
            .write("batch", batch.as_bytes())
            .unwrap();
        let moved = moved(&up);
        let (at, folder) = (format!("{home}/{name}"), format!("{home}/d{round}"));
        let files = vec![
            format!("put {at} {moved}"),
            format!("setstat {at}"),
            format!("mkdir {folder}"),
            format!("rename {at} {folder}/{name}"),
            format!("get {folder}/{name} {moved}"),
            // OpenSSH marks what it finds to be a folder.
            format!("list {folder}/"),
            format!("remove {folder}/{name}"),
            format!("rmdir {folder}"),
        ];
        let script = "sftp -q -F copy.conf -S ./tap -b batch prod >listing";
        let expected = self.tapped(format!("sftp {round}"), script, files);
        assert!(self.read("down") == up);
        expected
    }

    fn scp(&mut self, round: usize, options: &[&str]) -> [Expected; 2] {
        let up = content(&mut self.dice);
        self.site.agent().account.write("up", &up).unwrap();
        let (name, moved) = (format!("scp-{round}"), moved(&up));
        let (put, get) = if options.is_empty() {
            // It sets the size last, so that nothing is left of what was there.
            let put = vec![format!("setstat {name}"), format!("put {name} {moved}")];
            (put, format!("get {name} {moved}"))
        } else {
            (
                vec![format!("put {name} up {moved}")],
                format!("get {name} {name} {moved}"),
            )
        };
        let scp = format!("scp -q -F copy.conf -S ./tap {}", options.join(" "));
        let there = self.tapped(
            format!("{scp} up {round}"),
            &format!("{scp} up prod:{name}"),
            put,
        );
        let back = self.tapped(
            format!("{scp} down {round}"),
            &format!("{scp} prod:{name} down"),
            vec![get],
        );
        assert!(self.read("down") == up);
        [there, back]
    }

    /// A folder with a few files, by the old protocol.
    fn folder(&mut self, round: usize) -> [Expected; 2] {
        let name = format!("folder-{round}");
        let mut put = vec![format!("mkdir . {name}")];
        let mut get = vec![format!("list {name} {name}")];
        let contents: BTreeSet<Vec<u8>> = (0..3).map(|_| content(&mut self.dice)).collect();
        for (number, content) in contents.iter().enumerate() {
            let file = format!("{name}/{number}");
            self.site.agent().account.write(&file, content).unwrap();
            put.push(format!("put . {file} {}", moved(content)));
            get.push(format!("get {name} {file} {}", moved(content)));
        }
        let scp = "scp -O -r -q -F copy.conf -S ./tap";
        let there = self.tapped(
            format!("folder {round}"),
            &format!("{scp} {name} prod:."),
            put,
        );
        let back = self.tapped(
            format!("folder back {round}"),
            &format!("{scp} prod:{name} back-{round}"),
            get,
        );
        for (number, content) in contents.iter().enumerate() {
            assert!(self.read(&format!("back-{round}/{number}")) == *content);
        }
        [there, back]
    }
}

fn wish() -> Wish<'static> {
    Wish {
        ticket: "INC-RANDOM",
        ..Wish::default()
    }
}

/// What is typed into a shell that ends with the status of its round.
fn typed(numbers: &[usize], round: usize) -> String {
    let lines = numbers
        .iter()
        .map(|number| format!("echo it is $(({number} * 2)); stty size\n"));
    lines.chain([format!("exit {}\n", round + 1)]).collect()
}

/// Waits on the host until four have come.
fn meet(number: usize) -> String {
    format!("touch here{number}; until [ $(ls here? | wc -l) = 4 ]; do sleep 0.02; done")
}

fn moved(content: &[u8]) -> String {
    format!("{} {}", content.len(), Digest::of(content))
}

/// Bytes of a length that is often an interesting one.
fn content(dice: &mut Dice) -> Vec<u8> {
    let length = match dice.below(6) {
        0 => dice.below(2),
        1 => 32 * 1024 * dice.below(4),
        2 => 255 * 1024 + dice.below(3),
        3 => dice.below(1_500_000),
        _ => dice.below(50_000),
    };
    (0..length).map(|_| dice.roll().to_be_bytes()[0]).collect()
}
