//! The commands: one file each, taking settled settings and a printer.

pub mod admin;
pub mod bundle;
pub mod canary;
pub mod evidence;
pub mod exchange;
pub mod exec;
pub mod export;
pub mod index;
pub mod log;
pub mod login;
pub mod logout;
pub mod man;
pub mod policy;
pub mod recording;
pub mod replay;
pub mod search;
pub mod session;
pub mod ssh;
pub mod ssh_config;
pub mod ssh_prepare;
pub mod trail;
pub mod verify;
pub mod whoami;

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::settings::Settings;

/// Runs a command.
///
/// # Errors
/// When it cannot go on.
pub async fn run(cli: Cli, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    match cli.command {
        Command::Login(args) => login::run(&args, settings, printer).await,
        Command::Whoami => whoami::run(settings, printer),
        Command::Logout => logout::run(settings, printer),
        Command::Exchange(args) => exchange::run(&args, settings, printer).await,
        Command::Session { act } => session::run(act, settings, printer).await,
        Command::Exec(args) => exec::run(&args, settings, printer).await,
        Command::Ssh(args) => ssh::run(&args, settings, printer).await,
        Command::SshConfig(args) => ssh_config::run(&args, settings, printer),
        Command::SshPrepare(args) => ssh_prepare::run(&args, settings).await,
        Command::Hold => crate::agent::hold::run().map(|()| Exit::Done),
        Command::Index(args) => index::run(&args, settings, printer),
        Command::Search(args) => search::run(&args, settings, printer),
        Command::Replay(args) => replay::run(&args, settings, printer).await,
        Command::Export(args) => export::run(&args, settings, printer).await,
        Command::Trail(args) => trail::run(&args, settings, printer).await,
        Command::Log(args) => log::run(&args, settings, printer).await,
        Command::Verify(args) => verify::run(&args, settings, printer).await,
        Command::Evidence(args) => evidence::run(&args, settings, printer).await,
        Command::Canary(args) => canary::run(&args, printer).await,
        Command::Recording { act } => recording::run(act, settings, printer).await,
        Command::Bundle { act } => bundle::run(act, settings, printer).await,
        Command::Policy { act } => policy::run(act, settings, printer).await,
        Command::Agent { act } => admin::agent::run(act, settings, printer).await,
        Command::Host { act } => admin::host::run(act, settings, printer).await,
        Command::Bastion { act } => admin::bastion::run(act, settings, printer).await,
        Command::Completions { shell } => man::completions(shell, printer),
        Command::Man { dir } => man::pages(dir.as_deref(), printer),
    }
}
