//! The russh adapter towards agents. It answers what must be answered at once and hands everything else on: certificates
//! to [`Sessions::enter`], channels to [`crate::channel`]. It decides nothing.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use russh::client::GexParams;
use russh::keys::ssh_key::Certificate;
use russh::server::{
    self, Auth, ChannelOpenHandle, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, Disconnect, Pty, Sig};

use super::connection::Known;
use super::opened::{Gauges, MAX_CHANNELS, Opened};
use super::settings::WINDOW;
use super::socket::Cutter;
use crate::accept::Shown;
use crate::channel::{self, AgentSide, is_passed_on, queue};
use crate::drive::{AgentConnection, Message};
use crate::request::{Asked, Forwarding, Wanted};
use crate::session::ConnectionId;
use crate::sessions::Sessions;

/// The longest user name that is kept of somebody who proves nothing.
const MAX_USER: usize = 64;
/// What a held agent may send before it hears that it was received. The least that russh can give back: it gives nothing
/// back for less than half of it, and never again after none at all.
/// The socket sees to it that this is no busy loop.
const HELD_WINDOW: u32 = 2;

/// What russh calls back.
pub(super) struct AgentAdapter {
    sessions: Arc<Sessions>,
    peer: SocketAddr,
    connection: ConnectionId,
    cutter: Cutter,
    known: Arc<Known>,
    channels: Opened,
}

impl AgentAdapter {
    pub(super) fn new(
        sessions: Arc<Sessions>,
        peer: SocketAddr,
        connection: ConnectionId,
        cutter: Cutter,
        known: Arc<Known>,
        gauges: Gauges,
    ) -> Self {
        Self {
            sessions,
            peer,
            connection,
            cutter,
            known,
            channels: Opened::new(gauges),
        }
    }

    /// Ends the connection with a text that the client shows.
    async fn dismiss(&self, text: &str) {
        if let Some(handle) = self.known.handle.get() {
            let _ = handle
                .disconnect(
                    Disconnect::NoMoreAuthMethodsAvailable,
                    text.into(),
                    String::new(),
                )
                .await;
        }
    }

    /// Notes as whom somebody wants to log in, until a certificate is judged.
    fn tries(&self, user: &str) {
        *self.known.tried() = Some(user.chars().take(MAX_USER).collect());
    }

    /// Tells the session of something that is never offered, so that it is decided and recorded.
    fn tell_of(&self, forwarding: Forwarding) {
        if let Some(link) = self.known.link.get() {
            // A full inbox is that of a session that cannot record any more; it ends.
            let _ = link.inbox.try_send(Message::Forwarding {
                channel: link.next_number(),
                asked: Asked {
                    program: Wanted::Forward(forwarding),
                    pty: false,
                },
            });
        }
    }

    async fn refuse(&self, reply: ChannelOpenHandle, forwarding: Forwarding) {
        self.tell_of(forwarding);
        reply
            .reject(ChannelOpenFailure::Other {
                code: ChannelOpenFailure::AdministrativelyProhibited.code(),
                reason: "portreeve: forwarding is refused: nothing passes unrecorded; run the command on the host instead"
                    .into(),
            })
            .await;
    }

    /// Answers a request for a program at once: russh keeps one flag per channel for whether an answer is owed, and a
    /// later request would overwrite it. What becomes of the program the channel itself says.
    fn start(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        if self.channels.may_start(channel) {
            session.channel_success(channel)
        } else {
            session.channel_failure(channel)
        }
    }
}

impl server::Handler for AgentAdapter {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        self.tries(user);
        Ok(Auth::reject())
    }

    async fn auth_password(&mut self, user: &str, _: &str) -> Result<Auth, Self::Error> {
        self.tries(user);
        Ok(Auth::reject())
    }

    /// Says neither yes nor no: a certificate looks like its key here, and only its signature proves anything.
    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        _: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        self.tries(user);
        Ok(Auth::Accept)
    }

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(Auth::reject())
    }

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &Certificate,
    ) -> Result<Auth, Self::Error> {
        let shown = Shown {
            certificate,
            user,
            peer: self.peer.ip(),
        };
        let Some(handle) = self.known.handle.get().cloned() else {
            return Ok(Auth::reject());
        };
        let agent = AgentConnection {
            id: self.connection,
            handle,
            cutter: self.cutter.clone(),
        };
        self.known.tried().take();
        match self.sessions.enter(shown, agent) {
            Ok(link) => {
                let _ = self.known.link.set(link);
                Ok(Auth::Accept)
            }
            Err(refused) => {
                if let Some(text) = refused.text {
                    self.dismiss(&text).await;
                }
                Ok(Auth::reject())
            }
        }
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        _: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        self.tries(user);
        Ok(Auth::reject())
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), Self::Error> {
        let mut starting = self
            .known
            .starting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        drop(starting.take());
        Ok(())
    }

    /// Called before anything is shown. Not every client says first that it has nothing to show, and an expired
    /// certificate is turned away without another call.
    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        self.tries("nobody");
        Ok(None)
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.remove(channel);
        Ok(())
    }

    async fn channel_eof(&mut self, _: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(link) = self.known.link.get() else {
            return Ok(());
        };
        if self.channels.is_full() {
            let reason = format!("portreeve: a connection has {MAX_CHANNELS} channels at most");
            let code = ChannelOpenFailure::ResourceShortage.code();
            let _ = link.inbox.try_send(Message::TurnedDown {
                channel: link.next_number(),
                what: "a channel",
                reason: reason.clone(),
            });
            reply
                .reject(ChannelOpenFailure::Other { code, reason })
                .await;
            return Ok(());
        }
        let id = channel.id();
        let (read, write) = channel.split();
        let (sender, receiver, gauge) = queue::new(link.queued.clone());
        self.channels.add(id, &gauge);
        drop(gauge);
        reply.accept().await;
        tokio::spawn(sender.fill_from(read));
        let agent = AgentSide::new(id, write, session.handle());
        tokio::spawn(channel::run(agent, receiver, link.clone()));
        Ok(())
    }

    async fn channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse(reply, Forwarding::new("x11", None)).await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse(reply, Forwarding::new("direct-tcpip", Some((host, port))))
            .await;
        Ok(())
    }

    async fn channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse(reply, Forwarding::new("forwarded-tcpip", None))
            .await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse(reply, Forwarding::new("streamlocal", None))
            .await;
        Ok(())
    }

    async fn channel_open_confirmation(
        &mut self,
        _: ChannelId,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn data(&mut self, _: ChannelId, _: &[u8], _: &mut Session) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn extended_data(
        &mut self,
        _: ChannelId,
        _: u32,
        _: &[u8],
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn window_adjusted(
        &mut self,
        _: ChannelId,
        _: u32,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Holds the agent while one of its channels has more input than its host takes. russh has one such size for the
    /// connection, so uploads that share a connection share this.
    fn adjust_window(&mut self, _: ChannelId, _: u32) -> u32 {
        if self.channels.is_any_high() {
            HELD_WINDOW
        } else {
            WINDOW
        }
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.channels.may_have_terminal(channel) {
            session.channel_success(channel)
        } else {
            session.channel_failure(channel)
        }
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if is_passed_on(name, value) && self.channels.is_open_to_requests(channel) {
            session.channel_success(channel)
        } else {
            session.channel_failure(channel)
        }
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(channel, session)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(channel, session)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(channel, session)
    }

    async fn window_change_request(
        &mut self,
        _: ChannelId,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn agent_request(&mut self, _: ChannelId, _: &mut Session) -> Result<bool, Self::Error> {
        Ok(false)
    }

    async fn signal(&mut self, _: ChannelId, _: Sig, _: &mut Session) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        _: &mut Session,
    ) -> Result<bool, Self::Error> {
        self.tell_of(Forwarding::new("tcpip-forward", Some((address, *port))));
        Ok(false)
    }

    async fn cancel_tcpip_forward(
        &mut self,
        _: &str,
        _: u32,
        _: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(false)
    }

    async fn streamlocal_forward(&mut self, _: &str, _: &mut Session) -> Result<bool, Self::Error> {
        self.tell_of(Forwarding::new("streamlocal", None));
        Ok(false)
    }

    async fn cancel_streamlocal_forward(
        &mut self,
        _: &str,
        _: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(false)
    }

    async fn lookup_dh_gex_group(
        &mut self,
        _: &GexParams,
    ) -> Result<Option<russh::kex::dh::groups::DhGroup>, Self::Error> {
        // No group exchange is offered.
        Ok(None)
    }
}
