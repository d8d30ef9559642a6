//! Bodies and path parts, read into values that cannot be wrong.

use std::str::FromStr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::{StatusCode, header, request};
use portreeve_protocol::problem::Code;
use serde::de::DeserializeOwned;

use super::Server;
use super::answer::Rejection;

/// How long a body may take to arrive. Shorter than the patience with a whole request, which is not
/// taken back from whoever works on it: a body that never ends would be waited for without an end.
const ARRIVAL: Duration = Duration::from_secs(20);

/// A JSON body. An error names the field.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Server> for Body<T> {
    type Rejection = Rejection;

    async fn from_request(request: Request, server: &Server) -> Result<Self, Rejection> {
        if !has_type(&request, "application/json") {
            return Err(Rejection::advise(
                Code::Malformed,
                "send `content-type: application/json`",
            ));
        }
        let bytes = read(request, server).await?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            let place = if path == "." {
                "the body".into()
            } else {
                format!("`{path}`")
            };
            Rejection::advise(Code::Malformed, format!("{place}: {}", error.inner()))
        })?;
        json.end().map_err(|_| {
            Rejection::advise(Code::Malformed, "the body goes on after the JSON value")
        })?;
        Ok(Self(value))
    }
}

/// A form (`application/x-www-form-urlencoded`), with repetitions kept.
#[derive(Debug)]
pub(super) struct Form(pub(super) Vec<(String, String)>);

impl FromRequest<Server> for Form {
    type Rejection = Rejection;

    async fn from_request(request: Request, server: &Server) -> Result<Self, Rejection> {
        match within(ARRIVAL, axum::Form::from_request(request, server)).await? {
            Ok(axum::Form(pairs)) => Ok(Self(pairs)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Rejection::new(Code::TooLarge))
            }
            Err(_) => Err(Rejection::advise(
                Code::Malformed,
                "send `content-type: application/x-www-form-urlencoded` and a form",
            )),
        }
    }
}

/// The parts of the path as text.
#[derive(Debug)]
pub(super) struct Parts<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Server> for Parts<T> {
    type Rejection = Rejection;

    async fn from_request_parts(
        parts: &mut request::Parts,
        server: &Server,
    ) -> Result<Self, Rejection> {
        match Path::from_request_parts(parts, server).await {
            Ok(Path(texts)) => Ok(Self(texts)),
            Err(_) => Err(Rejection::advise(
                Code::Malformed,
                "the path: it is not UTF-8",
            )),
        }
    }
}

/// A part of the path as a value.
pub(super) fn part<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Rejection> {
    text.parse()
        .map_err(|error: T::Err| Rejection::advise(Code::Malformed, format!("the path: {error}")))
}

fn has_type(request: &Request, wanted: &str) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}

async fn read(request: Request, server: &Server) -> Result<Bytes, Rejection> {
    within(ARRIVAL, Bytes::from_request(request, server))
        .await?
        .map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Rejection::new(Code::TooLarge)
            } else {
                Rejection::advise(Code::Malformed, "the body could not be read")
            }
        })
}

/// What `arriving` gives, unless it takes too long.
async fn within<T>(patience: Duration, arriving: impl Future<Output = T>) -> Result<T, Rejection> {
    tokio::time::timeout(patience, arriving)
        .await
        .map_err(|_| Rejection::advise(Code::Malformed, "the body did not arrive in time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_never_ends_is_not_waited_for() {
        let arriving = std::future::pending::<()>();
        assert!(within(Duration::from_millis(1), arriving).await.is_err());
        assert!(within(Duration::from_secs(60), async {}).await.is_ok());
    }
}
