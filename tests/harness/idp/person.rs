//! The people of the identity provider.

use serde::Serialize;

/// Somebody who can sign in at the identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// The `sub` claim.
    pub sub: String,
    /// The `preferred_username` claim.
    pub user_name: String,
    /// The `name` claim.
    pub name: String,
    /// The `email` claim, and what they sign in with.
    pub email: String,
    /// The `groups` claim.
    pub groups: Vec<String>,
    /// Their password.
    pub password: String,
    /// The secret of their one-time codes, in base32; without it they have no second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp_secret: Option<String>,
    /// Whether the provider refuses them.
    pub disabled: bool,
    /// How many seconds older than it is their sign-in looks.
    pub signed_in_ago: u32,
}

impl Person {
    /// A security analyst with a second factor.
    #[must_use]
    pub fn alice() -> Self {
        Self::new("alice", "Alice Example", &["soc"]).with_otp("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    }

    /// Who looks after the infrastructure and leads the analysts, with a second factor.
    #[must_use]
    pub fn carol() -> Self {
        Self::new("carol", "Carol Example", &["infra-admins", "soc-leads"])
            .with_otp("KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU")
    }

    /// An analyst without a second factor.
    #[must_use]
    pub fn dave() -> Self {
        Self::new("dave", "Dave Example", &["soc"])
    }

    /// Everyone above.
    #[must_use]
    pub fn everyone() -> Vec<Self> {
        vec![Self::alice(), Self::carol(), Self::dave()]
    }

    /// A person at example.com, with a password and nothing else.
    #[must_use]
    pub fn new(user_name: &str, name: &str, groups: &[&str]) -> Self {
        Self {
            sub: format!("person-{user_name}"),
            user_name: user_name.to_owned(),
            name: name.to_owned(),
            email: format!("{user_name}@example.com"),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            password: format!("password of {user_name}"),
            otp_secret: None,
            disabled: false,
            signed_in_ago: 0,
        }
    }

    /// The same person with a second factor.
    #[must_use]
    pub fn with_otp(mut self, secret: &str) -> Self {
        self.otp_secret = Some(secret.to_owned());
        self
    }
}
