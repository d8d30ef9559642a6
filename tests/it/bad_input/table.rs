//! What a row says that is told and logged, and the comparison with what was.

use std::fmt::Debug;
use std::time::Duration;

use portreeve_protocol::event::{AccessFact, AdminFact, Body, Event};
use portreeve_tests::until;
use serde::Serialize;

use super::site::Site;

/// How long an event may take from a bastion's spool to the log.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is told of the end of a session. One that another test opened may end during any row.
const ENDS: [&str; 5] = [
    "channel_closed",
    "session_ending",
    "host_gone",
    "recording_sealed",
    "session_closed",
];

/// What stands in the audit log about a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Logged {
    /// An event of this name whose words contain these.
    Event(&'static str, &'static str),
    /// Nothing, but perhaps the end of a session.
    Nothing,
    /// What the row says nothing about.
    Any,
}

/// A caller who proved nothing, refused for this reason.
pub(super) const fn refused(why: &'static str) -> Logged {
    Logged::Event("refused", why)
}

/// A table of which some rows were compared.
#[derive(Debug)]
pub(super) struct Table<'a> {
    site: &'a Site,
    name: &'static str,
    /// From where on the log was not read yet.
    place: u64,
    /// How long an event may take until it is in the log.
    patience: Duration,
    rows: usize,
    wrong: Vec<String>,
}

impl<'a> Table<'a> {
    /// A table of what the CA refuses: the event is there before the answer.
    pub(super) fn new(site: &'a Site, name: &'static str) -> Self {
        Self::with_patience(site, name, Duration::ZERO)
    }

    /// A table of what others refuse, whose events reach the log a moment later.
    pub(super) fn patient(site: &'a Site, name: &'static str) -> Self {
        Self::with_patience(site, name, PATIENCE)
    }

    fn with_patience(site: &'a Site, name: &'static str, patience: Duration) -> Self {
        let mut table = Self {
            site,
            name,
            place: 0,
            patience,
            rows: 0,
            wrong: Vec::new(),
        };
        table.news();
        table
    }

    /// One row: what was told beside what should have been, and what is to be found in the log.
    pub(super) fn row<T: PartialEq + Debug>(
        &mut self,
        name: &str,
        told: &T,
        expected: &T,
        logged: Logged,
    ) {
        self.rows += 1;
        if told != expected {
            self.wrong.push(format!(
                "{name}: told {told:?}\n      instead of {expected:?}"
            ));
        }
        if let Err(found) = self.find(logged) {
            self.wrong.push(format!(
                "{name}: expected {logged:?} in the log\n      instead of {found:?}"
            ));
        }
    }

    /// A row that has more to say than these two.
    pub(super) fn demand(&mut self, name: &str, holds: bool, otherwise: impl Debug) {
        if !holds {
            self.wrong.push(format!("{name}: {otherwise:?}"));
        }
    }

    /// All rows were compared. Every program still serves.
    pub(super) fn done(mut self) {
        self.wrong.extend(super::afterwards::wrong_with(self.site));
        assert!(
            self.wrong.is_empty(),
            "{}: {} of {} rows and what follows:\n  - {}",
            self.name,
            self.wrong.len(),
            self.rows,
            self.wrong.join("\n  - ")
        );
        assert!(self.rows > 0, "{} has no rows", self.name);
    }

    fn find(&mut self, logged: Logged) -> Result<(), Vec<(String, String)>> {
        let (name, words) = match logged {
            Logged::Event(name, words) => (name, words),
            Logged::Any => return Ok(()),
            Logged::Nothing => {
                let mut news = self.news();
                news.retain(|(name, _)| !ENDS.contains(&name.as_str()));
                return if news.is_empty() { Ok(()) } else { Err(news) };
            }
        };
        let mut seen = Vec::new();
        let patience = self.patience;
        let found = until("the event", patience, || {
            seen.extend(self.news());
            let fits = |(found, said): &(String, String)| found == name && said.contains(words);
            Ok(seen.iter().any(fits).then_some(()))
        });
        found.map_err(|_| seen)
    }

    /// What was logged since the last look, without these looks.
    fn news(&mut self) -> Vec<(String, String)> {
        let events = self.site.log_from(self.place);
        if let Some((last, _)) = events.last() {
            self.place = last + 1;
        }
        let told = events.iter().map(|(_, event)| told(event));
        told.filter(|(_, said)| !said.starts_with("readTrail"))
            .collect()
    }
}

/// The name of an event, and what it says in words.
fn told(event: &Event) -> (String, String) {
    match &event.body {
        Body::Refused { code, detail, .. } => {
            ("refused".to_owned(), format!("{}: {detail}", code.as_str()))
        }
        Body::Administration { fact, .. } => match fact {
            AdminFact::Act {
                action,
                target,
                outcome,
                ..
            } => ("act".to_owned(), format!("{action} {target}: {outcome}")),
            AdminFact::Look { host, step, .. } => {
                ("look".to_owned(), format!("look {host}: {step:?}"))
            }
        },
        Body::Machine { fact } => (name_of(fact), format!("{fact:?}")),
        Body::Access { fact, .. } => (name_of(fact), said_of_access(fact)),
    }
}

/// The name of a fact as it stands in the log.
fn name_of(fact: &impl Serialize) -> String {
    let fact = serde_json::to_value(fact).unwrap();
    fact["fact"].as_str().unwrap().to_owned()
}

fn said_of_access(fact: &AccessFact) -> String {
    if let AccessFact::SessionRefused { code, detail }
    | AccessFact::ConnectionRefused { code, detail } = fact
    {
        format!("{}: {detail}", code.as_str())
    } else if let AccessFact::ChannelDecided {
        decision, request, ..
    } = fact
    {
        format!("permitted {}: {request:?}", decision.permitted)
    } else {
        format!("{fact:?}")
    }
}
