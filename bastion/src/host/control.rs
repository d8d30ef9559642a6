//! The bastion's half of the control connection (`docs/spec/control.md`): lines out, lines in, and a renewal now and then.
//!
//! It understands the messages' form and nothing of what they mean; the session does. It is tolerant of nothing.

use std::sync::Arc;
use std::time::Duration;

use portreeve_protocol::control::{FromBastion, FromHost, RENEW_EVERY};
use portreeve_protocol::name::HostName;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, client};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::lines::Lines;
use super::link::{HostChannel, HostLink};

/// How long the host may take to say hello, and to take what is said to it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long what was said last may take to arrive.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How much of the host's diagnostics goes into the log, in bytes and for the whole connection.
const MAX_DIAGNOSTICS: usize = 16 * 1024;

/// What a control connection tells its session.
#[derive(Debug)]
pub enum ControlNews {
    /// It is open, and the host is the one that was meant.
    Up,
    /// The host said this.
    Said(Box<FromHost>),
    /// It could not be opened.
    Failed(String),
    /// It broke.
    Lost(String),
}

/// Says things to the host. Dropping it closes the connection.
#[derive(Debug, Clone)]
pub struct Control(mpsc::Sender<FromBastion>);

impl Control {
    /// What is said arrives there.
    #[cfg(test)]
    pub(crate) const fn to(said: mpsc::Sender<FromBastion>) -> Self {
        Self(said)
    }

    /// Says something; nobody waits for it to arrive.
    pub fn say(&self, message: FromBastion) {
        // The queue holds more than a session ever says at once; a host that takes nothing is lost soon.
        let _ = self.0.try_send(message);
    }
}

/// Opens the control connection and holds the conversation, telling the session through `news`.
#[must_use]
pub fn start(link: Arc<HostLink>, news: mpsc::Sender<ControlNews>) -> Control {
    let (say, to_say) = mpsc::channel(256);
    tokio::spawn(async move {
        let host = match link.control().await {
            Ok(host) => host,
            Err(error) => {
                let _ = news.send(ControlNews::Failed(error.to_string())).await;
                return;
            }
        };
        let name = link.access_host();
        // The conversation must not keep the session's other connections alive.
        drop(link);
        converse(host, &name, to_say, &news).await;
    });
    Control(say)
}

async fn converse(
    host: HostChannel,
    name: &HostName,
    to_say: mpsc::Receiver<FromBastion>,
    news: &mpsc::Sender<ControlNews>,
) {
    let (read, write, connection) = host.into_parts();
    let mut hearing = Hearing::new(read);
    let end = match tokio::time::timeout(PATIENCE, hearing.next()).await {
        Ok(Ok(FromHost::Hello { host, .. })) if host == *name => {
            let _ = news.send(ControlNews::Up).await;
            let lost = talk(&mut hearing, &write, to_say, news).await;
            // sshd forgets what it has not handed on when a connection ends, so the channel is closed first.
            let _ = tokio::time::timeout(LAST_WORDS, part(&mut hearing, &write)).await;
            ControlNews::Lost(lost)
        }
        Ok(Ok(FromHost::Hello { host, .. })) => {
            ControlNews::Failed(format!("the host says that it is `{host}`, not `{name}`"))
        }
        Ok(Ok(_)) => ControlNews::Failed("the host did not say hello first".into()),
        Ok(Err(error)) => ControlNews::Failed(error),
        Err(_) => ControlNews::Failed("the host did not say hello in time".into()),
    };
    let _ = news.send(end).await;
    connection.close().await;
}

/// Talks until something breaks or nobody wants to say anything any more. What comes back is why it ended.
async fn talk(
    hearing: &mut Hearing,
    write: &ChannelWriteHalf<client::Msg>,
    mut to_say: mpsc::Receiver<FromBastion>,
    news: &mpsc::Sender<ControlNews>,
) -> String {
    let mut renewal = tokio::time::interval(Duration::from_secs(RENEW_EVERY));
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Before the order there is nothing to renew.
    let mut is_ordered = false;
    loop {
        let message = tokio::select! {
            heard = hearing.next() => match heard {
                Ok(said) => {
                    if news.send(ControlNews::Said(Box::new(said))).await.is_err() {
                        return "the session is gone".into();
                    }
                    continue;
                }
                Err(error) => return error,
            },
            message = to_say.recv() => match message {
                Some(message) => message,
                None => return "the session is over".into(),
            },
            _ = renewal.tick(), if is_ordered => FromBastion::Renew,
        };
        is_ordered |= matches!(message, FromBastion::Order { .. });
        let Ok(mut line) = serde_json::to_vec(&message) else {
            return "a message has no JSON form".into();
        };
        line.push(b'\n');
        match tokio::time::timeout(PATIENCE, write.data_bytes(line)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "the host does not read".into(),
        }
    }
}

/// Closes the channel and waits until the host has closed it too.
pub(crate) async fn part(hearing: &mut Hearing, write: &ChannelWriteHalf<client::Msg>) {
    let _ = write.eof().await;
    while hearing.next().await.is_ok() {}
}

/// What the host says, message by message.
pub(crate) struct Hearing {
    read: ChannelReadHalf,
    lines: Lines,
    whole: std::vec::IntoIter<Vec<u8>>,
    diagnostics: usize,
}

impl Hearing {
    /// Of a channel of which nothing was read.
    pub(crate) fn new(read: ChannelReadHalf) -> Self {
        Self {
            read,
            lines: Lines::default(),
            whole: Vec::new().into_iter(),
            diagnostics: 0,
        }
    }

    /// The next message. Cancelling it loses nothing.
    pub(crate) async fn next(&mut self) -> Result<FromHost, String> {
        loop {
            if let Some(line) = self.whole.next() {
                return serde_json::from_slice(&line).map_err(|error| {
                    format!("the host said something that is not understood: {error}")
                });
            }
            match self.read.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    let lines = self.lines.push(&data).map_err(|error| error.to_string())?;
                    self.whole = lines.into_iter();
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => self.diagnose(&data),
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    return Err(format!(
                        "the control program ended with status {exit_status}"
                    ));
                }
                Some(ChannelMsg::Eof | ChannelMsg::Close) | None => {
                    return Err("the connection ended".into());
                }
                // Windows and answers are russh's business.
                Some(_) => {}
            }
        }
    }

    fn diagnose(&mut self, data: &[u8]) {
        let rest = MAX_DIAGNOSTICS.saturating_sub(self.diagnostics);
        self.diagnostics += data.len();
        let text = String::from_utf8_lossy(data.get(..rest.min(data.len())).unwrap_or(&[]));
        if !text.trim().is_empty() {
            tracing::warn!(host = %text.trim().escape_debug(), "diagnostics of a host");
        }
    }
}
