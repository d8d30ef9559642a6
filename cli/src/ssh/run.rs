//! One command on a host: its streams pumped, its end told.

use std::io;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// How much of standard input is sent in one piece.
const PIECE: usize = 32 * 1024;
/// SSH_EXTENDED_DATA_STDERR (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Status(u32),
    /// By a signal, by its name without `SIG`.
    Signal(String),
}

/// Why a command did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The bastion or the host did not start it.
    #[error("the command was refused")]
    Refused,
    /// The channel was closed before the command ended.
    #[error("the session was closed before the command ended")]
    Closed,
    /// The connection failed.
    #[error("the connection failed")]
    Connection(#[from] russh::Error),
    /// Our own output cannot be written.
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
}

/// Runs `command`, with `stdin` as its input if there is any.
///
/// # Errors
/// When it is refused, or does not run to its end.
pub async fn run<I, O, E>(
    channel: Channel<Msg>,
    command: &str,
    stdin: Option<I>,
    mut stdout: O,
    mut stderr: E,
) -> Result<End, RunError>
where
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    channel.exec(true, command).await?;
    let (mut read, write) = channel.split();
    // Input goes its own way: output that nobody reads must not keep it from arriving, and input
    // that nobody takes must not keep the end from being seen.
    let input = tokio::spawn(feed(write, stdin));
    let mut end = None;
    let ended = loop {
        let Some(message) = read.wait().await else {
            break Ok(());
        };
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "whatever else a server says about a channel changes nothing for its output"
        )]
        let written = match message {
            ChannelMsg::Data { data } => put(&mut stdout, &data).await,
            ChannelMsg::ExtendedData { data, ext: STDERR } => put(&mut stderr, &data).await,
            ChannelMsg::ExitStatus { exit_status } => {
                end = Some(End::Status(exit_status));
                Ok(())
            }
            ChannelMsg::ExitSignal { signal_name, .. } => {
                end = Some(End::Signal(signal_text(&signal_name)));
                Ok(())
            }
            // The only request that wants an answer is the one for the command.
            ChannelMsg::Failure => break Err(RunError::Refused),
            ChannelMsg::Close => break Ok(()),
            _ => Ok(()),
        };
        if let Err(error) = written {
            break Err(RunError::Output(error));
        }
    };
    input.abort();
    ended?;
    end.ok_or(RunError::Closed)
}

async fn put(to: &mut (impl AsyncWrite + Unpin), data: &[u8]) -> io::Result<()> {
    to.write_all(data).await?;
    to.flush().await
}

/// Sends input until it ends. A channel that is closed meanwhile ends the task from outside: a
/// write that waits for the window would wait for ever.
async fn feed<I: AsyncRead + Unpin>(write: ChannelWriteHalf<Msg>, stdin: Option<I>) {
    if let Some(mut stdin) = stdin {
        let mut piece = vec![0; PIECE];
        while let Ok(count) = stdin.read(&mut piece).await {
            let Some(data) = piece.get(..count).filter(|data| !data.is_empty()) else {
                break;
            };
            if write
                .data_bytes(bytes::Bytes::copy_from_slice(data))
                .await
                .is_err()
            {
                return;
            }
        }
    }
    let _ = write.eof().await;
    // The channel is closed when its last half goes; this one stays until the task is ended.
    std::future::pending::<()>().await;
}

fn signal_text(signal: &russh::Sig) -> String {
    if let russh::Sig::Custom(name) = signal {
        return name.clone();
    }
    format!("{signal:?}")
}
