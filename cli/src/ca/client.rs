//! Requests to the CA's API (`docs/spec/api.md`): each with a fresh proof of who calls, a bounded
//! answer, and an error that says what the CA said.

use std::time::Duration;

use portreeve_protocol::problem::{Code, Problem};
use portreeve_protocol::token::TokenError;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ca::base_url::BaseUrl;
use crate::ca::http::{self, BodyError};
use crate::clock;
use crate::failure::Failure;
use crate::identity::caller::Caller;
use crate::settings::Settings;

/// The longest answer that is read: a trail with its proofs.
const MAX_ANSWER: usize = 64 * 1024 * 1024;
/// How long a recording may take, however slow the line is; silence ends it much earlier.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The pauses before a request that changes nothing is sent again; after the last one it is given up.
const PAUSES: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(300)];

/// A CA that can be asked.
#[derive(Debug, Clone)]
pub struct Ca {
    http: reqwest::Client,
    base: BaseUrl,
}

/// Why the CA gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It cannot be reached.
    #[error("`{url}` cannot be reached")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It refused.
    #[error("the CA answered: {}", .0.title)]
    Refused(Box<Problem>),
    /// Its token endpoint refused.
    #[error("the CA's token endpoint answered `{}`: {}", .0.error, .0.error_description)]
    TokenRefused(TokenError),
    /// It answered something that this version does not understand.
    #[error("the answer of `{url}` (status {status}) is not understood: {reason}")]
    NotUnderstood {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer did not arrive whole.
    #[error("the answer of `{url}` is not read")]
    Body {
        /// What was asked.
        url: String,
        /// Why.
        #[source]
        source: BodyError,
    },
    /// The request cannot be made.
    #[error("the request cannot be made: {0}")]
    Request(String),
}

impl Ca {
    /// The CA of the settings.
    ///
    /// # Errors
    /// When no CA is set, or the file with its root cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, Failure> {
        let base = settings.ca()?.clone();
        let http = http::client(settings.ca_cert())?;
        Ok(Self { http, base })
    }

    /// Its URL, which is also the issuer that tokens name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.base.as_str()
    }

    /// Asks for something. Tried again when the CA is out of reach or busy.
    ///
    /// # Errors
    /// When there is no answer that can be used.
    pub async fn get<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        path: &str,
    ) -> Result<T, CallError> {
        for pause in PAUSES {
            match self.once(caller, Method::GET, path, Body::Empty).await {
                Err(error) if error.is_passing() => tokio::time::sleep(pause).await,
                answer => return answer,
            }
        }
        self.once(caller, Method::GET, path, Body::Empty).await
    }

    /// Asks for a public text.
    ///
    /// # Errors
    /// When there is no answer that can be used.
    pub async fn text(&self, path: &str) -> Result<String, CallError> {
        let answer = self
            .answer(&Caller::Nobody, Method::GET, path, Body::Empty)
            .await?;
        if !answer.status.is_success() {
            return answer.understood();
        }
        let reason = "it is no text";
        String::from_utf8(answer.body).map_err(|_| CallError::NotUnderstood {
            url: answer.url,
            status: answer.status.as_u16(),
            reason: reason.into(),
        })
    }

    /// Has something done. Sent once: only the caller knows whether twice would be wrong.
    ///
    /// # Errors
    /// When there is no answer that can be used.
    pub async fn post<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        caller: &Caller,
        path: &str,
        body: &B,
    ) -> Result<T, CallError> {
        self.once(caller, Method::POST, path, Body::json(body)?)
            .await
    }

    /// Has something done for which the address says everything.
    ///
    /// # Errors
    /// When there is no answer that can be used.
    pub async fn post_empty<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        path: &str,
    ) -> Result<T, CallError> {
        self.once(caller, Method::POST, path, Body::Empty).await
    }

    /// Publishes something.
    ///
    /// # Errors
    /// When there is no answer that can be used.
    pub async fn put<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        caller: &Caller,
        path: &str,
        body: &B,
    ) -> Result<T, CallError> {
        self.once(caller, Method::PUT, path, Body::json(body)?)
            .await
    }

    /// Sends a form, as the token endpoint wants it.
    ///
    /// # Errors
    /// When there is no answer that can be used.
    pub async fn form<T: DeserializeOwned>(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<T, CallError> {
        let encoded = reqwest::Url::parse_with_params("http://localhost/", fields)
            .map_err(|error| CallError::Request(error.to_string()))?
            .query()
            .unwrap_or_default()
            .to_owned();
        self.once(&Caller::Nobody, Method::POST, path, Body::Form(encoded))
            .await
    }

    /// Asks for something that is too large to be held, and that takes as long as it takes.
    ///
    /// # Errors
    /// When the CA refuses or gives no answer.
    pub async fn stream(&self, caller: &Caller, path: &str) -> Result<Response, CallError> {
        let (url, request) = self.request(caller, Method::GET, path, Body::Empty)?;
        let response = send(&url, request.timeout(LONGEST)).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        match taken(url, response).await?.understood::<()>() {
            Err(refused) => Err(refused),
            Ok(()) => Err(CallError::Request("a refusal says that it is none".into())),
        }
    }

    async fn once<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<T, CallError> {
        self.answer(caller, method, path, body).await?.understood()
    }

    async fn answer(
        &self,
        caller: &Caller,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Answer, CallError> {
        let (url, request) = self.request(caller, method, path, body)?;
        let response = send(&url, request).await?;
        taken(url, response).await
    }

    fn request(
        &self,
        caller: &Caller,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(String, RequestBuilder), CallError> {
        let url = self.base.join(path);
        let unique = clock::random().map_err(|error| CallError::Request(error.to_string()))?;
        let proof = caller
            .proof(method.as_str(), &url, clock::now(), unique)
            .map_err(|error| CallError::Request(error.to_string()))?;
        let mut headers = HeaderMap::new();
        for (name, value) in proof {
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| CallError::Request(format!("the {name} header would not be valid")))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let request = self.http.request(method, &url).headers(headers);
        let request = match body {
            Body::Empty => request,
            Body::Json(text) => request.header(CONTENT_TYPE, "application/json").body(text),
            Body::Form(text) => request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(text),
        };
        Ok((url, request))
    }
}

async fn send(url: &str, request: RequestBuilder) -> Result<Response, CallError> {
    let sent = request.send().await;
    sent.map_err(|source| CallError::Unreachable {
        url: url.to_owned(),
        // The address stands beside it already.
        source: source.without_url(),
    })
}

async fn taken(url: String, response: Response) -> Result<Answer, CallError> {
    let status = response.status();
    let kind = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let body = http::body(response, MAX_ANSWER)
        .await
        .map_err(|source| CallError::Body {
            url: url.clone(),
            source,
        })?;
    Ok(Answer {
        url,
        status,
        kind,
        body,
    })
}

/// An answer as it came.
struct Answer {
    url: String,
    status: StatusCode,
    /// The media type.
    kind: String,
    body: Vec<u8>,
}

impl Answer {
    /// What it means.
    fn understood<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        let not_understood = |reason: String| CallError::NotUnderstood {
            url: self.url.clone(),
            status: self.status.as_u16(),
            reason,
        };
        // A pending approval is a problem under a status of success.
        if self.kind.starts_with("application/problem+json") {
            return Err(match serde_json::from_slice::<Problem>(&self.body) {
                Ok(problem) => CallError::Refused(Box::new(problem)),
                Err(error) => not_understood(error.to_string()),
            });
        }
        if !self.status.is_success() {
            return Err(match serde_json::from_slice::<TokenError>(&self.body) {
                Ok(refusal) => CallError::TokenRefused(refusal),
                Err(_) => not_understood(
                    "it is no problem that the API describes; is this the CA?".into(),
                ),
            });
        }
        serde_json::from_slice(&self.body).map_err(|error| not_understood(error.to_string()))
    }
}

impl CallError {
    /// Whether the same request may succeed a moment later.
    fn is_passing(&self) -> bool {
        match self {
            // A server that is being restarted refuses connections; one that hangs goes on hanging.
            Self::Unreachable { source, .. } => source.is_connect() && !source.is_timeout(),
            Self::Refused(problem) => matches!(problem.code, Code::Busy | Code::Unavailable),
            Self::TokenRefused(_)
            | Self::NotUnderstood { .. }
            | Self::Body { .. }
            | Self::Request(_) => false,
        }
    }
}

/// What a request carries.
enum Body {
    Empty,
    Json(String),
    Form(String),
}

impl Body {
    fn json<B: Serialize>(body: &B) -> Result<Self, CallError> {
        serde_json::to_string(body)
            .map(Self::Json)
            .map_err(|error| CallError::Request(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(status: u16, kind: &str, body: &Value) -> Result<Value, CallError> {
        let answer = Answer {
            url: "https://ca.example.com/v1/sessions".into(),
            status: StatusCode::from_u16(status).unwrap(),
            kind: kind.into(),
            body: body.to_string().into_bytes(),
        };
        answer.understood()
    }

    #[test]
    fn a_pending_approval_is_not_taken_for_a_success() {
        let problem = serde_json::to_value(Problem::new(Code::PendingApproval)).unwrap();
        let error = read(202, "application/problem+json", &problem).unwrap_err();
        assert!(
            matches!(error, CallError::Refused(problem) if problem.code == Code::PendingApproval)
        );
    }

    #[test]
    fn refusals_are_told_from_answers_of_somebody_else() {
        let refused = json!({"error": "invalid_client", "error_description": "renew"});
        assert!(matches!(
            read(401, "application/json", &refused),
            Err(CallError::TokenRefused(_))
        ));
        assert!(matches!(
            read(502, "text/html", &json!("<html>")),
            Err(CallError::NotUnderstood { status: 502, .. })
        ));
        assert_eq!(
            read(201, "application/json", &json!({"a": 1})).unwrap(),
            json!({"a": 1})
        );
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let problem = |code| CallError::Refused(Box::new(Problem::new(code)));
        assert!(problem(Code::Busy).is_passing());
        assert!(!problem(Code::NotPermitted).is_passing());
    }
}
