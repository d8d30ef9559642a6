//! For random bundles and command lines, the simulator, the strict reader and the real programs
//! give the same answers.
//!
//! `PORTREEVE_AGREEMENT_PAIRS` says how many questions each program is asked, and
//! `PORTREEVE_AGREEMENT_SEED` with which numbers to begin. A disagreement is cut down to the
//! smallest that is left, and printed.

use std::fmt::Write as _;

use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::{Target, Until, render};
use portreeve_sudo_policy::simulate::{CommandLine, can_on};
use portreeve_sudo_policy::sudoers::Rules;
use portreeve_sudo_policy::word::RunAs;

use crate::case::{Case, Line};
use crate::dice::Dice;
use crate::generate::{Features, case};
use crate::machine::{ACCOUNT, Inside, MISSING, Machine};
use crate::program::Program;

/// Questions that each program is asked, unless the environment says otherwise.
const PAIRS: usize = 20_000;
/// Questions about one bundle: reading it again costs sudo little, writing it costs us.
const LINES: usize = 40;
/// Threads that ask at once, each on a machine of its own.
const THREADS: usize = 2;

#[test]
fn original_sudo_and_the_simulator_agree() {
    agree(&Program::original(), PAIRS);
}

#[test]
fn sudo_rs_and_the_simulator_agree() {
    let programs = Program::rs();
    let (newest, older) = programs.split_last().unwrap();
    agree(newest, PAIRS);
    older.iter().for_each(|program| agree(program, PAIRS / 10));
}

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("`{name}` is not a number")),
    )
}

fn agree(program: &Program, pairs: usize) {
    let pairs = from_environment("PORTREEVE_AGREEMENT_PAIRS")
        .map_or(pairs, |pairs| usize::try_from(pairs).unwrap());
    let seed = from_environment("PORTREEVE_AGREEMENT_SEED").unwrap_or(0);
    let bundles = pairs.div_ceil(LINES).div_ceil(THREADS);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let first = seed + u64::try_from(thread * bundles).unwrap();
                let last = first + u64::try_from(bundles).unwrap();
                scope.spawn(move || {
                    Machine::new(program)
                        .within(|inside| compare(inside, program.dialect, first..last))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let allowed: usize = tallies.iter().map(|tally| tally.allowed).sum();
    let asked: usize = tallies.iter().map(|tally| tally.asked).sum();
    let disagreements: Vec<&str> = tallies
        .iter()
        .flat_map(|tally| &tally.disagreements)
        .map(String::as_str)
        .collect();
    assert!(
        disagreements.is_empty(),
        "{} of {asked} answers of {} differ:\n\n{}",
        disagreements.len(),
        program.dialect,
        disagreements.join("\n\n")
    );
    // A test in which everything is refused shows nothing.
    assert!(allowed * 5 > asked, "{allowed} of {asked} were allowed");
}

/// What came of many questions.
#[derive(Debug, Default)]
struct Tally {
    asked: usize,
    allowed: usize,
    disagreements: Vec<String>,
}

/// So many disagreements are cut down, which takes time; then there is enough to do.
const MOST: usize = 5;

fn compare(inside: &Inside<'_>, dialect: Dialect, seeds: std::ops::Range<u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let case = case(&mut Dice::new(seed), Features::of(dialect), LINES);
        let subject = Subject::new(&case, dialect);
        inside.set_rules(&subject.rules);
        for line in &case.lines {
            let answers = subject.ask(inside, line);
            tally.asked += 1;
            tally.allowed += usize::from(answers.real);
            if !answers.agree() {
                tally
                    .disagreements
                    .push(cut_down(inside, &case, line, dialect, seed));
                inside.set_rules(&subject.rules);
            }
            if tally.disagreements.len() >= MOST {
                return tally;
            }
        }
    }
    tally
}

/// The answers to one question.
#[derive(Debug)]
struct Answers {
    real: bool,
    said: String,
    simulated: bool,
    read_back: bool,
}

impl Answers {
    fn agree(&self) -> bool {
        self.real == self.simulated && self.real == self.read_back
    }
}

/// What answers are about.
#[derive(Debug)]
struct Subject {
    dialect: Dialect,
    /// The file.
    rules: String,
    /// The bundle, as far as it can match anything on the test machine.
    live: Bundle,
    /// The same as a file that was read back.
    read: Rules,
}

impl Subject {
    fn new(case: &Case, dialect: Dialect) -> Self {
        let live = case.live_bundle();
        Self {
            dialect,
            rules: written(&case.bundle(), dialect),
            read: Rules::read(&written(&live, dialect)).unwrap(),
            live,
        }
    }

    /// Asks everybody; the rules are in force.
    fn ask(&self, inside: &Inside<'_>, line: &Line) -> Answers {
        let run_as: RunAs = line.run_as.parse().unwrap();
        let (real, said) = inside.may(&line.argv, &run_as);
        let argv = line.text();
        let asked = CommandLine {
            argv: &argv,
            run_as: &run_as,
        };
        Answers {
            real,
            said,
            simulated: can_on(&self.live, &asked, self.dialect).is_allowed(),
            read_back: self.read.permission_for(&asked).is_some(),
        }
    }
}

fn written(bundle: &Bundle, dialect: Dialect) -> String {
    let account = ACCOUNT.parse().unwrap();
    let target = Target {
        account: &account,
        dialect,
        log: None,
        until: far_off(dialect),
    };
    render(bundle, &target).unwrap().as_str().to_owned()
}

/// An end that is not reached, where rules can have one: it changes no answer.
fn far_off(dialect: Dialect) -> Option<Until> {
    match dialect {
        Dialect::Sudo(_) => Some("20991231235959Z".parse().unwrap()),
        Dialect::SudoRs(_) => None,
    }
}

/// The smallest disagreement that is left when rules, arguments and characters are taken away.
fn cut_down(inside: &Inside<'_>, case: &Case, line: &Line, dialect: Dialect, seed: u64) -> String {
    let mut smallest = (case.clone(), line.clone());
    let answers = |(case, line): &(Case, Line)| {
        let subject = Subject::new(case, dialect);
        inside.set_rules(&subject.rules);
        (subject.ask(inside, line), subject.rules)
    };
    let differs = |candidate: &(Case, Line)| !answers(candidate).0.agree();
    while let Some(smaller) = smaller(&smallest)
        .into_iter()
        .find(|candidate| differs(candidate))
    {
        smallest = smaller;
    }
    let (answers, rules) = answers(&smallest);
    let (case, line) = smallest;
    let mut text = String::new();
    let argv: Vec<String> = line
        .argv
        .iter()
        .map(|one| one.escape_ascii().to_string())
        .collect();
    let _ = writeln!(text, "seed {seed}, as {}: {argv:?}", line.run_as);
    let _ = writeln!(
        text,
        "{dialect}: {}, simulator: {}, strict reader: {}",
        answers.real, answers.simulated, answers.read_back
    );
    let _ = writeln!(text, "it says: {}", answers.said.trim());
    let _ = write!(text, "{}\n{rules}", case.toml());
    text
}

/// Everything that is a little less.
fn smaller((case, line): &(Case, Line)) -> Vec<(Case, Line)> {
    let mut found = Vec::new();
    for at in 0..case.rules.len() {
        let mut fewer = case.clone();
        fewer.rules.remove(at);
        found.push((fewer, line.clone()));
    }
    for at in 1..line.argv.len() {
        let mut fewer = line.clone();
        fewer.argv.remove(at);
        found.push((case.clone(), fewer));
        for half in [true, false] {
            let mut shorter = line.clone();
            let length = line.argv[at].len();
            if length > 1 {
                let part = if half { ..length / 2 } else { ..length - 1 };
                shorter.argv[at] = line.argv[at][part].to_vec();
                found.push((case.clone(), shorter));
            }
        }
    }
    found
}

#[test]
fn a_rule_for_a_missing_program_allows_nothing() {
    for program in Program::all() {
        let machine = Machine::new(&program);
        let rules = format!("{ACCOUNT} ALL=(root) NOPASSWD: {MISSING}\n");
        let (may, _) = machine.within(|inside| {
            inside.set_rules(&rules);
            inside.may(&[MISSING.as_bytes().to_vec()], &RunAs::root())
        });
        assert!(!may, "{}", program.dialect);
    }
}
