//! The task that owns the connection: numbers batches, sends them as they come, and hands each
//! answer to the caller that waits for it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::{Batch, broken};
use crate::sign::Response;
use crate::sign::frame::{self, Answer, Ask, NotAFrame};

/// How many batches are sent with one write.
const TOGETHER: usize = 64;

/// Callers that wait, by the number of their batch.
type Waiting = Mutex<HashMap<u64, oneshot::Sender<io::Result<Vec<Response>>>>>;

/// Connects when there is something to send, until nobody can send any more.
pub(super) async fn keep(socket: PathBuf, mut inbox: mpsc::Receiver<Batch>) {
    while let Some(first) = inbox.recv().await {
        match connect(&socket).await {
            Ok(stream) => converse(stream, first, &mut inbox).await,
            Err(error) => {
                // A caller that no longer waits does not want to know.
                let _ = first.answer.send(Err(error));
            }
        }
    }
}

async fn connect(socket: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(socket).await?;
    let peer = stream.peer_cred()?.uid();
    let me = nix::unistd::geteuid().as_raw();
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::symlink_metadata(socket)?);
    // Whoever could put a socket here could sign nothing, but could learn grants.
    if peer == me || peer == 0 || peer == owner {
        Ok(stream)
    } else {
        Err(io::Error::from(io::ErrorKind::PermissionDenied))
    }
}

/// Sends and receives until the connection breaks or nobody can send any more. Callers whose
/// answer did not come learn it by their end of the channel being dropped.
async fn converse(stream: UnixStream, first: Batch, inbox: &mut mpsc::Receiver<Batch>) {
    let (reader, writer) = stream.into_split();
    let waiting = Waiting::default();
    let ended = tokio::select! {
        ended = send(writer, first, inbox, &waiting) => ended,
        ended = receive(reader, &waiting) => ended,
    };
    if let Err(error) = ended {
        tracing::warn!(%error, "the connection to the signer is lost");
    }
}

async fn send(
    mut writer: OwnedWriteHalf,
    first: Batch,
    inbox: &mut mpsc::Receiver<Batch>,
    waiting: &Waiting,
) -> io::Result<()> {
    let mut number = 0;
    let mut batches = vec![first];
    let mut bytes = Vec::new();
    loop {
        for Batch { requests, answer } in batches.drain(..) {
            number += 1;
            match frame::encode(&Ask { number, requests }) {
                Ok(frame) => {
                    bytes.extend_from_slice(&frame);
                    lock(waiting).insert(number, answer);
                }
                Err(error) => {
                    let _ = answer.send(Err(invalid(error)));
                }
            }
        }
        writer.write_all(&bytes).await?;
        bytes.clear();
        if inbox.recv_many(&mut batches, TOGETHER).await == 0 {
            return Ok(());
        }
    }
}

async fn receive(reader: OwnedReadHalf, waiting: &Waiting) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(64 * 1024, reader);
    let mut body = Vec::new();
    loop {
        let mut head = [0; 4];
        reader.read_exact(&mut head).await?;
        body.resize(frame::length(head).map_err(invalid)?, 0);
        reader.read_exact(&mut body).await?;
        let Answer { number, responses } = frame::decode(&body).map_err(invalid)?;
        let answer = lock(waiting).remove(&number).ok_or_else(broken)?;
        let _ = answer.send(Ok(responses));
    }
}

fn lock(
    waiting: &Waiting,
) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<io::Result<Vec<Response>>>>> {
    waiting
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn invalid(error: NotAFrame) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
