//! That nothing was broken: no program panicked, each still runs, and a good session works.

use std::fs;

use super::site::Site;

/// The words of a program that ran into a slip of its own.
const SIGNS: [&str; 4] = [
    "panicked",
    "overflowed its stack",
    "SIGSEGV",
    "fatal runtime error",
];

/// What is wrong with the installation, in words.
pub(super) fn wrong_with(site: &Site) -> Vec<String> {
    let mut wrong = signs_in_logs(site);
    if let Err(error) = site.try_session() {
        wrong.push(format!("no good session afterwards: {error:#}"));
    }
    wrong
}

/// Looks into the log of every process that the lab started.
fn signs_in_logs(site: &Site) -> Vec<String> {
    let mut wrong = Vec::new();
    for entry in fs::read_dir(site.installation.lab().logs()).unwrap() {
        let path = entry.unwrap().path();
        let log = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        for line in log.lines() {
            if SIGNS.iter().any(|sign| line.contains(sign)) {
                wrong.push(format!("{}: {line}", path.display()));
            }
        }
    }
    wrong
}
