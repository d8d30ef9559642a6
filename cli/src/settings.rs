//! Settled settings: the command line, the environment and the defaults, merged once.
//!
//! A setting that a command needs and nobody gave is an error when the command asks for it, not
//! before, so that `bundle check` needs no CA.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use portreeve_protocol::id::TaskId;
use portreeve_protocol::name::BundleName;
use portreeve_protocol::pair::Agent;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::task::{Purpose, Ticket};
use portreeve_protocol::time::Ttl;

use crate::args::{Global, Who, access};
use crate::ca::base_url::BaseUrl;
use crate::failure::Failure;
use crate::variables;

/// What the process was started in.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// The value of a variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The user id.
    pub uid: u32,
}

impl std::fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("uid", &self.uid)
            .finish_non_exhaustive()
    }
}

/// Where things of the user are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The person's ID token.
    pub id_token: PathBuf,
    /// The delegated token.
    pub token: PathBuf,
    /// The folder of live sessions.
    pub runtime: PathBuf,
    /// The folder of the index of searches.
    pub index: PathBuf,
}

/// The agent as which the program acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSettings {
    /// Its name.
    pub name: Agent,
    /// Its private key's file.
    pub key: PathBuf,
}

/// Where the human's ID token comes from when an agent exchanges it.
#[derive(Debug, Clone)]
pub enum SubjectSource {
    /// A file that was handed over.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// The environment.
    Text(SecretText),
    /// Nothing was handed over: the person who signed in on this account.
    SignedIn(PathBuf),
}

/// The settings of one run.
#[derive(Debug, Clone)]
pub struct Settings {
    ca: Option<BaseUrl>,
    ca_cert: Option<PathBuf>,
    who: Option<Who>,
    agent: Option<Agent>,
    agent_key: Option<PathBuf>,
    subject: SubjectSource,
    places: Places,
}

impl Settings {
    /// Merges the command line with the environment that it was given in.
    ///
    /// # Errors
    /// When a value is malformed or a default needs a variable that is missing.
    pub fn settle(global: &Global, environment: Environment<'_>) -> Result<Self, Failure> {
        let places = places(global, environment);
        let subject = match &global.subject_token_file {
            Some(file) if file.as_os_str() == "-" => SubjectSource::Stdin,
            Some(file) => SubjectSource::File(file.clone()),
            None => match (environment.variable)(variables::SUBJECT_TOKEN) {
                Some(text) => SubjectSource::Text(SecretText::new(
                    text.into_string()
                        .map_err(|_| not_text(variables::SUBJECT_TOKEN))?,
                )),
                None => SubjectSource::SignedIn(places.id_token.clone()),
            },
        };
        let ca = match &global.ca {
            None => None,
            Some(text) => Some(text.parse::<BaseUrl>().map_err(|error| {
                Failure::usage(format!("`{text}` is no address of a CA"))
                    .because(&error)
                    .next(format!(
                        "set {} to the CA's URL, as its administrator gives it",
                        variables::CA
                    ))
            })?),
        };
        Ok(Self {
            ca,
            ca_cert: global.ca_cert.clone(),
            who: global.who,
            agent: global.agent.clone(),
            agent_key: global.agent_key.clone(),
            subject,
            places,
        })
    }

    /// The CA's URL.
    ///
    /// # Errors
    /// When nobody gave it.
    pub fn ca(&self) -> Result<&BaseUrl, Failure> {
        self.ca.as_ref().ok_or_else(|| {
            Failure::usage("which CA to ask is not set")
                .next(format!("set {} or give --ca", variables::CA))
        })
    }

    /// The file with the root of the CA's TLS certificate.
    #[must_use]
    pub fn ca_cert(&self) -> Option<&Path> {
        self.ca_cert.as_deref()
    }

    /// As whom to call where both a person and a pair may.
    #[must_use]
    pub fn who(&self) -> Who {
        match (self.who, &self.agent) {
            (Some(who), _) => who,
            (None, Some(_)) => Who::Agent,
            (None, None) => Who::Person,
        }
    }

    /// The agent, if one is set.
    #[must_use]
    pub fn agent_if_set(&self) -> Option<&Agent> {
        self.agent.as_ref()
    }

    /// The agent as which to act.
    ///
    /// # Errors
    /// When its name or its key is not set.
    pub fn agent(&self) -> Result<AgentSettings, Failure> {
        match (&self.agent, &self.agent_key) {
            (Some(name), Some(key)) => Ok(AgentSettings {
                name: name.clone(),
                key: key.clone(),
            }),
            (None, _) => Err(Failure::usage("this needs an agent, and none is set").next(format!(
                "set {} to team/name and {} to its key file; an administrator registers agents with `portreeve agent add`",
                variables::AGENT,
                variables::AGENT_KEY
            ))),
            (Some(name), None) => Err(Failure::usage(format!("the key of the agent `{name}` is not set"))
                .next(format!("set {} to its private key file", variables::AGENT_KEY))),
        }
    }

    /// Where the human's ID token comes from.
    #[must_use]
    pub fn subject(&self) -> &SubjectSource {
        &self.subject
    }

    /// Where things are kept.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }
}

fn places(global: &Global, environment: Environment<'_>) -> Places {
    let path = |name: &str| {
        (environment.variable)(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = path(variables::XDG_STATE_HOME)
        .or_else(|| path(variables::HOME).map(|home| home.join(".local/state")))
        // Without a home there is nowhere to keep anything; a path that cannot be made says so later.
        .unwrap_or_else(|| PathBuf::from("/nonexistent"))
        .join("portreeve");
    let runtime = path(variables::RUNTIME_DIR)
        .or_else(|| path(variables::XDG_RUNTIME_DIR).map(|base| base.join("portreeve")))
        .unwrap_or_else(|| PathBuf::from(format!("/tmp/portreeve-{}", environment.uid)));
    Places {
        id_token: global
            .id_token_file
            .clone()
            .unwrap_or_else(|| state.join("id_token")),
        token: global
            .token_file
            .clone()
            .unwrap_or_else(|| state.join("token")),
        index: state.join("index"),
        runtime,
    }
}

fn not_text(variable: &str) -> Failure {
    Failure::usage(format!("the value of {variable} is no text"))
}

/// What a session is asked for with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSettings {
    /// The ticket.
    pub ticket: Ticket,
    /// The purpose.
    pub purpose: Purpose,
    /// The bundle.
    pub bundle: BundleName,
    /// For how long.
    pub ttl: Option<Ttl>,
    /// An earlier task.
    pub task: Option<TaskId>,
    /// The address that the bastion will see.
    pub source_address: Option<std::net::IpAddr>,
}

impl TaskSettings {
    /// Takes what was given.
    ///
    /// # Errors
    /// When ticket, purpose or bundle was not given.
    pub fn settle(args: &access::Task) -> Result<Self, Failure> {
        let (Some(ticket), Some(purpose), Some(bundle)) =
            (&args.ticket, &args.purpose, &args.bundle)
        else {
            let missing = [
                (args.ticket.is_none(), "--ticket", variables::TICKET),
                (args.purpose.is_none(), "--purpose", variables::PURPOSE),
                (args.bundle.is_none(), "--bundle", variables::BUNDLE),
            ]
            .into_iter()
            .filter(|(is_missing, ..)| *is_missing)
            .map(|(_, option, variable)| format!("{option} or {variable}"))
            .collect::<Vec<_>>();
            return Err(
                Failure::usage("a session needs a ticket, a purpose and a bundle")
                    .next(format!("give {}", missing.join(", and "))),
            );
        };
        Ok(Self {
            ticket: ticket.clone(),
            purpose: purpose.clone(),
            bundle: bundle.clone(),
            ttl: args.ttl,
            task: args.task,
            source_address: args.source_address,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    pub(crate) fn settled(line: &[&str], variables: &[(&str, &str)]) -> Result<Settings, Failure> {
        let cli = Cli::try_parse_from([&["portreeve"], line, &["whoami"]].concat()).unwrap();
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        };
        Settings::settle(
            &cli.global,
            Environment {
                variable: &lookup,
                uid: 1000,
            },
        )
    }

    #[test]
    fn places_follow_the_base_directories() {
        let settings = settled(
            &[],
            &[("HOME", "/home/a"), ("XDG_RUNTIME_DIR", "/run/user/1000")],
        )
        .unwrap();
        assert_eq!(
            settings.places().token,
            Path::new("/home/a/.local/state/portreeve/token")
        );
        assert_eq!(
            settings.places().runtime,
            Path::new("/run/user/1000/portreeve")
        );
        // A relative base directory does not count (XDG Base Directory Specification).
        let settings = settled(&[], &[("HOME", "/home/a"), ("XDG_STATE_HOME", "state")]).unwrap();
        assert_eq!(
            settings.places().id_token,
            Path::new("/home/a/.local/state/portreeve/id_token")
        );
        assert_eq!(settings.places().runtime, Path::new("/tmp/portreeve-1000"));
    }

    #[test]
    fn an_agent_acts_as_a_pair_unless_told_otherwise() {
        assert_eq!(settled(&[], &[]).unwrap().who(), Who::Person);
        assert_eq!(
            settled(&["--agent", "soc/a"], &[]).unwrap().who(),
            Who::Agent
        );
        assert_eq!(
            settled(&["--agent", "soc/a", "--as", "person"], &[])
                .unwrap()
                .who(),
            Who::Person
        );
    }

    #[test]
    fn the_human_is_whoever_was_handed_over() {
        let subject =
            |line: &[&str], variables: &[(&str, &str)]| settled(line, variables).unwrap().subject;
        assert!(matches!(
            subject(&["--subject-token-file", "-"], &[]),
            SubjectSource::Stdin
        ));
        assert!(matches!(
            subject(&["--subject-token-file", "f"], &[]),
            SubjectSource::File(_)
        ));
        assert!(matches!(
            subject(&[], &[("PORTREEVE_SUBJECT_TOKEN", "t")]),
            SubjectSource::Text(_)
        ));
        assert!(matches!(subject(&[], &[]), SubjectSource::SignedIn(_)));
    }

    #[test]
    fn what_is_missing_is_named() {
        let failure = settled(&[], &[]).unwrap().ca().unwrap_err().to_string();
        assert!(failure.contains("PORTREEVE_CA"), "{failure}");
        let cli = Cli::try_parse_from([
            "portreeve",
            "exec",
            "--host",
            "a",
            "--ticket",
            "T-1",
            "--",
            "true",
        ])
        .unwrap();
        let Command::Exec(exec) = cli.command else {
            panic!()
        };
        let failure = TaskSettings::settle(&exec.task).unwrap_err().to_string();
        assert!(
            failure.contains("--purpose or PORTREEVE_PURPOSE, and --bundle or PORTREEVE_BUNDLE"),
            "{failure}"
        );
    }
}
