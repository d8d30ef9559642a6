//! What holds for whatever policies there are.
//!
//! Policies are made at random from a small grammar, and what they should decide is worked out here
//! by a few lines of our own, without Cedar.

use portreeve_access_policy::act::StartRequest;
use portreeve_access_policy::decide::{Policies, StartDecision};
use portreeve_access_policy::explain::{DecisionRecord, Outcome, Replayed, replay};
use portreeve_protocol::facts::Intent;
use portreeve_protocol::time::Ttl;
use proptest::prelude::*;

use crate::common::{self, human};

/// The three questions of a session.
const QUESTIONS: [&str; 3] = ["delegate", "hold", "start"];

/// One policy of the grammar.
#[derive(Debug, Clone)]
struct Rule {
    permits: bool,
    question: usize,
    when: Condition,
    max_minutes: Option<u32>,
}

#[derive(Debug, Clone)]
enum Condition {
    Always,
    /// The human is in this group, as far as the question knows the human.
    Group(&'static str),
    /// The agent belongs to this team.
    Team(&'static str),
    ReadOnly,
    TtlBelow(u32),
    Label(&'static str),
}

impl Condition {
    fn text(&self, question: usize) -> String {
        let human = ["principal", "context.human", "principal.human"][question];
        let agent = ["context.agent", "principal", "principal.agent"][question];
        match self {
            Self::Always => "true".to_owned(),
            Self::Group(group) => format!("{human} in Portreeve::Group::\"{group}\""),
            Self::Team(team) => format!("{agent} in Portreeve::Team::\"{team}\""),
            Self::ReadOnly => "context.bundle.intent == \"read-only\"".to_owned(),
            Self::TtlBelow(seconds) => format!("context.ttl < {seconds}"),
            Self::Label(label) => format!("resource.labels.contains(\"{label}\")"),
        }
    }

    fn holds(&self, request: &StartRequest) -> bool {
        let session = &request.session;
        match self {
            Self::Always => true,
            Self::Group(group) => session.human.groups.iter().any(|known| known == group),
            Self::Team(team) => session.agent.identity.team.as_str() == *team,
            Self::ReadOnly => session.bundle.intent == Intent::ReadOnly,
            Self::TtlBelow(seconds) => request.ttl.as_seconds() < *seconds,
            Self::Label(label) => session.host.labels.iter().any(|known| known == label),
        }
    }
}

/// The rules as a policy file.
fn text(rules: &[Rule]) -> String {
    let policy = |(number, rule): (usize, &Rule)| {
        let (effect, question) = (
            if rule.permits { "permit" } else { "forbid" },
            QUESTIONS[rule.question],
        );
        let most = rule
            .max_minutes
            .filter(|_| rule.permits)
            .map(|most| format!("@max_ttl(\"{most}m\") "))
            .unwrap_or_default();
        let condition = rule.when.text(rule.question);
        format!(
            "@id(\"p{number}\") {most}{effect}(principal, action == Portreeve::Action::\"{question}\", resource) when {{ {condition} }};\n"
        )
    };
    rules.iter().enumerate().map(policy).collect()
}

/// What should come out: nothing refused, everything permitted, and the shortest lifetime.
fn expected(rules: &[Rule], request: &StartRequest) -> Option<Option<u32>> {
    let applies = |rule: &&Rule| rule.when.holds(request);
    let mut most = Vec::new();
    for question in 0..QUESTIONS.len() {
        let asked: Vec<&Rule> = rules
            .iter()
            .filter(|rule| rule.question == question)
            .filter(applies)
            .collect();
        if asked.is_empty() || asked.iter().any(|rule| !rule.permits) {
            return None;
        }
        most.extend(asked.iter().filter_map(|rule| rule.max_minutes));
    }
    Some(most.into_iter().min())
}

fn decide(policies: &Policies, request: &StartRequest) -> DecisionRecord {
    match policies.start(request.clone()) {
        StartDecision::Permit(permit) => permit.record().clone(),
        StartDecision::NeedsApproval(pending) => pending.record().clone(),
        StartDecision::Denial(denial) => denial.record().clone(),
    }
}

fn permits(rules: &[Rule], request: &StartRequest) -> bool {
    decide(&common::policies(&text(rules)), request).outcome == Outcome::Permitted
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        3 => Just(Condition::Always),
        1 => Just(Condition::ReadOnly),
        2 => prop::sample::select(vec!["soc", "web"]).prop_map(Condition::Group),
        2 => prop::sample::select(vec!["soc", "web"]).prop_map(Condition::Team),
        1 => prop::sample::select(vec![600, 4000]).prop_map(Condition::TtlBelow),
        1 => prop::sample::select(vec!["production", "test"]).prop_map(Condition::Label),
    ]
}

fn rule(question: impl Strategy<Value = usize>) -> impl Strategy<Value = Rule> {
    let most = prop::option::weighted(0.3, 1_u32..100);
    (prop::bool::weighted(0.85), question, condition(), most).prop_map(
        |(permits, question, when, max_minutes)| Rule {
            permits,
            question,
            when,
            max_minutes,
        },
    )
}

/// A few rules, at least one for each question.
fn rules() -> impl Strategy<Value = Vec<Rule>> {
    (
        rule(Just(0)),
        rule(Just(1)),
        rule(Just(2)),
        prop::collection::vec(rule(0..3_usize), 0..5),
    )
        .prop_map(|(delegate, hold, start, mut more)| {
            more.extend([delegate, hold, start]);
            more
        })
}

fn request() -> impl Strategy<Value = StartRequest> {
    let groups = prop::sample::subsequence(vec!["soc", "web"], 0..=2);
    let team = prop::sample::select(vec!["soc/a", "web/a"]);
    let labels = prop::sample::subsequence(vec!["production", "test"], 0..=2);
    (groups, team, labels, any::<bool>(), 1_u32..9000).prop_map(
        |(groups, agent, labels, reads, ttl)| {
            let mut request = common::start();
            request.session.human = human("alice", &groups);
            request.session.agent.identity = agent.parse().unwrap();
            request.session.host.labels = labels.into_iter().map(ToOwned::to_owned).collect();
            request.session.bundle.intent = if reads {
                Intent::ReadOnly
            } else {
                Intent::Write
            };
            request.ttl = Ttl::from_seconds(ttl).unwrap();
            request
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The pair has what human, agent and task have in common, for the shortest lifetime of all.
    #[test]
    fn a_session_is_the_intersection_of_the_three_questions(rules in rules(), request in request()) {
        let policies = common::policies(&text(&rules));
        let record = decide(&policies, &request);
        let wanted = expected(&rules, &request);
        prop_assert_eq!(record.outcome == Outcome::Permitted, wanted.is_some());
        let most = record.obligations.max_ttl.map(|ttl| ttl.as_seconds() / 60);
        prop_assert_eq!(most, wanted.flatten());
        prop_assert!(!record.alarm());
        prop_assert_eq!(replay(&record, &policies), Ok(Replayed::Same));
    }

    #[test]
    fn a_policy_less_never_adds_a_right_if_it_permits(rules in rules(), request in request(), index: prop::sample::Index) {
        let mut fewer = rules.clone();
        let removed = fewer.remove(index.index(rules.len()));
        if removed.permits {
            prop_assert!(permits(&rules, &request) || !permits(&fewer, &request));
        } else {
            prop_assert!(permits(&fewer, &request) || !permits(&rules, &request));
        }
    }

    #[test]
    fn a_forbid_that_applies_always_wins(rules in rules(), request in request(), question in 0..3_usize) {
        let mut more = rules;
        more.push(Rule { permits: false, question, when: Condition::Always, max_minutes: None });
        prop_assert!(!permits(&more, &request));
    }

    /// Neither a group more of the human nor another agent makes up for what the other lacks.
    #[test]
    fn nobody_lends_a_right_to_the_other(request in request()) {
        let only = |question: usize, when: Condition| Rule { permits: true, question, when, max_minutes: None };
        let rules = [only(0, Condition::Group("soc")), only(1, Condition::Team("soc")), only(2, Condition::Always)];
        let session = &request.session;
        let both = session.human.groups.contains(&"soc".to_owned()) && session.agent.identity.team.as_str() == "soc";
        prop_assert_eq!(permits(&rules, &request), both);
    }
}
