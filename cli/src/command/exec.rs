//! `exec`: a command on a host with nothing but this program.

mod capture;

use std::sync::Arc;

use portreeve_protocol::name::AccountName;
use portreeve_protocol::problem::Code;
use portreeve_protocol::session::{BastionContact, SessionGranted};
use serde::Serialize;
use ssh_key::Certificate;
use tokio::io::AsyncRead;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::access::Exec;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::clock;
use crate::command::session::done;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::identity::caller::Caller;
use crate::output::Printer;
use crate::session::address::Address;
use crate::session::place::{KeyKept, Place, Runtime};
use crate::session::request::Granted;
use crate::session::{open, request};
use crate::settings::{Settings, TaskSettings};
use crate::ssh::connection::{self, ConnectError, Connection, Key};
use crate::ssh::quote;
use crate::ssh::run::{self as channel, End, RunError};
use capture::Capture;

/// Runs the command and passes on its streams and its exit code.
///
/// # Errors
/// When the command does not run to its end, always with the exit code of that.
pub async fn run(args: &Exec, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let mut interrupted = Interrupts::new()?;
    let mut own = None;
    let result = tokio::select! {
        result = execute(args, settings, printer, &mut own) => result,
        () = interrupted.next() => Ok(Exit::Interrupted),
    };
    if let Some((ca, caller, session)) = own
        && let Err(failure) = request::kill(&ca, &caller, session, done()?).await
    {
        printer.say(&format!(
            "the session {session} could not be ended at once; it ends by itself a moment later\n{failure}"
        ));
    }
    result.map_err(|failure| failure.with_exit(Exit::CommandNotRun))
}

/// The session to end when the command is over, whatever came of it.
type Own = Option<(Ca, Caller, portreeve_protocol::id::SessionId)>;

async fn execute(
    args: &Exec,
    settings: &Settings,
    printer: &mut Printer,
    own: &mut Own,
) -> Result<Exit, Failure> {
    let command = match &args.command {
        Some(text) => text.clone(),
        None => quote::command_line(&args.argv),
    };
    let way = way(args, settings, own).await?;
    let connection = way.connect().await?;
    let stdin = (!args.no_input).then(tokio::io::stdin);
    if printer.json() {
        captured(connection, &command, stdin, &way, printer).await
    } else {
        let (out, err) = (tokio::io::stdout(), tokio::io::stderr());
        let end = on(connection, &command, stdin, out, err).await?;
        Ok(exit_of(&end))
    }
}

/// The way to the session: where, as whom, with what.
struct Way {
    granted: SessionGranted,
    certificate: Certificate,
    bastions: Vec<(BastionContact, Address)>,
    key: Key,
}

async fn way(args: &Exec, settings: &Settings, own: &mut Own) -> Result<Way, Failure> {
    let runtime = || Runtime::open(&settings.places().runtime);
    if let Some(session) = args.session {
        return kept(&Place::of(&runtime()?, session), session);
    }
    let host = args.host.as_ref().ok_or_else(|| {
        Failure::usage("on which host is not said").next("give --host or --session")
    })?;
    let task = TaskSettings::settle(&args.task)?;
    let ca = Ca::new(settings)?;
    let caller = exchange::pair(&ca, settings).await?;
    if args.keep {
        let (place, granted) =
            open::kept(&ca, &caller, host, &task, &runtime()?, KeyKept::InMemory).await?;
        return Ok(Way::new(&granted, Key::Held(place.socket())));
    }
    let session = open::own(&ca, &caller, host, &task).await?;
    *own = Some((ca, caller, session.granted.answer().session));
    Ok(Way::new(&session.granted, Key::Here(Arc::new(session.key))))
}

/// A session that `session start` or `--keep` left behind.
fn kept(place: &Place, session: portreeve_protocol::id::SessionId) -> Result<Way, Failure> {
    let gone = |why: &str| {
        Failure::usage(format!(
            "the session {session} cannot be used from here: {why}"
        ))
        .next("start one with `portreeve session start`, or give --host")
    };
    let stored = place.read().ok_or_else(|| gone("nothing is kept of it"))?;
    if stored.granted.expires_at <= clock::now() {
        return Err(gone("its time is over"));
    }
    let key = if place.key().exists() {
        let text = crate::files::read_secret(&place.key(), 16 * 1024)?;
        let key = ssh_key::PrivateKey::from_openssh(text.expose())
            .map_err(|_| gone("its key is damaged"))?;
        Key::Here(Arc::new(key))
    } else if place.has_key() {
        Key::Held(place.socket())
    } else {
        return Err(gone("the process that held its key is gone"));
    };
    Way::of(stored.granted, key).ok_or_else(|| gone("what is kept of it is damaged"))
}

impl Way {
    fn new(granted: &Granted, key: Key) -> Self {
        Self {
            granted: granted.answer().clone(),
            certificate: granted.certificate().clone(),
            bastions: granted
                .bastions()
                .map(|(bastion, address)| (bastion.clone(), address.clone()))
                .collect(),
            key,
        }
    }

    fn of(granted: SessionGranted, key: Key) -> Option<Self> {
        let certificate = Certificate::from_openssh(granted.certificate.trim()).ok()?;
        let bastions = granted
            .bastions
            .iter()
            .map(|bastion| Some((bastion.clone(), bastion.address.parse().ok()?)))
            .collect::<Option<_>>()?;
        Some(Self {
            granted,
            certificate,
            bastions,
            key,
        })
    }

    fn account(&self) -> &AccountName {
        &self.granted.account
    }

    /// Connects to the first bastion that can be reached.
    async fn connect(&self) -> Result<Connection, Failure> {
        let mut last = Failure::new(Exit::Unavailable, "the session names no bastion");
        for (bastion, address) in &self.bastions {
            match connection::connect(
                bastion,
                address,
                self.account(),
                &self.certificate,
                &self.key,
            )
            .await
            {
                Ok(connection) => return Ok(connection),
                Err(error @ (ConnectError::Unreachable { .. } | ConnectError::Silent { .. })) => {
                    last = not_connected(&error, bastion);
                }
                Err(error) => return Err(not_connected(&error, bastion)),
            }
        }
        Err(last)
    }
}

fn not_connected(error: &ConnectError, bastion: &BastionContact) -> Failure {
    let (exit, said, next) = match error {
        ConnectError::Unreachable { .. } | ConnectError::Silent { .. } => (
            Exit::Unavailable,
            &[][..],
            "check the network between this machine and the bastion",
        ),
        ConnectError::NotTrusted(_) => (
            Exit::VerificationFailed,
            &[][..],
            "somebody may stand between this machine and the bastion: do not go on, tell an administrator",
        ),
        ConnectError::Refused { said } if is_passing(said) => {
            (Exit::Unavailable, said.as_slice(), "try again in a moment")
        }
        ConnectError::Refused { said } => (
            Exit::NotPermitted,
            said.as_slice(),
            "the session may be over: start another one; if the bastion sees this machine under another address than \
             the CA does, give --source-address",
        ),
        ConnectError::Key(_) => (Exit::Failed, &[][..], "start another session"),
        ConnectError::Protocol { said, .. } => {
            (Exit::Unavailable, said.as_slice(), "try again in a moment")
        }
    };
    let failure = Failure::new(
        exit,
        format!("no connection through the bastion `{}`", bastion.name),
    )
    .because(error);
    told(failure, said).next(next)
}

/// Whether the bastion refuses everybody for a while.
fn is_passing(said: &[String]) -> bool {
    [Code::Unavailable, Code::Busy].iter().any(|code| {
        let mark = format!("portreeve: {}: ", code.as_str());
        said.iter().any(|text| text.trim().starts_with(&mark))
    })
}

/// A failure with what the bastion said about it.
fn told(failure: Failure, said: &[String]) -> Failure {
    said.iter()
        .filter(|text| !text.trim().is_empty())
        .fold(failure, |failure, text| {
            failure.reason(format!("the bastion said: {}", text.trim()))
        })
}

async fn on<I, O, E>(
    mut connection: Connection,
    command: &str,
    stdin: Option<I>,
    out: O,
    err: E,
) -> Result<End, Failure>
where
    I: AsyncRead + Unpin + Send + 'static,
    O: tokio::io::AsyncWrite + Unpin,
    E: tokio::io::AsyncWrite + Unpin,
{
    let opened = match connection.channel().await {
        Ok(opened) => opened,
        Err(error) => {
            let failure =
                Failure::new(Exit::NotPermitted, "the bastion opens no channel").because(&error);
            return Err(told(failure, &connection.last_words().await));
        }
    };
    match channel::run(opened, command, stdin, out, err).await {
        Ok(end) => {
            connection.close().await;
            Ok(end)
        }
        Err(RunError::Output(error)) => Err(error.into()),
        Err(error) => {
            let exit = match error {
                RunError::Refused => Exit::NotPermitted,
                RunError::Closed | RunError::Connection(_) | RunError::Output(_) => {
                    Exit::Unavailable
                }
            };
            let failure = Failure::new(exit, "the command did not run to its end").because(&error);
            Err(told(failure, &connection.last_words().await))
        }
    }
}

fn exit_of(end: &End) -> Exit {
    match end {
        End::Status(status) => Exit::of_remote_status(*status),
        End::Signal(name) => Exit::of_remote_signal(name),
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Answer<'a> {
    session: portreeve_protocol::id::SessionId,
    host: &'a portreeve_protocol::name::HostName,
    command: &'a str,
    exit_status: Option<u32>,
    exit_signal: Option<&'a str>,
    #[serde(flatten)]
    stdout: capture::Named<'a>,
    #[serde(flatten)]
    stderr: capture::Named<'a>,
}

async fn captured<I>(
    connection: Connection,
    command: &str,
    stdin: Option<I>,
    way: &Way,
    printer: &mut Printer,
) -> Result<Exit, Failure>
where
    I: AsyncRead + Unpin + Send + 'static,
{
    let (mut out, mut err) = (Capture::default(), Capture::default());
    let end = on(connection, command, stdin, &mut out, &mut err).await?;
    let answer = Answer {
        session: way.granted.session,
        host: &way.granted.host,
        command,
        exit_status: match &end {
            End::Status(status) => Some(*status),
            End::Signal(_) => None,
        },
        exit_signal: match &end {
            End::Status(_) => None,
            End::Signal(name) => Some(name),
        },
        stdout: out.named("stdout"),
        stderr: err.named("stderr"),
    };
    printer.data(&answer, String::new)?;
    Ok(exit_of(&end))
}

/// What ends the program from outside.
struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Interrupts {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
