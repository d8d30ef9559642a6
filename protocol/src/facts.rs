//! What policy knows about a pair, a host and a bundle beyond their names.
//!
//! The CA resolves these facts when it grants a session and puts them into the grant, so that the
//! bastion decides every command from the same facts without asking anybody.

use serde::{Deserialize, Serialize};

use crate::name::HumanName;
use crate::time::Timestamp;

/// Most groups of a human and most labels of a host that are told; a grant has bounded room.
pub const MAX_GROUPS: usize = 64;

/// What policy knows beyond the names in the grant around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The human's e-mail address, if the identity provider vouched for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The human's groups at the identity provider.
    pub groups: Vec<String>,
    /// How and when the human signed in.
    pub sign_in: SignIn,
    /// Who answers for the agent.
    pub owner: HumanName,
    /// When the owner must look at the agent again; none when never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_by: Option<Timestamp>,
    /// The host's labels.
    pub labels: Vec<String>,
    /// What the bundle's author says that it does.
    pub intent: Intent,
}

/// How and when a human signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// When (`auth_time`).
    pub at: Timestamp,
    /// How (`amr`, RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The authentication context class (`acr`), if the provider named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
}

/// What a bundle's author says that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// Looks and changes nothing.
    ReadOnly,
    /// Changes something.
    Write,
}

impl Intent {
    /// The intent as it is written in a bundle and in a policy.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Write => "write",
        }
    }
}
