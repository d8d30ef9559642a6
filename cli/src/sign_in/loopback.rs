//! The port on this machine that the browser comes back to: a web server for one request.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::sign_in::flow::{Callback, Flow};

/// The path that the provider redirects to.
pub const PATH: &str = "/callback";
/// How long a browser may take to send its request; some open connections that they never use.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest request head that is read.
const MAX_HEAD: usize = 16 * 1024;

/// A port that waits for the browser.
#[derive(Debug)]
pub struct Loopback {
    listener: TcpListener,
    redirect: String,
}

impl Loopback {
    /// Takes a port, or any free one for 0.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn bind(port: u16) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::failed(format!(
                "port {port} on 127.0.0.1 cannot be used for the sign-in"
            ))
            .because(&error)
        };
        // By address and not as `localhost`, which may mean something else (RFC 8252, section 8.3).
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self {
            listener,
            redirect: format!("http://127.0.0.1:{port}{PATH}"),
        })
    }

    /// The address to redirect to.
    #[must_use]
    pub fn redirect(&self) -> &str {
        &self.redirect
    }

    /// Waits for the browser to bring the answer to this sign-in. Whatever else calls is told so
    /// and changes nothing.
    ///
    /// # Errors
    /// When the port fails.
    pub async fn wait(self, flow: Arc<Flow>) -> Result<Callback, Failure> {
        let (found, mut answer) = mpsc::channel(1);
        loop {
            tokio::select! {
                Some(callback) = answer.recv() => return Ok(callback),
                accepted = self.listener.accept() => {
                    let (stream, _) = accepted?;
                    let (flow, found) = (Arc::clone(&flow), found.clone());
                    tokio::spawn(async move {
                        let _ = tokio::time::timeout(PATIENCE, one(stream, &flow, &found)).await;
                    });
                }
            }
        }
    }
}

/// Reads one request, answers it, and passes on what it brought.
async fn one(
    mut stream: TcpStream,
    flow: &Flow,
    found: &mpsc::Sender<Callback>,
) -> std::io::Result<()> {
    let Some(target) = target(&mut stream).await? else {
        return Ok(());
    };
    let callback = flow.callback(&target);
    let (status, text) = match &callback {
        Callback::Code(_) => ("200 OK", "You are signed in. You can close this page."),
        Callback::Refused { .. } => ("200 OK", "The sign-in was refused. The terminal says why."),
        Callback::Foreign => ("404 Not Found", "There is nothing here."),
    };
    let page =
        format!("<!doctype html><meta charset=utf-8><title>Portreeve</title><p>{text}</p>\n");
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\
         Content-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    if callback != Callback::Foreign {
        // Somebody else brought it first: then this one does not matter.
        let _ = found.try_send(callback);
    }
    Ok(())
}

/// The target of a GET request; none when the browser sends something else or nothing.
async fn target(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut piece = [0; 2048];
    loop {
        let count = stream.read(&mut piece).await?;
        head.extend_from_slice(piece.get(..count).unwrap_or_default());
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
        if count == 0 || head.len() > MAX_HEAD {
            return Ok(None);
        }
    }
    let text = String::from_utf8_lossy(&head);
    let mut words = text.lines().next().unwrap_or_default().split(' ');
    match (words.next(), words.next()) {
        (Some("GET"), Some(target)) => Ok(Some(target.to_owned())),
        _ => Ok(None),
    }
}
