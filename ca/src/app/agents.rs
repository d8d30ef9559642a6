//! The registry of agents.

use portreeve_access_policy::facts;
use portreeve_protocol::admin::{AddAgent, AgentRecord, Listing};
use portreeve_protocol::pair::Agent;
use portreeve_protocol::problem::Code;

use super::permit::{Exists, Permitted};
use super::{App, Failure, Origin};
use crate::decide::HumanAct;
use crate::identity::Person;
use crate::store::Change;

impl App {
    /// All agents.
    ///
    /// # Errors
    /// When the person may not see them or the store fails.
    pub async fn agents(
        &self,
        person: &Person,
        origin: Origin,
    ) -> Result<Listing<AgentRecord>, Failure> {
        let asked = HumanAct::ManageAgents { agent: None };
        self.permit(person, asked, "agents", origin).await?;
        let items = self.store.agents().await?;
        Ok(Listing { items })
    }

    /// Registers an agent.
    ///
    /// # Errors
    /// When the person may not, the name or the key is taken, the key is not Ed25519, or the store fails.
    pub async fn add_agent(
        &self,
        person: &Person,
        request: AddAgent,
        origin: Origin,
    ) -> Result<AgentRecord, Failure> {
        let record = AgentRecord {
            agent: request.agent,
            key: request.key,
            owner: request.owner,
            enabled: true,
            review_by: request.review_by,
            created_at: origin.at,
        };
        let permitted = self
            .permit(person, act(&record), record.agent.to_string(), origin)
            .await?;
        if record.key.ed25519().is_none() {
            return Err(Failure::advise(
                Code::Invalid,
                "an agent authenticates with an Ed25519 key; make one with `ssh-keygen -t ed25519`",
            ));
        }
        let added = format!("added with key {}", record.key.fingerprint());
        let exists = Exists {
            recorded: "the name or the key is taken",
            told: "an agent of this name or with this key exists",
        };
        let change = Change::AddAgent(record.clone());
        self.make(change, &permitted, added, exists).await?;
        Ok(record)
    }

    /// Takes all rights from an agent and kills its sessions, or gives it back what it had; its
    /// sessions stay ended.
    ///
    /// # Errors
    /// When the person may not, there is no such agent, or the store fails.
    pub async fn enable_agent(
        &self,
        person: &Person,
        agent: &Agent,
        is_enabled: bool,
        origin: Origin,
    ) -> Result<AgentRecord, Failure> {
        let (record, permitted) = self.may_manage_agent(person, agent, origin).await?;
        let (change, outcome) = if is_enabled {
            (Change::EnableAgent(agent.clone()), "enabled")
        } else {
            (Change::DisableAgent(agent.clone()), "disabled")
        };
        self.store
            .commit(vec![change], vec![permitted.event(outcome)])
            .await?;
        if !is_enabled {
            let reason = "the agent was disabled";
            self.kill_all_of(agent, permitted.human(), reason, origin.at)
                .await?;
        }
        Ok(AgentRecord {
            enabled: is_enabled,
            ..record
        })
    }

    /// An agent that `person` may manage. Whoever may not manage agents learns the same of one that
    /// exists and of one that does not.
    async fn may_manage_agent(
        &self,
        person: &Person,
        agent: &Agent,
        origin: Origin,
    ) -> Result<(AgentRecord, Permitted), Failure> {
        let record = self.store.agent(agent).await?;
        let asked = match &record {
            Some(record) => act(record),
            None => HumanAct::ManageAgents { agent: None },
        };
        let permitted = self
            .permit(person, asked, agent.to_string(), origin)
            .await?;
        match record {
            Some(record) => Ok((record, permitted)),
            None => {
                let absent = permitted.event("there is no such agent");
                self.log.append(vec![absent]).await?;
                Err(Failure::told(Code::NotPermitted))
            }
        }
    }
}

fn act(record: &AgentRecord) -> HumanAct {
    HumanAct::ManageAgents {
        agent: Some(Box::new(facts::Agent {
            identity: record.agent.clone(),
            owner: record.owner.clone(),
            enabled: record.enabled,
            review_by: record.review_by,
        })),
    }
}
