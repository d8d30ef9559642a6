//! Accounts of a host and the processes that run under them.

use std::fs;

use anyhow::{Context, Result};

use crate::host::Host;

/// An account of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The number by which the kernel knows it.
    pub uid: u32,
    /// Its first group.
    pub gid: u32,
    /// Its home directory.
    pub home: String,
    /// The full name field.
    pub full_name: String,
}

/// A process of a host, seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its number, as the machine counts.
    pub pid: u32,
    /// The real user.
    pub uid: u32,
    /// The command line; the program's name in parentheses when it has none.
    pub argv: Vec<String>,
}

impl Host {
    /// Adds an account with a home and bash, as `useradd` does.
    ///
    /// # Errors
    /// When the host refuses, for instance because the account exists.
    pub fn add_user(&self, name: &str) -> Result<User> {
        self.run(&["useradd", "--create-home", "--shell", "/bin/bash", name])?
            .ok()?;
        self.user(name)
    }

    /// The account with this name.
    ///
    /// # Errors
    /// When the host has none.
    pub fn user(&self, name: &str) -> Result<User> {
        self.find_user(name)?
            .with_context(|| format!("`{}` has no account `{name}`", self.name()))
    }

    /// The account with this name, if the host has one.
    ///
    /// # Errors
    /// When the host cannot be asked.
    pub fn find_user(&self, name: &str) -> Result<Option<User>> {
        Ok(self.users()?.into_iter().find(|user| user.name == name))
    }

    /// All accounts of the host.
    ///
    /// # Errors
    /// When the host cannot be asked.
    pub fn users(&self) -> Result<Vec<User>> {
        Ok(self
            .read_text("/etc/passwd")?
            .lines()
            .filter_map(parse_user)
            .collect())
    }

    /// The living processes of an account.
    ///
    /// # Errors
    /// When the host is off.
    pub fn processes_of(&self, uid: u32) -> Result<Vec<Running>> {
        Ok(self
            .processes()?
            .into_iter()
            .filter(|process| process.uid == uid)
            .collect())
    }

    /// The living processes of the host.
    ///
    /// # Errors
    /// When the host is off.
    pub fn processes(&self) -> Result<Vec<Running>> {
        let namespace = fs::read_link(format!("/proc/{}/ns/pid", self.init()?))?;
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let Some(pid) = entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<u32>().ok())
            else {
                continue;
            };
            // A process may end between any two of these reads.
            if fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|link| link == namespace) {
                found.extend(look_at(pid));
            }
        }
        Ok(found)
    }
}

fn look_at(pid: u32) -> Option<Running> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    if field("State:")?.starts_with('Z') {
        return None;
    }
    let uid = field("Uid:")?.split_whitespace().next()?.parse().ok()?;
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut argv: Vec<String> = line
        .split(|byte| *byte == 0)
        .map(|arg| String::from_utf8_lossy(arg).into_owned())
        .collect();
    argv.pop();
    if argv.is_empty() {
        argv.push(format!("({})", field("Name:")?));
    }
    Some(Running { pid, uid, argv })
}

fn parse_user(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let full_name = fields.next()?.to_owned();
    let home = fields.next()?.to_owned();
    Some(User {
        name,
        uid,
        gid,
        home,
        full_name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_passwd_becomes_a_user_and_a_broken_one_does_not() {
        let user = parse_user("pr-x:x:70001:70001:pair, task:/home/pr-x:/bin/bash").unwrap();
        assert_eq!((user.uid, user.gid), (70001, 70001));
        assert_eq!(
            (user.home.as_str(), user.full_name.as_str()),
            ("/home/pr-x", "pair, task")
        );
        for broken in ["", "x", "x:x:y:1::/:", "x:x:1"] {
            assert_eq!(parse_user(broken), None, "{broken}");
        }
    }
}
