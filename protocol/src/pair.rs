//! Who: the human who asked, the agent who acts, and the pair of both.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::{AgentName, HumanName, NotAName, TeamName};

/// The human who asked, as the identity provider knows them.
///
/// `issuer` and `subject` identify (OpenID Connect Core, section 2); `name` is for reading.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Human {
    /// The identity provider's issuer URL.
    pub issuer: String,
    /// The subject identifier at that issuer.
    pub subject: String,
    /// The name people read.
    pub name: HumanName,
}

impl Human {
    /// The one text that identifies a human: the issuer, a `#`, and the subject.
    ///
    /// An issuer URL holds no fragment (OpenID Connect Discovery, section 3), so no two humans
    /// share one.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}#{}", self.issuer, self.subject)
    }
}

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// An agent: a team and a name, written `team/name`. This is also its OAuth client id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Agent {
    /// The team that owns the agent.
    pub team: TeamName,
    /// The agent's name within the team.
    pub name: AgentName,
}

/// Why a text does not name an agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAgent {
    /// There is no slash between team and name.
    #[error("an agent is written `team/name`")]
    NoSlash,
    /// The team or the name is not a name.
    #[error(transparent)]
    Name(#[from] NotAName),
}

impl FromStr for Agent {
    type Err = NotAnAgent;

    fn from_str(text: &str) -> Result<Self, NotAnAgent> {
        let (team, name) = text.split_once('/').ok_or(NotAnAgent::NoSlash)?;
        Ok(Self {
            team: team.parse()?,
            name: name.parse()?,
        })
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.team, self.name)
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agent({self})")
    }
}

impl Serialize for Agent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Agent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The human who asked and the agent who acts. Neither is ever left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Who asked.
    pub human: Human,
    /// Who acts.
    pub agent: Agent,
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "portreeve://{}/{}", self.agent, self.human.name)
    }
}

#[cfg(test)]
pub(crate) fn example_pair() -> Pair {
    Pair {
        human: Human {
            issuer: "https://idp.example.com".into(),
            subject: "alice".into(),
            name: "alice@example.com".parse().unwrap(),
        },
        agent: "soc/forensics".parse().unwrap(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_written_as_one_address() {
        assert_eq!(
            example_pair().to_string(),
            "portreeve://soc/forensics/alice@example.com"
        );
    }

    #[test]
    fn agents_read_back() {
        for bad in ["soc", "/x", "soc/", "soc/a/b", "SOC/a", "soc/a b"] {
            assert!(bad.parse::<Agent>().is_err(), "{bad}");
        }
        let agent: Agent = "soc/forensics".parse().unwrap();
        assert_eq!(agent.to_string().parse(), Ok(agent));
    }
}
