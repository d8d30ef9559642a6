//! The limits of what is signed as text: orders, look orders, tokens, checkpoints.

use portreeve_protocol::look::{DELIVER_WITHIN, LookOrder};
use portreeve_protocol::order::Order;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{DelegatedClaims, MAX_TOKEN};

use super::{Limits, Within, begins_now, no_longer_than, serial, shape};
use crate::sign::{Kind, LogHead, Refusal};

/// The longest claim that is one name, address or id.
const MAX_CLAIM: usize = 512;
/// The most groups that a token carries.
const MAX_GROUPS: usize = 500;

impl Limits {
    /// Checks an order: for the session's own account, to be delivered soon, with an end.
    pub(crate) fn order(&self, order: Order, now: Timestamp) -> Result<Within<Order>, Refusal> {
        let kind = Kind::Order;
        begins_now(kind, order.issued_at, now)?;
        serial(kind, order.session_serial)?;
        if order.account != order.session.account() {
            return Err(shape(kind, "its account is that of its session"));
        }
        if order.deliver_by <= now || order.deliver_by > order.expires_at {
            return Err(Refusal::NotNow { kind });
        }
        no_longer_than(kind, self.control.as_duration(), order.deliver_by, now)?;
        no_longer_than(kind, self.session.as_duration(), order.expires_at, now)?;
        Ok(Within(order))
    }

    /// Checks a look order: to be delivered within the minute.
    pub(crate) fn look(
        &self,
        order: LookOrder,
        now: Timestamp,
    ) -> Result<Within<LookOrder>, Refusal> {
        let kind = Kind::Look;
        begins_now(kind, order.issued_at, now)?;
        if order.deliver_by <= now || order.deliver_by < order.issued_at {
            return Err(Refusal::NotNow { kind });
        }
        no_longer_than(kind, DELIVER_WITHIN, order.deliver_by, now)?;
        Ok(Within(order))
    }

    /// Checks a delegated token: ours, with both identities, each said once and the same
    /// everywhere, bound to a key, and with an end.
    pub(crate) fn token(
        &self,
        claims: DelegatedClaims,
        now: Timestamp,
    ) -> Result<Within<DelegatedClaims>, Refusal> {
        let kind = Kind::Token;
        begins_now(kind, Timestamp::from_seconds(claims.iat), now)?;
        let until = Timestamp::from_seconds(claims.exp);
        if until <= now {
            return Err(Refusal::NotNow { kind });
        }
        no_longer_than(kind, self.token.as_duration(), until, now)?;
        if claims.iss != self.issuer {
            return Err(shape(kind, "its issuer is the CA"));
        }
        if claims.human_iss.is_empty()
            || claims.human_sub.is_empty()
            || claims.sub != format!("{}#{}", claims.human_iss, claims.human_sub)
        {
            return Err(shape(kind, "its subject is one human"));
        }
        if claims.act.sub != claims.client_id {
            return Err(shape(kind, "its actor and its client are one agent"));
        }
        if claims.aud.is_empty() || claims.jti.is_empty() {
            return Err(shape(kind, "it has an audience and an id"));
        }
        // A thumbprint (RFC 7638) of SHA-256 has 43 characters of base64url.
        if claims.cnf.jkt.len() != 43
            || !claims
                .cnf
                .jkt
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        {
            return Err(shape(kind, "it is bound to a key by its thumbprint"));
        }
        if [&claims.sub, &claims.aud, &claims.jti]
            .iter()
            .any(|claim| claim.len() > MAX_CLAIM)
            || claims.groups.len() > MAX_GROUPS
            || serde_json::to_vec(&claims).map_or(true, |json| json.len() > MAX_TOKEN / 2)
        {
            return Err(shape(kind, "its claims fit a token"));
        }
        Ok(Within(claims))
    }

    /// Checks a checkpoint against the last one that was signed: a log only grows, and at one size
    /// it has one root.
    pub(crate) fn checkpoint(
        &self,
        head: LogHead,
        last: Option<LogHead>,
    ) -> Result<Within<LogHead>, Refusal> {
        let kind = Kind::Checkpoint;
        match last {
            Some(last) if head.size < last.size => Err(shape(kind, "a log does not shrink")),
            Some(last) if head.size == last.size && head.root != last.root => {
                Err(shape(kind, "a log of one size has one root"))
            }
            _ => Ok(Within(head)),
        }
    }
}
