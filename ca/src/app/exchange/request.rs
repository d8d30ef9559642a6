//! The parameters of a token exchange (RFC 8693, section 2.1).

use std::collections::BTreeMap;

use portreeve_protocol::pair::Agent;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::token::{
    ASSERTION_TYPE_JWT, GRANT_TOKEN_EXCHANGE, TYPE_ACCESS_TOKEN, TYPE_ID_TOKEN, TYPE_JWT,
};

use super::ExchangeFailure;

/// A token exchange as it is asked for. Nothing in it is proved.
#[derive(Debug)]
pub struct ExchangeRequest {
    pub(super) client_assertion: SecretText,
    pub(super) subject_token: SecretText,
    pub(super) actor_token: SecretText,
    client_id: Option<String>,
    targets: Vec<String>,
}

impl ExchangeRequest {
    /// Takes the parameters of the form. Those that are not known are ignored (RFC 6749, section 3.2).
    ///
    /// # Errors
    /// When one is missing, repeated or of another type than we exchange.
    pub fn parse(form: Vec<(String, String)>) -> Result<Self, ExchangeFailure> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form {
            // An empty parameter is one that was not sent (RFC 6749, section 3.1).
            if !value.is_empty() && parameters.insert(name, value).is_some() {
                return Err(ExchangeFailure::Request("a parameter is repeated"));
            }
        }
        let mut take = |name: &str| parameters.remove(name);
        match take("grant_type").as_deref() {
            Some(GRANT_TOKEN_EXCHANGE) => {}
            Some(_) => return Err(ExchangeFailure::GrantType),
            None => return Err(ExchangeFailure::Request("`grant_type` is missing")),
        }
        if take("client_assertion_type").as_deref() != Some(ASSERTION_TYPE_JWT) {
            return Err(ExchangeFailure::Client(
                "authenticate with `private_key_jwt`: `client_assertion_type` and `client_assertion`".into(),
            ));
        }
        if take("subject_token_type").as_deref() != Some(TYPE_ID_TOKEN) {
            return Err(ExchangeFailure::Request(
                "`subject_token_type` must be that of an ID token",
            ));
        }
        if take("actor_token_type").as_deref() != Some(TYPE_JWT) {
            return Err(ExchangeFailure::Request(
                "`actor_token_type` must be that of a JWT; a human alone is no pair",
            ));
        }
        if take("requested_token_type").is_some_and(|kind| kind != TYPE_ACCESS_TOKEN) {
            return Err(ExchangeFailure::Request(
                "`requested_token_type` must be that of an access token",
            ));
        }
        let mut token = |name: &str, missing: &'static str| {
            parameters
                .remove(name)
                .map(SecretText::new)
                .ok_or(ExchangeFailure::Request(missing))
        };
        Ok(Self {
            client_assertion: token("client_assertion", "`client_assertion` is missing")?,
            subject_token: token("subject_token", "`subject_token` is missing")?,
            actor_token: token(
                "actor_token",
                "`actor_token` is missing; a human alone is no pair",
            )?,
            client_id: parameters.remove("client_id"),
            targets: ["audience", "resource"]
                .into_iter()
                .filter_map(|name| parameters.remove(name))
                .collect(),
        })
    }

    /// What can be checked once the agent is known.
    pub(super) fn check(&self, agent: &Agent, issuer: &str) -> Result<(), ExchangeFailure> {
        self.demand_client(agent)?;
        self.demand_target(issuer)
    }

    /// `client_id`, where it is said, must be that of the agent that authenticated.
    fn demand_client(&self, agent: &Agent) -> Result<(), ExchangeFailure> {
        match &self.client_id {
            Some(id) if *id != agent.to_string() => Err(ExchangeFailure::Request(
                "`client_id` is not the client that authenticated",
            )),
            _ => Ok(()),
        }
    }

    /// The only audience of a delegated token is this CA.
    fn demand_target(&self, issuer: &str) -> Result<(), ExchangeFailure> {
        if self
            .targets
            .iter()
            .all(|target| target.trim_end_matches('/') == issuer)
        {
            Ok(())
        } else {
            Err(ExchangeFailure::Target)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Vec<(String, String)> {
        [
            ("grant_type", GRANT_TOKEN_EXCHANGE),
            ("client_assertion_type", ASSERTION_TYPE_JWT),
            ("client_assertion", "a"),
            ("subject_token", "s"),
            ("subject_token_type", TYPE_ID_TOKEN),
            ("actor_token", "t"),
            ("actor_token_type", TYPE_JWT),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec()
    }

    fn with(name: &str, value: &str) -> Result<ExchangeRequest, ExchangeFailure> {
        let mut form = form();
        form.retain(|(known, _)| known != name);
        if !value.is_empty() {
            form.push((name.into(), value.into()));
        }
        ExchangeRequest::parse(form)
    }

    #[test]
    fn a_complete_form_is_an_exchange() {
        let request = ExchangeRequest::parse(form()).unwrap();
        assert_eq!(request.subject_token.expose(), "s");
        assert!(with("unknown", "x").is_ok());
    }

    #[test]
    fn what_is_missing_or_wrong_has_its_error() {
        for (name, value, error) in [
            ("grant_type", "", "invalid_request"),
            ("grant_type", "password", "unsupported_grant_type"),
            ("client_assertion_type", "", "invalid_client"),
            ("client_assertion", "", "invalid_request"),
            ("subject_token", "", "invalid_request"),
            ("subject_token_type", TYPE_ACCESS_TOKEN, "invalid_request"),
            ("actor_token", "", "invalid_request"),
            ("actor_token_type", "", "invalid_request"),
            ("requested_token_type", TYPE_ID_TOKEN, "invalid_request"),
        ] {
            let failure = with(name, value).unwrap_err();
            assert_eq!(failure.answer().1.error, error, "{name}={value}");
        }
        let mut twice = form();
        twice.extend(form());
        assert!(ExchangeRequest::parse(twice).is_err());
    }

    #[test]
    fn a_token_is_for_this_ca_only() {
        let here = "https://ca.example.com";
        assert!(with("audience", here).unwrap().demand_target(here).is_ok());
        let elsewhere = with("resource", "https://api.example.com").unwrap();
        assert!(elsewhere.demand_target(here).is_err());
    }
}
