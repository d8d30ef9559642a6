//! What the host's own sudoers says besides: sudo is asked what everybody may do, and whether our
//! rules are read at all.

use std::fs;
use std::path::Path;
use std::time::Duration;

use portreeve_sudo_policy::code::Code;
use portreeve_sudo_policy::dialect::Dialect;

use super::everybody::{Rights, reads_directory};
use super::finding::{Finding, Severity};
use super::program::{mark, not_seen};
use super::walk::Mark;
use crate::file;
use crate::nss;
use crate::paths::Paths;
use crate::run;
use crate::sudoers::{SUDO, VISUDO};

const PATIENCE: Duration = Duration::from_secs(5);
/// The largest sudoers that is read; a person's has a thousandth of it.
const MAX_SUDOERS: u64 = 1024 * 1024;
/// Accounts that stand for everybody: every system has one of them, and nobody gives them rights.
const STAND_INS: [&str; 3] = ["nobody", "daemon", "bin"];
/// More files than anybody keeps beside sudoers.
const MOST_FILES: usize = 1000;

/// What the host's own sudoers looks like from outside: when it is the same, nothing changed.
pub(crate) type Marks = Vec<Mark>;

/// The marks of sudoers and of what lies beside it, the rules of sessions excepted.
pub(crate) fn marks(paths: &Paths) -> Marks {
    let own = |name: &std::ffi::OsStr| name.to_string_lossy().contains("portreeve-pr-");
    let beside = fs::read_dir(paths.sudoers_directory())
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| !own(&entry.file_name()))
        .take(MOST_FILES)
        .map(|entry| entry.path());
    let mut marks: Marks = [paths.sudoers(), paths.sudoers_of_sudo_rs()]
        .into_iter()
        .chain(beside)
        .filter_map(|path| Some(mark(&fs::metadata(path).ok()?)))
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
    let mut findings = of_directory(dialect, paths);
    let stand_in = STAND_INS
        .into_iter()
        .find(|name| nss::account(name).is_ok_and(|account| account.is_some()));
    if stand_in.is_none() {
        let why = format!("none of the users {STAND_INS:?} exists, who stand for everybody");
        findings.push(Finding::new(Code::NotSeen, Severity::Note, why));
    }
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
            Err(why) => findings.push(Finding::new(Code::NotSeen, Severity::Note, why)),
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

fn of_directory(dialect: Option<Dialect>, paths: &Paths) -> Vec<Finding> {
    let own = paths.sudoers_of_sudo_rs();
    let main = match dialect {
        Some(Dialect::SudoRs(_)) if file::is_there(&own) => own,
        Some(Dialect::SudoRs(_) | Dialect::Sudo(_)) | None => paths.sudoers(),
    };
    let directory = crate::paths::text(&paths.sudoers_directory());
    match file::read_trusted(&main, MAX_SUDOERS) {
        Ok(text) if reads_directory(&text, &directory) || visudo_lists(&directory) => vec![],
        Ok(_) => {
            let detail = format!("has no line `@includedir {directory}`");
            vec![Finding::new(Code::RulesNotRead, Severity::Error, detail).about(&main)]
        }
        Err(error) => vec![not_seen(&main, &error.to_string())],
    }
}

/// Whether visudo, which follows all inclusions, names a file of the directory.
fn visudo_lists(directory: &str) -> bool {
    let within = Path::new(directory);
    run::run(VISUDO, &["-c"], PATIENCE).is_ok_and(|said| {
        said.stdout
            .lines()
            .filter_map(|line| line.split(':').next())
            .any(|file| Path::new(file).parent() == Some(within))
    })
}
