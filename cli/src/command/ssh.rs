//! `ssh`: a session, used with the system's ssh.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::args::access::Ssh;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::review::words::moment;
use crate::session::open;
use crate::session::place::{KeyKept, Place, Runtime};
use crate::settings::{Settings, TaskSettings};

/// Makes a session ready and becomes ssh.
///
/// # Errors
/// When the CA refuses, or ssh cannot be started.
pub async fn run(args: &Ssh, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let place = ready(args, settings, printer)
        .await
        .map_err(|failure| failure.with_exit(Exit::CommandNotRun))?;
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(place.ssh_config());
    for option in &args.options {
        ssh.arg("-o").arg(option);
    }
    if args.tty {
        ssh.arg("-t");
    }
    ssh.arg("--").arg(args.host.as_str()).args(&args.command);
    // From here on this process is ssh: its streams, its signals and its exit code are the user's.
    let error = ssh.exec();
    Err(Failure::new(Exit::CommandNotRun, "ssh cannot be started")
        .because(&error)
        .next("install OpenSSH's client, or use `portreeve exec`, which needs none"))
}

async fn ready(args: &Ssh, settings: &Settings, printer: &mut Printer) -> Result<Place, Failure> {
    let task = TaskSettings::settle(&args.task)?;
    let ca = Ca::new(settings)?;
    let caller = exchange::pair(&ca, settings).await?;
    let runtime = &Runtime::open(&settings.places().runtime)?;
    let (place, granted) = if args.fresh {
        let (place, granted) =
            open::kept(&ca, &caller, &args.host, &task, runtime, KeyKept::InMemory).await?;
        (place, granted.answer().clone())
    } else {
        open::ready(&ca, &caller, &args.host, &task, runtime).await?
    };
    if args.command.is_empty() {
        printer.say(&format!(
            "session {} on {} as {} until {}",
            granted.session,
            granted.host,
            granted.account,
            moment(granted.expires_at)
        ));
    }
    Ok(place)
}
