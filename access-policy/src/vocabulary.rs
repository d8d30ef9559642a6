//! From plain values to what Cedar reasons about, by the schema.
//!
//! The schema and the names in it are read once; a request builds only its own few entities, and
//! both the request and the entities are checked against the schema.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr as _;
use std::sync::OnceLock;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
    Schema, Validator,
};

use portreeve_protocol::attest::Watcher;

use crate::act::{HumanAct, SessionAct};
use crate::facts::{Agent, Bundle, Circumstances, Host, HostFacts, Human, Session, WatchFacts};
use crate::question::Question;

/// The schema that every policy is checked against.
pub const SCHEMA: &str = include_str!("schema.cedarschema");

/// Why a question cannot be put to the policies. The reason is for the trail.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the question does not follow the schema: {0}")]
pub(crate) struct Inexpressible(String);

/// Turns any error of the engine into words.
fn inexpressible(error: impl fmt::Display) -> Inexpressible {
    Inexpressible(error.to_string())
}

/// The schema and the names in it, read once.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) validator: Validator,
    action: EntityTypeName,
    group: EntityTypeName,
    human: EntityTypeName,
    team: EntityTypeName,
    agent: EntityTypeName,
    delegation: EntityTypeName,
    host: EntityTypeName,
    bundle: EntityTypeName,
    session: EntityTypeName,
    installation: EntityTypeName,
}

impl Vocabulary {
    /// The vocabulary of the schema that is compiled in.
    pub(crate) fn of_schema() -> Result<&'static Self, Inexpressible> {
        static VOCABULARY: OnceLock<Result<Vocabulary, Inexpressible>> = OnceLock::new();
        VOCABULARY
            .get_or_init(Self::read)
            .as_ref()
            .map_err(Clone::clone)
    }

    fn read() -> Result<Self, Inexpressible> {
        let (schema, _warnings) = Schema::from_cedarschema_str(SCHEMA).map_err(inexpressible)?;
        let name = |name: &str| {
            EntityTypeName::from_str(&format!("Portreeve::{name}")).map_err(inexpressible)
        };
        Ok(Self {
            validator: Validator::new(schema),
            action: name("Action")?,
            group: name("Group")?,
            human: name("Human")?,
            team: name("Team")?,
            agent: name("Agent")?,
            delegation: name("Delegation")?,
            host: name("Host")?,
            bundle: name("Bundle")?,
            session: name("Session")?,
            installation: name("Installation")?,
        })
    }

    /// The question as Cedar takes it.
    pub(crate) fn express(
        &self,
        question: &Question<'_>,
    ) -> Result<(Request, Entities), Inexpressible> {
        let mut facts = FactsBuilder {
            vocabulary: self,
            entities: Vec::new(),
            context: Vec::new(),
        };
        let (principal, action, resource) = match question {
            Question::Delegate(request) => {
                let (human, agent, host) =
                    facts.task(&request.session, request.ttl.as_seconds())?;
                facts.say("agent", RestrictedExpression::new_entity_uid(agent));
                facts.circumstances(&request.circumstances);
                facts.host_watch(request.host_watch)?;
                (human, "delegate", host)
            }
            Question::Hold(request) => {
                let (human, agent, host) =
                    facts.task(&request.session, request.ttl.as_seconds())?;
                facts.say("human", RestrictedExpression::new_entity_uid(human));
                facts.circumstances(&request.circumstances);
                facts.host_watch(request.host_watch)?;
                (agent, "hold", host)
            }
            Question::Start(request) => {
                let (human, agent, host) =
                    facts.task(&request.session, request.ttl.as_seconds())?;
                facts.circumstances(&request.circumstances);
                facts.host_watch(request.host_watch)?;
                (
                    facts.delegation(&request.session, &human, &agent)?,
                    "start",
                    host,
                )
            }
            Question::Use(request) => {
                let (human, agent, host) = facts.task(&request.session, request.remaining)?;
                facts.circumstances(&request.circumstances);
                facts.host_check(request.host_check.as_ref())?;
                if let Some(watch) = request.host_watch {
                    facts.host_watch(Some(watch))?;
                }
                facts.act(&request.act)?;
                (
                    facts.delegation(&request.session, &human, &agent)?,
                    request.act.action(),
                    host,
                )
            }
            Question::Human(request) => {
                // First the person who asks: what is known of them now counts, also where the
                // session that they ask about is their own.
                let human = facts.human(&request.human)?;
                let resource = facts.resource(&request.act)?;
                facts.circumstances(&request.circumstances);
                (human, request.act.action(), resource)
            }
        };
        let FactsBuilder {
            entities, context, ..
        } = facts;
        let action = uid(&self.action, action);
        let context = Context::from_pairs(context).map_err(inexpressible)?;
        let request = Request::new(
            principal,
            action,
            resource,
            context,
            Some(self.validator.schema()),
        )
        .map_err(inexpressible)?;
        let entities = Entities::from_entities(entities, Some(self.validator.schema()))
            .map_err(inexpressible)?;
        Ok((request, entities))
    }
}

/// Collects the entities and the context of one question.
struct FactsBuilder<'v> {
    vocabulary: &'v Vocabulary,
    entities: Vec<Entity>,
    context: Vec<(String, RestrictedExpression)>,
}

impl FactsBuilder<'_> {
    fn say(&mut self, key: &str, value: RestrictedExpression) {
        self.context.push((key.to_owned(), value));
    }

    fn add(
        &mut self,
        uid: EntityUid,
        attributes: impl IntoIterator<Item = (&'static str, RestrictedExpression)>,
        parents: HashSet<EntityUid>,
    ) -> Result<EntityUid, Inexpressible> {
        // The person who asks may also be the one whose session it is: what was said first stands.
        if self.entities.iter().any(|known| known.uid() == uid) {
            return Ok(uid);
        }
        let attributes: HashMap<String, RestrictedExpression> = attributes
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        self.entities
            .push(Entity::new(uid.clone(), attributes, parents).map_err(inexpressible)?);
        Ok(uid)
    }

    fn human(&mut self, human: &Human) -> Result<EntityUid, Inexpressible> {
        let identity = &human.identity;
        let mut attributes = vec![
            ("issuer", string(&identity.issuer)),
            ("subject", string(&identity.subject)),
            ("name", string(identity.name.as_str())),
        ];
        attributes.extend(human.email.as_deref().map(|email| ("email", string(email))));
        let groups = human
            .groups
            .iter()
            .map(|group| uid(&self.vocabulary.group, group))
            .collect();
        self.add(
            uid(&self.vocabulary.human, &identity.id()),
            attributes,
            groups,
        )
    }

    fn agent(&mut self, agent: &Agent) -> Result<EntityUid, Inexpressible> {
        let team = uid(&self.vocabulary.team, agent.identity.team.as_str());
        let mut attributes = vec![
            ("team", RestrictedExpression::new_entity_uid(team.clone())),
            ("name", string(agent.identity.name.as_str())),
            ("owner", string(agent.owner.as_str())),
            ("enabled", RestrictedExpression::new_bool(agent.enabled)),
        ];
        attributes.extend(agent.review_by.map(|due| {
            (
                "reviewDue",
                RestrictedExpression::new_long(due.as_seconds()),
            )
        }));
        self.add(
            uid(&self.vocabulary.agent, &agent.identity.to_string()),
            attributes,
            HashSet::from([team]),
        )
    }

    fn host(&mut self, host: &Host) -> Result<EntityUid, Inexpressible> {
        let attributes = [
            ("name", string(host.name.as_str())),
            ("labels", strings(&host.labels)),
        ];
        self.add(
            uid(&self.vocabulary.host, host.name.as_str()),
            attributes,
            HashSet::new(),
        )
    }

    fn bundle(&mut self, bundle: &Bundle) -> Result<EntityUid, Inexpressible> {
        let name = bundle.version.name.as_str();
        let attributes = [
            ("name", string(name)),
            ("digest", string(&bundle.version.digest.to_string())),
            ("intent", string(bundle.intent.as_str())),
        ];
        self.add(
            uid(&self.vocabulary.bundle, name),
            attributes,
            HashSet::new(),
        )
    }

    fn session(&mut self, session: &Session) -> Result<EntityUid, Inexpressible> {
        let attributes = [
            (
                "human",
                RestrictedExpression::new_entity_uid(self.human(&session.human)?),
            ),
            (
                "agent",
                RestrictedExpression::new_entity_uid(self.agent(&session.agent)?),
            ),
            (
                "host",
                RestrictedExpression::new_entity_uid(self.host(&session.host)?),
            ),
            (
                "bundle",
                RestrictedExpression::new_entity_uid(self.bundle(&session.bundle)?),
            ),
            ("ticket", string(session.ticket.as_str())),
            ("purpose", string(session.purpose.as_str())),
        ];
        self.add(
            uid(&self.vocabulary.session, &session.id.to_string()),
            attributes,
            HashSet::new(),
        )
    }

    /// Human, agent and host of a session, and its task in the context.
    fn task(
        &mut self,
        session: &Session,
        seconds: u32,
    ) -> Result<(EntityUid, EntityUid, EntityUid), Inexpressible> {
        let bundle = self.bundle(&session.bundle)?;
        self.say("ticket", string(session.ticket.as_str()));
        self.say("purpose", string(session.purpose.as_str()));
        self.say("bundle", RestrictedExpression::new_entity_uid(bundle));
        self.say("ttl", RestrictedExpression::new_long(seconds.into()));
        Ok((
            self.human(&session.human)?,
            self.agent(&session.agent)?,
            self.host(&session.host)?,
        ))
    }

    fn delegation(
        &mut self,
        session: &Session,
        human: &EntityUid,
        agent: &EntityUid,
    ) -> Result<EntityUid, Inexpressible> {
        let id = format!(
            "{} for {}",
            session.agent.identity,
            session.human.identity.id()
        );
        let attributes = [
            ("human", RestrictedExpression::new_entity_uid(human.clone())),
            ("agent", RestrictedExpression::new_entity_uid(agent.clone())),
        ];
        self.add(
            uid(&self.vocabulary.delegation, &id),
            attributes,
            HashSet::new(),
        )
    }

    fn host_check(&mut self, check: Option<&HostFacts>) -> Result<(), Inexpressible> {
        let Some(check) = check else { return Ok(()) };
        let fields = [
            ("complete", RestrictedExpression::new_bool(check.complete)),
            ("sudo", string(&check.sudo)),
            ("localRoot", strings(&check.local_root)),
            ("vulnerabilities", strings(&check.vulnerabilities)),
            ("uncertain", strings(&check.uncertain)),
            ("findings", strings(&check.findings)),
            ("replaceable", strings(&check.replaceable)),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        let record = RestrictedExpression::new_record(fields).map_err(inexpressible)?;
        self.say("hostCheck", record);
        Ok(())
    }

    /// What is not known is a value like any other, which no policy forgets to ask for.
    fn host_watch(&mut self, watch: Option<WatchFacts>) -> Result<(), Inexpressible> {
        let said = |of: fn(WatchFacts) -> Watcher| {
            string(watch.map_or("unknown", |watch| word(of(watch))))
        };
        let fields = [
            ("processes", said(|watch| watch.processes)),
            ("connections", said(|watch| watch.connections)),
            ("outsideProcesses", said(|watch| watch.outside_processes)),
            (
                "outsideConnections",
                said(|watch| watch.outside_connections),
            ),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        let record = RestrictedExpression::new_record(fields).map_err(inexpressible)?;
        self.say("hostWatch", record);
        Ok(())
    }

    fn act(&mut self, act: &SessionAct) -> Result<(), Inexpressible> {
        match act {
            SessionAct::Shell | SessionAct::SftpRead | SessionAct::SftpWrite => {}
            SessionAct::Exec { command } => self.say("command", string(command)),
            SessionAct::Forward { kind, to } => {
                self.say("kind", string(kind));
                if let Some(to) = to {
                    self.say("address", string(&to.address));
                    self.say("port", RestrictedExpression::new_long(to.port.into()));
                }
            }
            SessionAct::Elevate { to } => {
                let to = self.bundle_beside(to)?;
                self.say("to", RestrictedExpression::new_entity_uid(to));
            }
        }
        Ok(())
    }

    /// The bundle to elevate to, which may be another version of the one in use.
    fn bundle_beside(&mut self, bundle: &Bundle) -> Result<EntityUid, Inexpressible> {
        let name = uid(&self.vocabulary.bundle, bundle.version.name.as_str());
        // One name stands for one version in a question: the one that would apply afterwards.
        self.entities.retain(|known| known.uid() != name);
        self.bundle(bundle)
    }

    fn resource(&mut self, act: &HumanAct) -> Result<EntityUid, Inexpressible> {
        match act {
            HumanAct::Approve { session }
            | HumanAct::Observe { session }
            | HumanAct::Kill { session }
            | HumanAct::Review { session }
            | HumanAct::HoldRecordings { session }
            | HumanAct::ListSessions { session }
            | HumanAct::ReadTrail {
                session: Some(session),
            } => self.session(session),
            HumanAct::BreakGlass { host } | HumanAct::ManageHosts { host: Some(host) } => {
                self.host(host)
            }
            HumanAct::ManageAgents { agent: Some(agent) } => self.agent(agent),
            HumanAct::ManageBundles {
                bundle: Some(bundle),
            } => self.bundle(bundle),
            HumanAct::ReadTrail { session: None }
            | HumanAct::ManageAgents { agent: None }
            | HumanAct::ManageHosts { host: None }
            | HumanAct::ManageBundles { bundle: None }
            | HumanAct::ManagePolicy
            | HumanAct::ManageBastions => {
                let installation = uid(&self.vocabulary.installation, "portreeve");
                self.add(installation, [], HashSet::new())
            }
        }
    }

    fn circumstances(&mut self, circumstances: &Circumstances) {
        let Circumstances {
            now,
            source,
            sign_in,
        } = circumstances;
        let seconds = now.as_seconds();
        self.say("amr", strings(&sign_in.amr));
        if let Some(acr) = &sign_in.acr {
            self.say("acr", string(acr));
        }
        let age = seconds.saturating_sub(sign_in.at.as_seconds()).max(0);
        self.say("authAge", RestrictedExpression::new_long(age));
        self.say(
            "source",
            RestrictedExpression::new_ip(canonical(*source).to_string()),
        );
        self.say("now", RestrictedExpression::new_long(seconds));
        self.say(
            "hour",
            RestrictedExpression::new_long(seconds.div_euclid(3600).rem_euclid(24)),
        );
    }
}

/// An IPv4 address in IPv6 clothes is the IPv4 address that policies name.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn uid(type_name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(id))
}

/// How an attestation calls it, too.
const fn word(watcher: Watcher) -> &'static str {
    match watcher {
        Watcher::Ebpf => "ebpf",
        Watcher::ProcessConnector => "process_connector",
        Watcher::Absent => "absent",
    }
}

fn string(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn strings(texts: &[String]) -> RestrictedExpression {
    RestrictedExpression::new_set(texts.iter().map(|text| string(text)))
}
