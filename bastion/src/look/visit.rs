//! The way to the host: one control connection, one order, one answer.

use std::sync::Arc;
use std::time::Duration;

use portreeve_protocol::control::{FromBastion, FromHost, OrderRefusal};
use portreeve_protocol::inventory::Inventory;
use portreeve_protocol::look::LOOK_WITHIN;
use portreeve_protocol::signed::Signed;
use tokio::time::timeout;

use super::LookProven;
use crate::host::control::{Hearing, part};
use crate::host::open_control;
use crate::ssh::client::Transport;
use crate::ssh::settings;

/// How long the host may take to say hello, and to take what is said to it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long parting may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Has the host look at itself. What comes back is not yet checked; an error is in words, for the trail.
pub(super) async fn visit(look: &LookProven) -> Result<Signed<Inventory>, String> {
    let host = look.host();
    let config = Arc::new(settings::client(&host.host_keys));
    let pinned = host.host_keys.clone().into();
    let words = |error: crate::ssh::client::HostError| error.to_string();
    let transport = Transport::open(config, &host.address, pinned)
        .await
        .map_err(words)?;
    let channel = open_control(transport, look.key(), look.certificate().clone())
        .await
        .map_err(words)?;
    let (read, write, connection) = channel.into_parts();
    let mut hearing = Hearing::new(read);
    let answer = ask(look, &mut hearing, &write).await;
    // sshd forgets what it has not handed on when a connection ends, so the channel is closed first.
    let _ = timeout(LAST_WORDS, part(&mut hearing, &write)).await;
    connection.close().await;
    answer
}

async fn ask(
    look: &LookProven,
    hearing: &mut Hearing,
    write: &russh::ChannelWriteHalf<russh::client::Msg>,
) -> Result<Signed<Inventory>, String> {
    let name = &look.host().name;
    match timeout(PATIENCE, hearing.next()).await {
        Ok(Ok(FromHost::Hello { host, .. })) if host == *name => {}
        Ok(Ok(FromHost::Hello { host, .. })) => {
            return Err(format!("the host says that it is `{host}`, not `{name}`"));
        }
        Ok(Ok(_)) => return Err("the host did not say hello first".into()),
        Ok(Err(error)) => return Err(error),
        Err(_) => return Err("the host did not say hello in time".into()),
    }
    let order = look.order().clone();
    let mut line = serde_json::to_vec(&FromBastion::Look { order })
        .map_err(|_| "a message has no JSON form".to_owned())?;
    line.push(b'\n');
    timeout(PATIENCE, write.data_bytes(line))
        .await
        .map_err(|_| "the host does not read".to_owned())?
        .map_err(|error| error.to_string())?;
    match timeout(LOOK_WITHIN, hearing.next()).await {
        Ok(Ok(FromHost::Inventory { statement })) => Ok(statement),
        Ok(Ok(FromHost::Refused { refusal, detail })) => Err(refused(refusal, &detail)),
        Ok(Ok(_)) => Err("the host answered something else than it was asked".into()),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(format!(
            "the host did not answer within {} s",
            LOOK_WITHIN.as_secs()
        )),
    }
}

/// A host client that knows nothing of looks takes one for a line that is no order.
fn refused(refusal: OrderRefusal, detail: &str) -> String {
    if refusal == OrderRefusal::Malformed {
        format!(
            "the host's client does not understand this order; is it older than the CA? `portreeve-host discover` may be \
             asked there by hand ({detail})"
        )
    } else {
        format!("the host refused: {refusal}: {detail}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_looks_is_told_apart_from_one_that_refuses() {
        let old = refused(OrderRefusal::Malformed, "an order comes first");
        assert!(old.contains("older than the CA"), "{old}");
        let busy = refused(OrderRefusal::Looking, "wait");
        assert!(busy.contains("looks at itself already"), "{busy}");
    }
}
