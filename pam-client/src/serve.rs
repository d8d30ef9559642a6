//! One connection to the daemon's socket: who is it, what is asked, may they, the answer.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{getsockopt, sockopt};
use portreeve_protocol::attest::HostFact;
use portreeve_protocol::certificate::{control_principal, session_principal};
use portreeve_protocol::key::Fingerprint;

use crate::cgroup;
use crate::clock;
use crate::hold;
use crate::host::{CONTROL_USER, Host, SOCKET_PATIENCE};
use crate::lines::{Lines, TooLong};
use crate::log;
use crate::root::{self, Answer, Ask, MAX_LINE, Peer};

/// Why a connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotServed {
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The question is longer than a question can be.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// It is no question.
    #[error("not a question: {0}")]
    Format(#[from] serde_json::Error),
    /// The peer ended before it asked.
    #[error("the peer asked nothing")]
    Nothing,
}

/// Who is at the other end.
pub(crate) fn peer_of(stream: &UnixStream) -> io::Result<Peer> {
    let credentials = getsockopt(stream, sockopt::PeerCredentials)?;
    Ok(Peer {
        uid: credentials.uid(),
        pid: credentials.pid(),
    })
}

/// Answers one question; a control connection goes on from there.
pub(crate) fn serve(host: &Host, mut stream: UnixStream, peer: Peer) -> Result<(), NotServed> {
    stream.set_read_timeout(Some(SOCKET_PATIENCE))?;
    stream.set_write_timeout(Some(SOCKET_PATIENCE))?;
    let (line, rest) = first_line(&mut stream)?;
    let ask = serde_json::from_slice(&line)?;
    let answer = match root::permit(ask, peer, host.control_user) {
        Ok(permitted) => match permitted.into_ask() {
            Ask::Control => {
                hold::converse(host, stream, rest);
                return Ok(());
            }
            Ask::Principals {
                user,
                fingerprint,
                serial,
            } => principal(host, &user, &fingerprint, serial),
            Ask::Account { user } => account(host, &user),
            Ask::Enter { user, pid } => enter(host, &user, pid),
            Ask::Status => Answer::Status(host.status()),
        },
        Err(error) => refused(error.to_string()),
    };
    if let Answer::Refused { why } = &answer {
        log::info!(
            "process {} of user {} is refused: {why}",
            peer.pid,
            peer.uid
        );
    }
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    Ok(stream.write_all(&line)?)
}

fn first_line(stream: &mut UnixStream) -> Result<(Vec<u8>, Vec<u8>), NotServed> {
    let mut lines = Lines::new(MAX_LINE);
    let mut buffer = [0; MAX_LINE];
    loop {
        if let Some(line) = lines.next()? {
            return Ok((line, lines.into_rest()));
        }
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(NotServed::Nothing);
        }
        lines.push(buffer.get(..read).unwrap_or_default());
    }
}

/// Which principal may log in: the control user's for every certificate of the session CA, which
/// sshd has checked; a session's for the one certificate that the order names.
fn principal(host: &Host, user: &str, fingerprint: &str, serial: u64) -> Answer {
    if user == CONTROL_USER {
        return Answer::Principal {
            line: control_principal(&host.trust.host),
        };
    }
    let Some(live) = host.leases.live(user, clock::now()) else {
        return refused(format!("`{user}` has no live lease"));
    };
    let fits = fingerprint
        .parse::<Fingerprint>()
        .is_ok_and(|key| key == live.plan.session_key);
    if fits && serial == live.plan.session_serial {
        Answer::Principal {
            line: session_principal(&live.plan.account.name, &host.trust.host),
        }
    } else {
        refused(format!(
            "the certificate is not the one for `{user}`'s session"
        ))
    }
}

fn account(host: &Host, user: &str) -> Answer {
    match host.leases.live(user, clock::now()) {
        Some(_) => Answer::Allowed,
        None => refused(format!("`{user}` has no live lease")),
    }
}

/// Puts a login into its control group and into the session's book; one that cannot be told is
/// not let in.
fn enter(host: &Host, user: &str, pid: i32) -> Answer {
    let live = match host.leases.enter(user, clock::now(), |directory| {
        cgroup::enter(directory, pid)
    }) {
        Ok(live) => live,
        Err(error) => return refused(format!("`{user}`: {error}")),
    };
    let told = live
        .book()
        .enter(HostFact::Login { pid }, clock::now().wall, &host.identity);
    live.waker().wake();
    match told {
        Ok(()) => Answer::Allowed,
        Err(error) => {
            host.complain(&error.to_string());
            refused(error.to_string())
        }
    }
}

fn refused(why: String) -> Answer {
    Answer::Refused {
        why: log::one_line(&why).chars().take(500).collect(),
    }
}
