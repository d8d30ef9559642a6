//! What each command does, in a few lines each: the work is elsewhere. Data goes to standard
//! output, talk to standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Read, Write};
use std::path::Path;

use clap::CommandFactory as _;
use portreeve_protocol::id::OrderId;

use crate::args::{Args, BundleAct, Command};
use crate::as_uid;
use crate::bundle_check::NoReport;
use crate::clock;
use crate::config::Config;
use crate::exit::Exit;
use crate::pam::PamCall;
use crate::paths::Paths;
use crate::preview::{NoInput, NoPreview};
use crate::{
    bundle_check, control, daemon, discover, enroll, log, pam, preview, principals, status,
};

/// Does what the command line says.
#[must_use]
pub fn run(args: Args) -> Exit {
    let paths = Paths::system();
    match args.command {
        Command::Daemon => {
            daemon::run(paths).map_or_else(|error| fail(&error, error.exit()), |()| Exit::Well)
        }
        Command::Control => outcome(control::run(&paths.socket())),
        Command::Principals {
            user,
            fingerprint,
            serial,
        } => {
            let found = principals::find(&paths.socket(), &user, &fingerprint, serial);
            outcome(found.map(|line| print(&format!("{line}\n"))))
        }
        Command::Pam => outcome(pam::run(&paths.socket(), pam_call())),
        Command::Enroll { selinux_allows } => enrol(&paths, selinux_allows),
        Command::Unenroll { force } => enroll::unenroll(&paths, force)
            .map_or_else(|error| fail(&error, error.exit()), |()| Exit::Well),
        Command::Status { json } => tell_status(&paths, json),
        Command::Plan {
            order,
            bundle,
            json,
        } => match preview::run(&paths, order.as_deref(), bundle.as_deref(), json) {
            Ok((text, exit)) => {
                print(&text);
                exit
            }
            Err(NoPreview::Input(NoInput::Bundle(text))) => not_a_bundle(&text),
            Err(error) => fail(&error, error.exit()),
        },
        Command::Bundle {
            act: BundleAct::Check { file, json },
        } => check_bundle(&paths, &file, json),
        Command::Discover {
            signed: true, look, ..
        } => sign_access(&paths, look),
        Command::Discover { json, .. } => find_access(&paths, json),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            let name = "portreeve-host";
            clap_complete::generate(shell, &mut Args::command(), name, &mut script);
            print(&String::from_utf8_lossy(&script));
            Exit::Well
        }
        Command::KillOwn { uid } => outcome(as_uid::kill_own(uid, first_uid(&paths))),
        Command::ForgetKeys { uid } => outcome(as_uid::forget_keys(uid, first_uid(&paths))),
    }
}

fn first_uid(paths: &Paths) -> u32 {
    let config = Config::load(&paths.settings());
    config.unwrap_or_default().first_uid
}

fn pam_call() -> PamCall {
    let variable = |name| std::env::var(name).unwrap_or_default();
    PamCall {
        kind: variable("PAM_TYPE"),
        user: variable("PAM_USER"),
        parent: nix::unistd::getppid().as_raw(),
    }
}

fn enrol(paths: &Paths, selinux_allows: bool) -> Exit {
    let mut ticket = String::new();
    if let Err(error) = io::stdin()
        .lock()
        .take(enroll::MAX_TICKET)
        .read_to_string(&mut ticket)
    {
        return fail(&format!("cannot read the ticket: {error}"), Exit::Failed);
    }
    let proof = match enroll::enroll(paths, &ticket, selinux_allows, clock::now().wall) {
        Ok(proof) => proof,
        Err(error) => return fail(&error, error.exit()),
    };
    match serde_json::to_string(&proof) {
        Ok(json) => print(&format!("{json}\n")),
        Err(error) => return fail(&error, Exit::Failed),
    }
    say("enrolled. Give the line above to `portreeve host confirm`, and start the daemon:");
    say("  systemctl enable --now portreeve-host   (restart it if it runs)");
    Exit::Well
}

fn tell_status(paths: &Paths, json: bool) -> Exit {
    let found = match status::find(&paths.socket()) {
        Ok(found) => found,
        Err(error) => return fail(&error, error.exit()),
    };
    if json {
        match serde_json::to_string_pretty(&found) {
            Ok(text) => print(&format!("{text}\n")),
            Err(error) => return fail(&error, Exit::Failed),
        }
    } else {
        print(&status::text(&found));
    }
    status::exit(&found)
}

fn check_bundle(paths: &Paths, file: &Path, json: bool) -> Exit {
    match bundle_check::run(paths, file, json) {
        Ok((text, exit)) => {
            print(&text);
            exit
        }
        Err(NoReport::NotABundle(text)) => not_a_bundle(&text),
        Err(error @ NoReport::Io(..)) => fail(&error, Exit::Failed),
    }
}

/// Lines of a person's own file, which its reader made safe to show.
fn not_a_bundle(text: &str) -> Exit {
    let _ = io::stderr().lock().write_all(text.as_bytes());
    Exit::Failed
}

fn find_access(paths: &Paths, json: bool) -> Exit {
    let report = look(paths);
    if json {
        match serde_json::to_string_pretty(&report) {
            Ok(text) => print(&format!("{text}\n")),
            Err(error) => return fail(&error, Exit::Failed),
        }
    } else {
        print(&discover::text(&report));
    }
    report.exit()
}

fn sign_access(paths: &Paths, order: Option<OrderId>) -> Exit {
    let report = look(paths);
    match discover::sign(&report, order, paths).map(|said| serde_json::to_string(&said)) {
        Ok(Ok(text)) => {
            print(&format!("{text}\n"));
            Exit::Well
        }
        Ok(Err(error)) => fail(&error, Exit::Failed),
        Err(error) => fail(&error, Exit::Failed),
    }
}

fn look(paths: &Paths) -> discover::Report {
    let mut progress = Progress::default();
    let report = discover::look(paths, clock::now().wall, &mut |step| progress.show(step));
    progress.clear();
    report
}

/// One line on a terminal that is written over; nothing where there is no terminal.
#[derive(Default)]
struct Progress {
    is_shown: bool,
}

impl Progress {
    fn show(&mut self, step: &str) {
        if io::stderr().is_terminal() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K{}", log::one_line(step));
            self.is_shown = true;
        }
    }

    fn clear(&self) {
        if self.is_shown {
            let _ = io::stderr().lock().write_all(b"\r\x1b[K");
        }
    }
}

fn outcome<E: Display>(result: Result<(), E>) -> Exit {
    result.map_or_else(|error| fail(&error, Exit::Failed), |()| Exit::Well)
}

fn fail(error: &dyn Display, exit: Exit) -> Exit {
    say(&error.to_string());
    exit
}

/// A reader that went away is no reason to panic.
fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

fn say(text: &str) {
    let line = format!("portreeve-host: {}\n", log::one_line(text));
    let _ = io::stderr().lock().write_all(line.as_bytes());
}
