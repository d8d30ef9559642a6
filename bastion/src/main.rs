//! The bastion's program: settles the process, then does what the command line says.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, Parser as _};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use portreeve_bastion::args::{Args, Command};
use portreeve_bastion::clock::Clock;
use portreeve_bastion::config::ConfigError;
use portreeve_bastion::ssh::settings;
use portreeve_bastion::{enrol, serve, status};
use portreeve_recording::printable;
use portreeve_recording_store::end;

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(&args) {
        Ok(exit) => exit,
        Err(error) => {
            // Nobody is left to be told that standard error is closed.
            let _ = writeln!(std::io::stderr(), "portreeve-bastion: {error:#}");
            ExitCode::from(exit(&error))
        }
    }
}

/// The exit codes, which `--help` explains; 2 is a wrong command line.
fn exit(error: &anyhow::Error) -> u8 {
    if error.is::<ConfigError>() || error.is::<AsRoot>() {
        3
    } else {
        1
    }
}

/// Everything that agents and hosts send is read here; a slip in that should not reach the rest of the machine.
#[derive(Debug, thiserror::Error)]
#[error(
    "this runs as root and needs no right of root's: start it as the user that owns its files, as the packaged service \
     does, or say `--allow-root`"
)]
struct AsRoot;

fn run(args: &Args) -> Result<ExitCode> {
    settle()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(settings::STACK)
        .build()
        .context("the runtime does not start")?;
    end::run(runtime, end::LAST, act(args))
}

async fn act(args: &Args) -> Result<ExitCode> {
    match &args.command {
        Command::Enroll(enroll) => {
            let made = enrol::enrol(enroll).await?;
            let next = made.next_step(nix::unistd::geteuid().is_root());
            tracing::info!("enrolled; {next}");
        }
        Command::Serve { config, allow_root } => {
            anyhow::ensure!(*allow_root || !nix::unistd::geteuid().is_root(), AsRoot);
            serve::run(config).await?;
        }
        Command::Status { config, json } => return tell_status(config, *json),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(
                *shell,
                &mut Args::command(),
                "portreeve-bastion",
                &mut script,
            );
            std::io::stdout().write_all(&script)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_status(config: &Path, json: bool) -> Result<ExitCode> {
    let now = Clock::start().now().wall;
    let found = status::find::find(config, now)?;
    let said = if json {
        printable::json(&serde_json::to_string_pretty(&found)?) + "\n"
    } else {
        status::text(&found)
    };
    std::io::stdout().write_all(said.as_bytes())?;
    Ok(ExitCode::from(found.exit()))
}

fn filter() -> tracing_subscriber::EnvFilter {
    tracing_subscriber::EnvFilter::try_from_env("PORTREEVE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,russh=warn"))
}

/// Keys are in this process's memory: no core dumps, no debugger of the same user. And each session takes a handful of
/// sockets.
fn settle() -> Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).context("core dumps cannot be switched off")?;
    prctl::set_dumpable(false).context("the process cannot be made undumpable")?;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)
        .context("the limit of open files cannot be raised")?;
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("TLS was set up twice"))
}
