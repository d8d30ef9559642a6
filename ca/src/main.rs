//! `portreeve-ca`: reads the command line, runs one command, and says by its exit code what came
//! of it.

#![forbid(unsafe_code)]

mod args;

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};
use portreeve_ca::clock::Clock;
use portreeve_ca::config::{self, Config, RecordingStoreConfig};
use portreeve_ca::init::{IdentityProvider, Init};
use portreeve_ca::{init, service, signer_main};
use portreeve_recording_store::end;
use tracing_subscriber::EnvFilter;

use args::{Command, CommandLine, LogFormat};

/// What came of a command that failed.
struct Failed {
    exit: Exit,
    error: anyhow::Error,
}

/// The exit codes; `--help` explains them, and 2 is a wrong command line.
#[derive(Clone, Copy)]
enum Exit {
    Failure = 1,
    Configuration = 3,
    Missing = 4,
}

fn main() -> ExitCode {
    let line = CommandLine::parse();
    match log(&line).and_then(|()| run(line.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed { exit, error }) => {
            // Nobody is left to be told that standard error is closed.
            let _ = writeln!(std::io::stderr(), "portreeve-ca: {error:#}");
            ExitCode::from(exit as u8)
        }
    }
}

fn run(command: Command) -> Result<(), Failed> {
    match command {
        Command::Init(args) => init(args),
        Command::Serve(args) => serve(&args),
        Command::Signer(args) => sign(&args),
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failed> {
    let mut script = Vec::new();
    clap_complete::generate(
        shell,
        &mut CommandLine::command(),
        "portreeve-ca",
        &mut script,
    );
    std::io::stdout()
        .write_all(&script)
        .map_err(failed(Exit::Failure))
}

fn init(args: args::Init) -> Result<(), Failed> {
    let identity_provider = args.idp.map(|url| IdentityProvider {
        url,
        client_id: args.idp_client_id,
        agent_client_id: args.idp_agent_client_id,
    });
    let wanted = Init {
        directory: args.dir,
        url: args.issuer,
        listen: args.listen,
        administrators: args.admin_groups.into_iter().chain(args.admins).collect(),
        review_recipients: args.review_recipients,
        identity_provider,
    };
    let next_steps = runtime()?
        .block_on(init::init(&wanted, &Clock::system()))
        .map_err(failed(Exit::Failure))?;
    std::io::stdout()
        .write_all(next_steps.as_bytes())
        .context("the CA is made, and what to do next could not be printed")
        .map_err(failed(Exit::Failure))
}

fn serve(args: &args::Serve) -> Result<(), Failed> {
    demand_a_user(&args.user)?;
    let path = &args.with.config;
    let config = read(path)?;
    let recordings = config
        .recording_store
        .as_ref()
        .map(RecordingStoreConfig::open)
        .transpose()
        .map_err(failed(Exit::Configuration))?;
    // The first call wins, and this is the first: nothing before it speaks TLS.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let serving = service::run(&config, recordings, path);
    end::run(runtime()?, end::LAST, serving).map_err(failed(Exit::Missing))
}

fn sign(args: &args::Signer) -> Result<(), Failed> {
    // Whoever started this one as a part of itself was asked already.
    if !args.until_stdin_closes {
        demand_a_user(&args.user)?;
    }
    let config = read(&args.with.config)?;
    signer_main::harden().map_err(failed(Exit::Failure))?;
    let until = if args.until_stdin_closes {
        signer_main::Until::StdinClosed
    } else {
        signer_main::Until::Stopped
    };
    signer_main::run(&config.signer, &Clock::system(), until).map_err(failed(Exit::Missing))
}

/// Neither the network's side nor the keys need anything that root may; a slip in them should not reach the rest of the
/// machine. The exit code is one with which no unit starts it again.
fn demand_a_user(user: &args::User) -> Result<(), Failed> {
    if nix::unistd::geteuid().is_root() && !user.allow_root {
        return Err(failed(Exit::Configuration)(anyhow::anyhow!(
            "this runs as root and needs no right of root's: start it as the user that owns its files, as the packaged \
             service does, or say `--allow-root`"
        )));
    }
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime does not start")
        .map_err(failed(Exit::Failure))
}

fn read(path: &Path) -> Result<Config, Failed> {
    config::read(path).map_err(failed(Exit::Configuration))
}

fn failed<E: Into<anyhow::Error>>(exit: Exit) -> impl FnOnce(E) -> Failed {
    move |error| Failed {
        exit,
        error: error.into(),
    }
}

fn log(line: &CommandLine) -> Result<(), Failed> {
    let filter = EnvFilter::try_new(&line.log)
        .with_context(|| format!("`{}` is no log filter", line.log))
        .map_err(failed(Exit::Configuration))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match line.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
