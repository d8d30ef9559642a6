//! What the CA says of itself to OAuth clients (RFC 8414) and to those who check its tokens (RFC 7517).

use portreeve_protocol::token::{GRANT_TOKEN_EXCHANGE, Jwk};
use serde_json::{Value, json};

use super::App;

impl App {
    /// The authorisation server's metadata.
    #[must_use]
    pub fn metadata(&self) -> Value {
        let issuer = &self.settings.issuer;
        json!({
            "issuer": issuer,
            "token_endpoint": format!("{issuer}/oauth2/token"),
            "jwks_uri": format!("{issuer}/oauth2/jwks"),
            "grant_types_supported": [GRANT_TOKEN_EXCHANGE],
            // None: there is no authorisation endpoint; the humans' own providers have theirs.
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["EdDSA"],
            "dpop_signing_alg_values_supported": ["EdDSA"],
        })
    }

    /// The keys that sign delegated tokens.
    #[must_use]
    pub fn key_set(&self) -> Value {
        let keys: Vec<_> = Jwk::of(&self.keys.token)
            .map(Jwk::published)
            .into_iter()
            .collect();
        json!({ "keys": keys })
    }
}
