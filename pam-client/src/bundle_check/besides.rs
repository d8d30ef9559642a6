//! What the host's own sudoers says besides: sudo is asked what everybody may do, and whether our
//! rules are read at all.
//!
//! "Everybody" is a user of the system whom sudoers does not name, so that a rule for all but some
//! is seen too. What sudo cannot tell of such a user, because a file cannot be read or rules come
//! from elsewhere, is a finding of its own.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use portreeve_sudo_policy::code::Code;
use portreeve_sudo_policy::dialect::Dialect;

use super::everybody::{Rights, other_plugin, other_sources};
use super::finding::{Finding, Severity};
use super::program::{mark, not_seen};
use super::sources::Sources;
use super::walk::Mark;
use crate::file;
use crate::nss;
use crate::paths::Paths;
use crate::run;
use crate::sudoers::SUDO;

const PATIENCE: Duration = Duration::from_secs(5);
/// Accounts that stand for everybody: every system has some of them, and nobody gives them rights.
const STAND_INS: [&str; 8] = [
    "nobody", "daemon", "bin", "sys", "games", "man", "mail", "lp",
];
/// The largest settings file that is read.
const MAX_SETTINGS: u64 = 1024 * 1024;

/// What the host's own sudoers looks like from outside: when it is the same, nothing changed.
pub(crate) type Marks = Vec<Mark>;

/// The marks of everything that sudoers consists of, and of what says where else to look.
pub(crate) fn marks(paths: &Paths) -> Marks {
    let sources = [paths.sudoers(), paths.sudoers_of_sudo_rs()];
    let settings = [paths.name_services(), paths.sudo_settings()];
    let settings = settings.iter().filter_map(|path| fs::metadata(path).ok());
    let mut marks: Marks = sources
        .iter()
        .flat_map(|main| Sources::of(main).marks())
        .chain(settings.map(|facts| mark(&facts)))
        .collect();
    marks.sort_by_key(|mark| (mark.device, mark.inode));
    marks
}

/// Asks sudo; only root is told of others.
pub(crate) fn look_at(dialect: Option<Dialect>, paths: &Paths) -> Vec<Finding> {
    if !nix::unistd::geteuid().is_root() {
        let why = "only root may read it and ask sudo about others";
        return vec![not_seen(&paths.sudoers(), why)];
    }
    let sources = Sources::of(&main(dialect, paths));
    let mut findings: Vec<Finding> = of_directory(&sources, dialect, paths);
    findings.extend(sources.unread());
    findings.extend(from_elsewhere(paths));
    let (stand_in, doubt) = stand_in(&sources);
    findings.extend(doubt);
    let mut settings = Vec::new();
    let mut locale = None;
    for (user, is_everybody) in [(stand_in, true), (Some("root"), false)] {
        let Some(user) = user else { continue };
        match ask(user) {
            Ok(rights) => {
                if is_everybody {
                    findings.extend(rights.rules.iter().map(|rule| of_rule(user, rule)));
                }
                settings.extend(rights.settings);
                locale = locale.or(rights.locale);
            }
            Err(why) => findings.push(unseen(why)),
        }
    }
    settings.sort();
    settings.dedup();
    findings.extend(settings.iter().map(|setting| {
        let detail = format!("`{setting}` counts after the settings of a session's account");
        Finding::new(Code::SettingOutweighs, Severity::Warning, detail)
    }));
    if let Some(locale) = locale.filter(|locale| !matches!(locale.as_str(), "C" | "POSIX")) {
        let detail = format!("sudoers is read in the locale `{locale}`");
        findings.push(Finding::new(Code::SudoersLocale, Severity::Warning, detail));
    }
    findings
}

fn unseen(why: String) -> Finding {
    Finding::new(Code::NotSeen, Severity::Note, why)
}

/// The user who is asked about for everybody, and why what sudo says of it may not be all.
///
/// A rule may leave somebody out, `ALL, !nobody`, so whoever sudoers names, or names a group of,
/// stands for nobody else.
fn stand_in(sources: &Sources) -> (Option<&'static str>, Option<Finding>) {
    let is_there = |name: &&str| nss::account(name).is_ok_and(|account| account.is_some());
    let there: Vec<&'static str> = STAND_INS.into_iter().filter(is_there).collect();
    let unnamed = there.iter().find(|name| !is_named(name, sources));
    match (unnamed, there.first()) {
        (Some(unnamed), _) => (Some(unnamed), None),
        (None, Some(first)) => {
            let why = format!(
                "sudoers names every one of the users {there:?}, who stand for everybody; \
                 what it gives to all but them is not seen"
            );
            (Some(first), Some(unseen(why)))
        }
        (None, None) => {
            let why = format!("none of the users {STAND_INS:?} exists, who stand for everybody");
            (None, Some(unseen(why)))
        }
    }
}

/// Whether sudoers names a user or a group that it is in. Who cannot be looked up counts as named.
fn is_named(user: &str, sources: &Sources) -> bool {
    let Ok(Some(account)) = nss::account(user) else {
        return true;
    };
    let Ok(groups) = nss::groups_of(user, account.gid) else {
        return true;
    };
    let numbers = groups.iter().map(|(number, _)| *number);
    let mut numbers = numbers.chain([account.uid]);
    sources.name(user)
        || numbers.any(|number| sources.name(&format!("#{number}")))
        || groups.iter().any(|(_, name)| sources.name(name))
}

/// Rules that are in no file, or in files that we do not know of.
fn from_elsewhere(paths: &Paths) -> Vec<Finding> {
    let read = |path| file::read_trusted(path, MAX_SETTINGS).unwrap_or_default();
    let (services, settings) = (paths.name_services(), paths.sudo_settings());
    let source = other_sources(&read(&services)).map(|others| {
        let why = format!("rules may come from `{others}` too, which is not read here");
        not_seen(&services, &why)
    });
    let plugin = other_plugin(&read(&settings)).map(|line| {
        let why = format!("rules may come from elsewhere by `{line}`");
        not_seen(&settings, &why)
    });
    source.into_iter().chain(plugin).collect()
}

fn of_rule(user: &str, rule: &str) -> Finding {
    // The rules of a session let it run what it may without a password, so this too.
    let detail = format!(
        "an account without rules of its own (`{user}`) may run `{rule}`, and so may every session"
    );
    Finding::new(Code::RightsForAll, Severity::Error, detail)
}

fn ask(user: &str) -> Result<Rights, String> {
    let said =
        run::run(SUDO, &["-n", "-l", "-U", user], PATIENCE).map_err(|error| error.to_string())?;
    // Who may do nothing is told so with a status that differs between versions.
    Rights::read(&said.stdout).ok_or_else(|| {
        let why: String = said.stderr.trim().chars().take(200).collect();
        format!("sudo does not say what `{user}` may do: {why}")
    })
}

/// Whether sudo reads the rules of sessions, as far as can be seen.
pub(crate) fn reads_rules_of_sessions(dialect: Dialect, paths: &Paths) -> bool {
    let sources = Sources::of(&main(Some(dialect), paths));
    of_directory(&sources, Some(dialect), paths).is_empty()
}

/// The file that sudo begins with.
fn main(dialect: Option<Dialect>, paths: &Paths) -> PathBuf {
    let own = paths.sudoers_of_sudo_rs();
    match dialect {
        Some(Dialect::SudoRs(_)) if file::is_there(&own) => own,
        Some(Dialect::SudoRs(_) | Dialect::Sudo(_)) | None => paths.sudoers(),
    }
}

/// Whether the rules of sessions are read. Where something is not seen, it may say that they are.
fn of_directory(sources: &Sources, dialect: Option<Dialect>, paths: &Paths) -> Vec<Finding> {
    let directory = paths.sudoers_directory();
    if sources.read_directory(&directory) || sources.unread().next().is_some() {
        return vec![];
    }
    let detail = format!("has no line `@includedir {}`", directory.display());
    let main = main(dialect, paths);
    vec![Finding::new(Code::RulesNotRead, Severity::Error, detail).about(&main)]
}
