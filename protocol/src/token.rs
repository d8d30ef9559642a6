//! JSON web tokens: their claims, their media types, and the compact form before and after signing.
//!
//! Verification is not here: only the CA verifies tokens, with a library. Signing takes two
//! steps, because the key may be in another process: [`signing_input`], then [`assemble`].

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Serialize};

use crate::key::PublicKey;
use crate::name::HumanName;
use crate::pair::Agent;
use crate::secret::SecretText;

/// `typ` of an assertion by which a client authenticates (RFC 7523, and its revision's media type).
pub const CLIENT_ASSERTION: &str = "client-authentication+jwt";
/// `typ` of the token by which an agent proves that it is the actor of a token exchange.
pub const ACTOR: &str = "actor+jwt";
/// `typ` of an access token (RFC 9068), which a delegated token is.
pub const ACCESS_TOKEN: &str = "at+jwt";
/// `typ` of a proof of possession (RFC 9449).
pub const DPOP_PROOF: &str = "dpop+jwt";

/// `grant_type` of a token exchange (RFC 8693).
pub const GRANT_TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// `client_assertion_type` of `private_key_jwt` (RFC 7523).
pub const ASSERTION_TYPE_JWT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Token type of an OpenID Connect ID token (RFC 8693, section 3).
pub const TYPE_ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// Token type of any JWT (RFC 8693, section 3).
pub const TYPE_JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// Token type of an access token (RFC 8693, section 3).
pub const TYPE_ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The longest token that is read.
pub const MAX_TOKEN: usize = 16 * 1024;

/// A JOSE header (RFC 7515) of a token that we sign: always EdDSA (RFC 8037).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Header {
    /// The algorithm: `EdDSA`.
    pub alg: String,
    /// The media type, one of the constants above.
    pub typ: String,
    /// Which key signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The key itself, in a proof of possession.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwk: Option<Jwk>,
}

impl Header {
    /// A header for a token of media type `typ` signed by the key called `kid`.
    #[must_use]
    pub fn new(typ: &str, kid: Option<String>) -> Self {
        Self {
            alg: "EdDSA".into(),
            typ: typ.into(),
            kid,
            jwk: None,
        }
    }
}

/// An Ed25519 public key as a JWK (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// The 32 bytes in unpadded base64url.
    pub x: String,
    /// The key's name in a key set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// `EdDSA`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `sig`.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
}

impl Jwk {
    /// The JWK of an Ed25519 key; other keys have none here.
    #[must_use]
    pub fn of(key: &PublicKey) -> Option<Self> {
        let x = Base64UrlUnpadded::encode_string(&key.ed25519()?);
        Some(Self {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            x,
            kid: None,
            alg: None,
            usage: None,
        })
    }

    /// The same key with its thumbprint as `kid` and its use stated, as it stands in a key set.
    #[must_use]
    pub fn published(self) -> Self {
        Self {
            kid: Some(self.thumbprint()),
            alg: Some("EdDSA".into()),
            usage: Some("sig".into()),
            ..self
        }
    }

    /// The thumbprint (RFC 7638): SHA-256 over the required members in their fixed order.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let required = format!(
            r#"{{"crv":"{}","kty":"{}","x":"{}"}}"#,
            self.crv, self.kty, self.x
        );
        Base64UrlUnpadded::encode_string(crate::digest::Digest::of(required.as_bytes()).as_bytes())
    }
}

/// Claims of a client assertion (RFC 7523) and of an actor token: the signer speaks of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfIssuedClaims {
    /// Who signed: an agent as `team/name`, a bastion as `bastion:name`.
    pub iss: String,
    /// The same as `iss`.
    pub sub: String,
    /// The CA's issuer URL.
    pub aud: String,
    /// Seconds since 1970: made.
    pub iat: i64,
    /// Seconds since 1970: void from here on; at most five minutes after `iat`.
    pub exp: i64,
    /// Unique among this signer's tokens.
    pub jti: String,
}

/// Claims of a proof of possession (RFC 9449).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofClaims {
    /// Unique among this key's proofs.
    pub jti: String,
    /// The request's method.
    pub htm: String,
    /// The request's URL without query and fragment.
    pub htu: String,
    /// Seconds since 1970: made.
    pub iat: i64,
    /// SHA-256 of the access token in unpadded base64url.
    pub ath: String,
}

/// `ath` of a proof for `token` (RFC 9449, section 4.2).
#[must_use]
pub fn access_token_hash(token: &SecretText) -> String {
    Base64UrlUnpadded::encode_string(
        crate::digest::Digest::of(token.expose().as_bytes()).as_bytes(),
    )
}

/// Claims of a delegated token (RFC 8693, RFC 9068): `sub` is the human, `act.sub` the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegatedClaims {
    /// The CA's issuer URL.
    pub iss: String,
    /// The human: issuer, `#`, subject.
    pub sub: String,
    /// Who acts for the human.
    pub act: Actor,
    /// The agent again, as the OAuth client (RFC 9068 demands it).
    pub client_id: Agent,
    /// Who is to believe this token: the CA, or a resource server.
    pub aud: String,
    /// Seconds since 1970: made.
    pub iat: i64,
    /// Seconds since 1970: void from here on.
    pub exp: i64,
    /// Unique among the CA's tokens.
    pub jti: String,
    /// The key that must accompany the token (RFC 7800).
    pub cnf: Confirmation,
    /// When the human signed in, seconds since 1970.
    pub auth_time: i64,
    /// How the human signed in (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The authentication context class, if the provider named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// What people call the human.
    pub name: HumanName,
    /// The human's issuer.
    pub human_iss: String,
    /// The human's subject at that issuer.
    pub human_sub: String,
    /// The human's groups at the identity provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The human's e-mail address, if the identity provider vouched for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// The acting party (RFC 8693, section 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The agent as `team/name`.
    pub sub: Agent,
}

/// The key a token is bound to (RFC 7800, RFC 9449).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The key's JWK thumbprint.
    pub jkt: String,
}

/// A successful answer of the token endpoint (RFC 8693, section 2.2.1).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The delegated token.
    pub access_token: SecretText,
    /// [`TYPE_ACCESS_TOKEN`].
    pub issued_token_type: String,
    /// `DPoP`.
    pub token_type: String,
    /// Seconds until it is void.
    pub expires_in: u32,
}

/// A refusal by the token endpoint (RFC 6749, section 5.2).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenError {
    /// One of the registered error codes.
    pub error: String,
    /// What to do about it.
    pub error_description: String,
}

/// The text over which a token's signature is made (RFC 7515, section 5.1).
///
/// # Errors
/// When header or claims do not serialise.
pub fn signing_input<C: Serialize>(
    header: &Header,
    claims: &C,
) -> Result<String, serde_json::Error> {
    let header = Base64UrlUnpadded::encode_string(&serde_json::to_vec(header)?);
    let claims = Base64UrlUnpadded::encode_string(&serde_json::to_vec(claims)?);
    Ok(format!("{header}.{claims}"))
}

/// The token: signing input and Ed25519 signature.
#[must_use]
pub fn assemble(signing_input: &str, signature: &[u8; 64]) -> SecretText {
    SecretText::new(format!(
        "{signing_input}.{}",
        Base64UrlUnpadded::encode_string(signature)
    ))
}

/// Signs a token with an Ed25519 key at hand.
///
/// # Errors
/// When header or claims do not serialise.
pub fn sign<C: Serialize>(
    header: &Header,
    claims: &C,
    key: &ed25519_dalek::SigningKey,
) -> Result<SecretText, serde_json::Error> {
    use ed25519_dalek::Signer as _;
    let input = signing_input(header, claims)?;
    let signature = key.sign(input.as_bytes()).to_bytes();
    Ok(assemble(&input, &signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the thumbprint of RFC 8037, appendices A.2 and A.3.
    #[test]
    fn thumbprint_is_that_of_rfc_8037() {
        let jwk = Jwk {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into(),
            kid: None,
            alg: None,
            usage: None,
        };
        assert_eq!(
            jwk.thumbprint(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    /// The signature of RFC 8037, appendix A.4.
    #[test]
    fn signature_is_that_of_rfc_8037() {
        use ed25519_dalek::Signer as _;
        let mut seed = [0; 32];
        Base64UrlUnpadded::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", &mut seed)
            .unwrap();
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let token = assemble(input, &key.sign(input.as_bytes()).to_bytes());
        assert!(token.expose().ends_with(
            ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        ));
    }
}
