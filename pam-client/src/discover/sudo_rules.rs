//! The rules of sudoers as `cvtsudoers -f json -e` tells them. Pure.

use serde::Deserialize;

/// Most rules that are read.
const MOST_RULES: usize = 10_000;
/// Most commands of a rule that are told.
const MOST_COMMANDS: usize = 6;

/// Whom a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// Everybody.
    All,
    /// An account.
    User(String),
    /// An account by its number.
    Uid(u32),
    /// The members of a group.
    Group(String),
    /// The same by its number.
    Gid(u32),
    /// A netgroup, or a group that a plugin knows: nobody here can say who is in it.
    Elsewhere(String),
}

/// A rule: for some, on this host, as somebody, commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Its place among the lines of rules, from 0.
    pub(crate) number: usize,
    /// Whom it is for.
    pub(crate) whom: Vec<Who>,
    /// Whether it names hosts and none of the names can be this one's.
    pub(crate) is_elsewhere: bool,
    /// As whom, in sudoers' words.
    pub(crate) run_as: String,
    /// Whether it asks for no password.
    pub(crate) is_free: bool,
    /// Whether everything may be run.
    pub(crate) is_all: bool,
    /// The commands in words, the first few.
    pub(crate) commands: String,
}

/// What sudoers says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The rules.
    pub(crate) rules: Vec<Rule>,
    /// How many lines of rules there are.
    pub(crate) lines: usize,
    /// Whom a setting frees from the password, whatever the rules say.
    pub(crate) free: Vec<Who>,
}

#[derive(Deserialize)]
struct Json {
    #[serde(rename = "Defaults", default)]
    defaults: Vec<Defaults>,
    #[serde(rename = "User_Specs", default)]
    specs: Vec<Spec>,
}

#[derive(Deserialize)]
struct Defaults {
    #[serde(rename = "Binding", default)]
    binding: Vec<Member>,
    #[serde(rename = "Options", default)]
    options: Vec<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "User_List", default)]
    users: Vec<Member>,
    #[serde(rename = "Host_List", default)]
    hosts: Vec<Member>,
    #[serde(rename = "Cmnd_Specs", default)]
    commands: Vec<Commands>,
}

#[derive(Deserialize)]
struct Commands {
    #[serde(rename = "runasusers", default)]
    users: Vec<Member>,
    #[serde(rename = "runasgroups", default)]
    groups: Vec<Member>,
    #[serde(rename = "Options", default)]
    options: Vec<serde_json::Map<String, serde_json::Value>>,
    #[serde(rename = "Commands", default)]
    commands: Vec<Member>,
}

/// One name, of whatever kind; sudoers has many.
#[derive(Deserialize)]
struct Member {
    #[serde(default)]
    negated: bool,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl Member {
    fn text(&self, kind: &str) -> Option<&str> {
        self.rest.get(kind)?.as_str()
    }

    fn number(&self, kind: &str) -> Option<u32> {
        u32::try_from(self.rest.get(kind)?.as_u64()?).ok()
    }

    fn who(&self) -> Option<Who> {
        if self.negated {
            // Taking somebody away opens nothing.
            return None;
        }
        if let Some(name) = self.text("username") {
            return Some(match name {
                "ALL" => Who::All,
                name => Who::User(name.to_owned()),
            });
        }
        let by_number = self.number("userid").map(Who::Uid);
        let group = self
            .text("usergroup")
            .map(|name| Who::Group(name.to_owned()));
        by_number
            .or(group)
            .or_else(|| self.number("usergid").map(Who::Gid))
            .or_else(|| {
                let (kind, name) = self.rest.iter().find(|(kind, _)| *kind != "negated")?;
                let name = name.as_str().unwrap_or_default();
                Some(Who::Elsewhere(format!("{kind} {name}")))
            })
    }

    /// The name in sudoers' words, whatever kind it is of.
    fn words(&self) -> String {
        let sign = if self.negated { "!" } else { "" };
        let hash = if self.rest.contains_key("userid") {
            "#"
        } else {
            ""
        };
        let value = ["command", "username", "usergroup", "userid", "usergid"]
            .into_iter()
            .find_map(|kind| self.rest.get(kind))
            .or_else(|| self.rest.values().next());
        let value = match value {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        format!("{sign}{hash}{value}")
    }
}

/// The last setting of whether a password is asked for.
fn authenticates(options: &[serde_json::Map<String, serde_json::Value>]) -> Option<bool> {
    options
        .iter()
        .filter_map(|option| option.get("authenticate")?.as_bool())
        .next_back()
}

/// What cvtsudoers wrote, with each option an object: it writes directories (`"runcwd": "/"`) as members of the list,
/// which is no JSON. A string has no line feed, so a line begins so nowhere else.
fn in_objects(json: &str) -> String {
    let line = |line: &str| {
        let text = line.trim();
        let bare = ["\"runcwd\": ", "\"runchroot\": "];
        if !bare.iter().any(|key| text.starts_with(key)) {
            return format!("{line}\n");
        }
        match text.strip_suffix(',') {
            Some(option) => format!("{{ {option} }},\n"),
            None => format!("{{ {text} }}\n"),
        }
    };
    json.lines().map(line).collect()
}

impl Rules {
    /// Reads what cvtsudoers wrote, on a host of these names.
    ///
    /// # Errors
    /// When it is nothing of that form.
    pub(crate) fn read(json: &str, host: &[String]) -> Result<Self, serde_json::Error> {
        let Json { defaults, specs } = serde_json::from_str(&in_objects(json))?;
        let free = defaults
            .iter()
            .filter(|defaults| authenticates(&defaults.options) == Some(false))
            .flat_map(|defaults| match defaults.binding.as_slice() {
                [] => vec![Who::All],
                some => some.iter().filter_map(Member::who).collect(),
            })
            .collect();
        let lines = specs.len();
        let rules = specs
            .iter()
            .enumerate()
            .flat_map(|(number, spec)| spec.rules(number, host))
            .take(MOST_RULES)
            .collect();
        Ok(Self { rules, lines, free })
    }
}

impl Spec {
    fn rules(&self, number: usize, host: &[String]) -> Vec<Rule> {
        let is_elsewhere = self.is_elsewhere(host);
        let whom: Vec<Who> = self.users.iter().filter_map(Member::who).collect();
        let rule = |commands: &Commands| Rule {
            number,
            whom: whom.clone(),
            is_elsewhere,
            run_as: commands.run_as(),
            is_free: authenticates(&commands.options) == Some(false),
            is_all: commands.is_all(),
            commands: commands.words(),
        };
        self.commands
            .iter()
            .filter(|commands| commands.commands.iter().any(|command| !command.negated))
            .map(rule)
            .collect()
    }

    fn is_elsewhere(&self, host: &[String]) -> bool {
        // Addresses, networks and netgroups may be this host.
        let may_be = |member: &Member| match member.text("hostname") {
            _ if member.negated => false,
            Some(name) => name == "ALL" || name.contains(['*', '?', '[']) || is_one_of(name, host),
            None => true,
        };
        !self.hosts.iter().any(may_be)
    }
}

fn is_one_of(name: &str, host: &[String]) -> bool {
    host.iter().any(|known| known.eq_ignore_ascii_case(name))
}

impl Commands {
    fn is_all(&self) -> bool {
        // What is taken away from everything is run under another name.
        self.commands
            .iter()
            .any(|command| !command.negated && command.text("command") == Some("ALL"))
    }

    fn run_as(&self) -> String {
        let list = |members: &[Member]| {
            let names: Vec<String> = members.iter().take(8).map(Member::words).collect();
            names.join(",")
        };
        match (self.users.as_slice(), self.groups.as_slice()) {
            ([], []) => "root".to_owned(),
            (users, []) => list(users),
            (users, groups) => format!("{}:{}", list(users), list(groups)),
        }
    }

    fn words(&self) -> String {
        let mut words: Vec<String> = self
            .commands
            .iter()
            .take(MOST_COMMANDS)
            .map(Member::words)
            .collect();
        let more = self.commands.len().saturating_sub(MOST_COMMANDS);
        if more > 0 {
            words.push(format!("and {more} more"));
        }
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As cvtsudoers 1.9.13 writes it.
    const JSON: &str = r##"{
    "Defaults": [
        { "Options": [ { "env_reset": true } ] },
        { "Binding": [ { "username": "bob" } ], "Options": [ { "authenticate": false } ] }
    ],
    "User_Specs": [
        { "User_List": [ { "username": "alice" }, { "usergroup": "ops" } ],
          "Host_List": [ { "hostname": "ALL" } ],
          "Cmnd_Specs": [ { "runasusers": [ { "username": "ALL" } ],
            "runasgroups": [ { "usergroup": "ALL" } ],
            "Options": [ { "authenticate": false }, { "setenv": true } ],
            "Commands": [ { "command": "ALL" } ] } ] },
        { "User_List": [ { "userid": 1001 }, { "usergid": 27 }, { "netgroup": "n" } ],
          "Host_List": [ { "hostname": "web1" }, { "hostname": "PROD-1" } ],
          "Cmnd_Specs": [
            { "Commands": [ { "command": "/bin/sh", "negated": true }, { "command": "/bin/ls" } ] },
            { "Commands": [ { "command": "/bin/sh", "negated": true } ] } ] },
        { "User_List": [ { "username": "ALL" }, { "username": "eve", "negated": true } ],
          "Host_List": [ { "hostname": "web1" } ],
          "Cmnd_Specs": [ { "Commands": [ { "command": "ALL" } ] } ] }
    ] }"##;

    /// As cvtsudoers 1.9.13 writes rules that say where a command runs.
    #[test]
    fn rules_with_a_directory_are_read() {
        let json = r#"{
            "User_Specs": [
                {
                    "User_List": [ { "username": "bob" } ],
                    "Cmnd_Specs": [
                        {
                            "Options": [
                                "runcwd": "/srv, \"x\"",
                                "runchroot": "/",
                                { "notafter": "20300101000000Z" },
                                { "authenticate": false }
                            ],
                            "Commands": [ { "command": "/usr/bin/id" } ]
                        },
                        {
                            "Options": [
                                "runcwd": "/"
                            ],
                            "Commands": [ { "command": "/usr/bin/w" } ]
                        }
                    ]
                }
            ]
        }"#;
        let rules = Rules::read(json, &[]).unwrap().rules;
        let told: Vec<_> = rules
            .iter()
            .map(|rule| (rule.is_free, rule.commands.as_str()))
            .collect();
        assert_eq!(told, [(true, "/usr/bin/id"), (false, "/usr/bin/w")]);
    }

    #[test]
    fn rules_are_read_with_whom_they_are_for() {
        let host = ["prod-1".to_owned(), "prod-1.example.com".to_owned()];
        let rules = Rules::read(JSON, &host).unwrap();
        assert_eq!((rules.lines, rules.rules.len()), (3, 3));
        assert_eq!(rules.free, [Who::User("bob".into())]);
        let [ops, ls, elsewhere] = rules.rules.as_slice() else {
            panic!("{rules:?}")
        };
        assert_eq!(
            ops.whom,
            [Who::User("alice".into()), Who::Group("ops".into())]
        );
        assert!(ops.is_free && ops.is_all && !ops.is_elsewhere);
        assert_eq!(ops.run_as, "ALL:ALL");
        assert_eq!(
            ls.whom,
            [
                Who::Uid(1001),
                Who::Gid(27),
                Who::Elsewhere("netgroup n".into())
            ]
        );
        assert_eq!(
            (ls.run_as.as_str(), ls.is_free, ls.is_all),
            ("root", false, false)
        );
        assert_eq!(ls.commands, "!/bin/sh, /bin/ls");
        assert!(!ls.is_elsewhere && elsewhere.is_elsewhere);
        assert_eq!(elsewhere.whom, [Who::All]);
    }

    #[test]
    fn a_setting_for_everybody_frees_everybody() {
        let json = r#"{"Defaults":[{"Options":[{"authenticate":true},{"authenticate":false}]}]}"#;
        assert_eq!(Rules::read(json, &[]).unwrap().free, [Who::All]);
    }

    #[test]
    fn what_is_no_answer_is_an_error_and_nothing_is_nothing() {
        assert!(Rules::read("", &[]).is_err());
        assert!(Rules::read(r#"{"User_Specs":[{"User_List":7}]}"#, &[]).is_err());
        assert_eq!(Rules::read("{}", &[]).unwrap(), Rules::default());
    }
}
