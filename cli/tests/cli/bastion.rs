//! A bastion that runs commands on this machine.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session};
use russh::{Channel, ChannelId, ChannelMsg};
use ssh_key::{Certificate, HashAlg};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::keys;

/// Starts a bastion that shows this host certificate; its address.
pub(crate) fn start(certificate: Option<Certificate>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let config = Arc::new(server::Config {
        keys: vec![keys::private(keys::BASTION)],
        certificates: certificate.into_iter().collect(),
        auth_rejection_time: Duration::from_millis(1),
        auth_rejection_time_initial: Some(Duration::ZERO),
        ..server::Config::default()
    });
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let config = Arc::clone(&config);
                tokio::spawn(async move {
                    if let Ok(running) = server::run_stream(config, stream, Agent::default()).await
                    {
                        let _ = running.await;
                    }
                });
            }
        });
    });
    address
}

/// The bastion `b1` with a certificate of the host CA.
pub(crate) fn trusted() -> String {
    start(Some(keys::host_certificate(
        "b1.bastion.portreeve",
        keys::HOST_CA,
    )))
}

#[derive(Default)]
struct Agent {
    channel: Option<Channel<Msg>>,
}

impl server::Handler for Agent {
    type Error = russh::Error;

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &Certificate,
    ) -> Result<Auth, russh::Error> {
        let ca = keys::private(keys::ACCESS_CA);
        let trusted = certificate
            .validate_at(1_800_000_000, [&ca.fingerprint(HashAlg::Sha256)])
            .is_ok();
        Ok(if trusted && certificate.valid_principals() == [user] {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        _: server::PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let command = String::from_utf8_lossy(command).into_owned();
        match command.as_str() {
            "refuse-me" => session.channel_failure(id)?,
            "kill-me" => {
                session.channel_success(id)?;
                session.disconnect(
                    russh::Disconnect::ByApplication,
                    "killed by \x1b[2Jbob",
                    "en",
                )?;
            }
            "signal-me" => {
                session.channel_success(id)?;
                session.exit_signal_request(id, russh::Sig::KILL, false, "", "")?;
                session.close(id)?;
            }
            _ => {
                session.channel_success(id)?;
                let channel = self.channel.take().unwrap();
                tokio::spawn(run(channel, command));
            }
        }
        Ok(())
    }
}

async fn run(channel: Channel<Msg>, command: String) {
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", &command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (mut read, write) = channel.split();
    let input = tokio::spawn(async move {
        while let Some(message) = read.wait().await {
            match message {
                ChannelMsg::Data { data } => {
                    if let Some(stdin) = &mut stdin {
                        let _ = stdin.write_all(&data).await;
                    }
                }
                ChannelMsg::Eof => stdin = None,
                _ => {}
            }
        }
    });
    let (mut out, mut err) = (vec![0; 32 * 1024], vec![0; 32 * 1024]);
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        tokio::select! {
            count = stdout.read(&mut out), if out_open => match count.unwrap() {
                0 => out_open = false,
                count => write.data_bytes(out[..count].to_vec()).await.unwrap(),
            },
            count = stderr.read(&mut err), if err_open => match count.unwrap() {
                0 => err_open = false,
                count => write.extended_data_bytes(1, err[..count].to_vec()).await.unwrap(),
            },
        }
    }
    let status = child.wait().await.unwrap().code().unwrap();
    let _ = write.eof().await;
    let _ = write.exit_status(u32::try_from(status).unwrap()).await;
    let _ = write.close().await;
    input.abort();
}
