//! Extractors that prove who calls. A handler that names one is never entered without the proof.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use portreeve_protocol::problem::Code;
use portreeve_protocol::secret::SecretText;

use super::Server;
use super::answer::Rejection;
use crate::app::{Caller, Carrier, Credential, Origin};
use crate::identity::{AuthenticatedBastion, Delegation, Person, claimed};

/// Nobody in particular, from somewhere.
#[derive(Debug)]
pub(super) struct ByAnybody {
    pub(super) origin: Origin,
}

/// A person.
#[derive(Debug)]
pub(super) struct ByPerson {
    pub(super) person: Person,
    pub(super) origin: Origin,
}

/// A pair.
#[derive(Debug)]
pub(super) struct ByPair {
    pub(super) delegation: Delegation,
    pub(super) origin: Origin,
}

/// A person or a pair.
#[derive(Debug)]
pub(super) struct ByCaller {
    pub(super) caller: Caller,
    pub(super) origin: Origin,
}

/// A bastion.
#[derive(Debug)]
pub(super) struct ByBastion {
    pub(super) bastion: AuthenticatedBastion,
    pub(super) origin: Origin,
}

impl FromRequestParts<Server> for ByAnybody {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Rejection> {
        Ok(Self {
            origin: origin(parts, server)?,
        })
    }
}

impl FromRequestParts<Server> for ByPerson {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Rejection> {
        let origin = origin(parts, server)?;
        let token = match credential(&parts.headers) {
            Ok(Credential::Bearer(token)) => token,
            other => {
                let unusable =
                    Unusable::or(other, "this is for people: send an ID token as `Bearer`");
                return Err(unusable.told(server, origin).await);
            }
        };
        let person = server.app.authenticate_person(&token, origin).await?;
        Ok(Self { person, origin })
    }
}

impl FromRequestParts<Server> for ByPair {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Rejection> {
        let origin = origin(parts, server)?;
        let (token, proof) = match credential(&parts.headers) {
            Ok(Credential::Possession { token, proof }) => (token, proof),
            other => {
                let unusable = Unusable::or(
                    other,
                    "this is for pairs: send a delegated token as `DPoP`; a human alone is no pair",
                );
                return Err(unusable.told(server, origin).await);
            }
        };
        let carrier = carrier(parts, origin);
        let delegation = server.app.authenticate_pair(token, &proof, carrier).await?;
        Ok(Self { delegation, origin })
    }
}

impl FromRequestParts<Server> for ByCaller {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Rejection> {
        let origin = origin(parts, server)?;
        let credential = match credential(&parts.headers) {
            Ok(credential) => credential,
            Err(unusable) => return Err(unusable.told(server, origin).await),
        };
        let carrier = carrier(parts, origin);
        let caller = server.app.authenticate_caller(credential, carrier).await?;
        Ok(Self { caller, origin })
    }
}

impl FromRequestParts<Server> for ByBastion {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Rejection> {
        let origin = origin(parts, server)?;
        let assertion = match credential(&parts.headers) {
            Ok(Credential::Bearer(assertion)) => assertion,
            other => {
                let unusable =
                    Unusable::or(other, "this is for bastions: send an assertion as `Bearer`");
                return Err(unusable.told(server, origin).await);
            }
        };
        let bastion = server.app.authenticate_bastion(&assertion, origin).await?;
        Ok(Self { bastion, origin })
    }
}

/// What the headers show is no credential, or not one that the route takes.
#[derive(Debug)]
struct Unusable {
    code: Code,
    claimed: String,
    advice: String,
}

impl Unusable {
    fn new(advice: &str) -> Self {
        Self {
            code: Code::Unauthenticated,
            claimed: "nobody".into(),
            advice: advice.into(),
        }
    }

    /// What is wrong with the headers, or with a credential of another kind than the route takes.
    fn or(shown: Result<Credential, Self>, advice: &str) -> Self {
        match shown {
            Err(unusable) => unusable,
            Ok(Credential::Bearer(token) | Credential::Possession { token, .. }) => Self {
                claimed: claimed(token.expose()),
                ..Self::new(advice)
            },
        }
    }

    async fn told(self, server: &Server, origin: Origin) -> Rejection {
        let Self {
            code,
            claimed,
            advice,
        } = self;
        let app = &server.app;
        app.turn_away(&claimed, code, &advice, origin).await.into()
    }
}

fn carrier(parts: &Parts, origin: Origin) -> Carrier<'_> {
    Carrier {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        origin,
    }
}

fn origin(parts: &Parts, server: &Server) -> Result<Origin, Rejection> {
    let ConnectInfo(peer) = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .ok_or_else(|| Rejection::new(Code::Internal))?;
    Ok(Origin {
        address: peer.ip().to_canonical(),
        at: server.app.clock().now(),
    })
}

/// What the headers show. Two of a kind are refused: somebody before us may have read the other one.
fn credential(headers: &HeaderMap) -> Result<Credential, Unusable> {
    let authorization = single(headers, "authorization")?
        .ok_or_else(|| Unusable::new("send `Authorization: Bearer` or `Authorization: DPoP`"))?;
    let proof = single(headers, "dpop")?;
    let (scheme, token) = authorization
        .split_once(' ')
        .ok_or_else(|| Unusable::new("`Authorization` is a scheme, a space and a token"))?;
    let token = SecretText::new(token.trim().to_owned());
    match (scheme.to_ascii_lowercase().as_str(), proof) {
        ("bearer", _) => Ok(Credential::Bearer(token)),
        ("dpop", Some(proof)) => Ok(Credential::Possession {
            token,
            proof: SecretText::new(proof.to_owned()),
        }),
        ("dpop", None) => Err(Unusable::new("send the proof of possession in `DPoP`")),
        _ => Err(Unusable::new("`Authorization` is `Bearer` or `DPoP`")),
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Unusable> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_| Unusable::new("a token has ASCII characters only")),
        (Some(_), Some(_)) => Err(Unusable {
            code: Code::Malformed,
            ..Unusable::new(&format!("`{name}` is sent twice"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_one_credential_of_a_known_kind_is_read() {
        let read = |list| credential(&headers(list));
        assert!(matches!(
            read(&[("authorization", "Bearer x")]),
            Ok(Credential::Bearer(_))
        ));
        assert!(matches!(
            read(&[("authorization", "dpop x"), ("dpop", "y")]),
            Ok(Credential::Possession { .. })
        ));
        for bad in [
            &[][..],
            &[("authorization", "Bearer")],
            &[("authorization", "Basic eA==")],
            &[("authorization", "DPoP x")],
            &[("authorization", "Bearer x"), ("authorization", "Bearer y")],
            &[("authorization", "DPoP x"), ("dpop", "y"), ("dpop", "z")],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
