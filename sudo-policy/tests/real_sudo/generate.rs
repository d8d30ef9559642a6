//! Makes bundles, and command lines that nearly match them.
//!
//! Aimed at what sudo treats specially: spaces inside arguments, empty arguments, wildcards, the
//! punctuation of sudoers, backslashes, links, several rules for one program, bounds of patterns.

use portreeve_sudo_policy::dialect::{Dialect, Version};
use portreeve_sudo_policy::pattern::{PLACEHOLDERS, Pattern};

use crate::case::{Arguments, Case, Digests, Line, Rule};
use crate::choice::{once_in, one};
use crate::dice::Dice;
use crate::machine::{MISSING, PROGRAMS};

const RULE_RUN_AS: [&str; 7] = [
    "root",
    "root",
    "root",
    "daemon",
    ":adm",
    "root:adm",
    "www-data:www-data",
];
const ASKED_RUN_AS: [&str; 10] = [
    "root",
    "root",
    "daemon",
    "www-data",
    ":adm",
    ":daemon",
    "root:adm",
    "root:root",
    "root:daemon",
    "daemon:adm",
];
/// Characters of exact arguments that sudo-rs can hold too.
const PLAIN: &[u8] = b",:=#!'()$ab-@%~&;|<>{}+./_0\\";
/// Characters that only original sudo can escape.
const WILD: &[u8] = b"*?[]^";
/// What stands in a command line where the rule has something else.
const ODD: [&[u8]; 14] = [
    b"",
    b" ",
    b"-",
    b"--",
    b"*",
    b"\\",
    b"\"\"",
    b"\n",
    b"\t",
    b"\xff",
    b"\xc3\xa9",
    b"a b",
    b"^$",
    b"..",
];

/// The features that a sudo's rules may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Features {
    wildcards: bool,
    patterns: bool,
    digests: bool,
    /// Whether it survives arguments that are not UTF-8.
    bytes: bool,
}

impl Features {
    pub(crate) fn of(dialect: Dialect) -> Self {
        let original = matches!(dialect, Dialect::Sudo(_));
        Self {
            wildcards: original,
            patterns: original,
            digests: original,
            bytes: match dialect {
                Dialect::Sudo(_) => true,
                Dialect::SudoRs(version) => version >= Version(0, 2, 13),
            },
        }
    }
}

/// A bundle with this many command lines.
pub(crate) fn case(dice: &mut Dice, features: Features, lines: usize) -> Case {
    let first = program(dice);
    let rules: Vec<Rule> = (0..1 + dice.below(5))
        .map(|_| {
            // Most bundles have several rules for one program.
            let path = if once_in(dice, 2) {
                first
            } else {
                program(dice)
            };
            rule(dice, features, path)
        })
        .collect();
    let lines = (0..lines).map(|_| line(dice, &rules));
    let lines = lines
        .filter(|line| features.bytes || line.is_text())
        .collect();
    Case { rules, lines }
}

fn program(dice: &mut Dice) -> &'static str {
    if once_in(dice, 20) {
        MISSING
    } else {
        PROGRAMS[dice.below(PROGRAMS.len())]
    }
}

fn rule(dice: &mut Dice, features: Features, path: &'static str) -> Rule {
    let arguments = match dice.below(10) {
        0 => Arguments::Any,
        1 => Arguments::Lists(vec![Vec::new()]),
        2..=5 if features.patterns => {
            let (pattern, taken) = whole_pattern(dice);
            Arguments::Pattern(pattern, taken)
        }
        _ => Arguments::Lists(
            (0..1 + dice.below(3))
                .map(|_| list(dice, features))
                .collect(),
        ),
    };
    let digests = match dice.below(12) {
        0 if features.digests => Digests::Right,
        1 if features.digests => Digests::Wrong,
        2 if features.digests => Digests::OneIsRight,
        _ => Digests::None,
    };
    Rule {
        path,
        arguments,
        run_as: RULE_RUN_AS[dice.below(RULE_RUN_AS.len())],
        cwd: once_in(dice, 8),
        noexec: !once_in(dice, 8),
        digests,
    }
}

fn list(dice: &mut Dice, features: Features) -> Vec<String> {
    (0..dice.below(4))
        .map(|_| argument(dice, features))
        .collect()
}

fn argument(dice: &mut Dice, features: Features) -> String {
    if once_in(dice, 3) {
        return (*one(
            dice,
            &[
                "-tnp",
                "-n",
                "5",
                "/etc/passwd",
                "--all",
                "status",
                "a",
                "sha256",
                "ALL",
            ],
        ))
        .to_owned();
    }
    // Now and then one of the longest.
    let length = if once_in(dice, 40) {
        200
    } else {
        1 + dice.below(6)
    };
    let mut text = String::new();
    while text.len() < length {
        let wild = features.wildcards && once_in(dice, 3);
        text.push(char::from(*one(dice, if wild { WILD } else { PLAIN })));
    }
    text
}

/// A pattern of the language, and a text that it takes.
fn whole_pattern(dice: &mut Dice) -> (String, String) {
    loop {
        let (body, taken) = pattern(dice, 3);
        let text = format!("^{body}$");
        // Some that come out are larger than the language allows.
        if text.parse::<Pattern>().is_ok() {
            return (text, taken);
        }
    }
}

/// A pattern without its anchors, and a text that was made along with it and that it takes.
fn pattern(dice: &mut Dice, depth: usize) -> (String, String) {
    if depth == 0 || once_in(dice, 4) {
        return leaf(dice);
    }
    let (text, taken) = pattern(dice, depth - 1);
    match dice.below(7) {
        0 | 1 => {
            let (more, also) = pattern(dice, depth - 1);
            (text + &more, taken + &also)
        }
        2 => {
            let (more, also) = pattern(dice, depth - 1);
            (
                format!("({text}|{more})"),
                if once_in(dice, 2) { taken } else { also },
            )
        }
        3 => (format!("({text})*"), taken.repeat(dice.below(4))),
        4 => (format!("({text})?"), taken.repeat(dice.below(2))),
        5 => (format!("({text})+"), taken.repeat(1 + dice.below(3))),
        _ => (format!("({text}){{1,3}}"), taken.repeat(1 + dice.below(3))),
    }
}

fn leaf(dice: &mut Dice) -> (String, String) {
    let same = |text: &str| (text.to_owned(), text.to_owned());
    match dice.below(8) {
        0..=2 => same(one::<&str>(
            dice,
            &[
                "a", "b", " ", " ", "-n ", "/", "0", "_", ":", "@", "%", ",", "=", "~", "-",
                "status",
            ],
        )),
        3 => {
            let (written, taken) = *one(dice, &[("\\.", "."), ("\\+", "+")]);
            (written.to_owned(), taken.to_owned())
        }
        4 | 5 => {
            let placeholder = one(dice, PLACEHOLDERS);
            (
                placeholder.written.to_owned(),
                placeholder.example.to_owned(),
            )
        }
        _ => {
            let (written, taken) = *one(
                dice,
                &[
                    ("[a-c]", "b"),
                    ("[z0-9]", "7"),
                    ("[./_-]", "/"),
                    ("[+=]", "+"),
                    ("[@:x]", ":"),
                    ("[ a]", " "),
                    ("[,-]", "-"),
                ],
            );
            (written.to_owned(), taken.to_owned())
        }
    }
}

fn line(dice: &mut Dice, rules: &[Rule]) -> Line {
    let rule = one(dice, rules).clone();
    let mut argv: Vec<Vec<u8>> = arguments_of(dice, &rule.arguments);
    let changes = dice.below(3);
    for _ in 0..changes {
        spoil(dice, &mut argv);
    }
    argv.insert(0, typed(dice, rule.path).into_bytes());
    let run_as = if once_in(dice, 3) {
        ASKED_RUN_AS[dice.below(ASKED_RUN_AS.len())]
    } else {
        rule.run_as
    };
    Line { argv, run_as }
}

/// Arguments that the rule takes.
fn arguments_of(dice: &mut Dice, arguments: &Arguments) -> Vec<Vec<u8>> {
    let bytes = |text: &str| text.as_bytes().to_vec();
    match arguments {
        Arguments::Any => (0..dice.below(4))
            .map(|_| one(dice, &ODD).to_vec())
            .collect(),
        Arguments::Lists(lists) => one(dice, lists)
            .iter()
            .map(|argument| bytes(argument))
            .collect(),
        Arguments::Pattern(_, taken) if taken.is_empty() => Vec::new(),
        Arguments::Pattern(_, taken) => taken.split(' ').map(bytes).collect(),
    }
}

/// One way to spell a program.
fn typed(dice: &mut Dice, path: &str) -> String {
    let name = path.rsplit('/').next().unwrap();
    match dice.below(9) {
        0..=2 => path.to_owned(),
        3 | 4 => name.to_owned(),
        5 => path.strip_prefix("/usr").unwrap_or(path).to_owned(),
        6 => {
            let dotted = [
                path.replacen('/', "//", 1),
                path.replace("/bin/", "/./bin/"),
                path.replace("/bin/", "/bin/../bin/"),
            ];
            one(dice, &dotted).clone()
        }
        7 => PROGRAMS[dice.below(PROGRAMS.len())].to_owned(),
        _ => {
            let others = [
                MISSING.to_owned(),
                "pr-missing".into(),
                String::new(),
                format!("{path}/"),
                format!("{path}x"),
                name.to_uppercase(),
                "/".into(),
                "/usr/bin".into(),
                "/usr/bin/id".into(),
                format!("{name}*"),
            ];
            one(dice, &others).clone()
        }
    }
}

/// One change of arguments.
fn spoil(dice: &mut Dice, argv: &mut Vec<Vec<u8>>) {
    if argv.is_empty() {
        argv.push(one(dice, &ODD).to_vec());
        return;
    }
    let at = dice.below(argv.len());
    match dice.below(15) {
        0 => {
            argv.remove(at);
        }
        1 => argv.insert(at, one(dice, &ODD).to_vec()),
        2 => argv.push(one(dice, &ODD).to_vec()),
        3 => argv.push(argv[at].clone()),
        4 => {
            let all = argv.join(&b' ');
            *argv = vec![all];
        }
        5 if at + 1 < argv.len() => {
            let next = argv.remove(at + 1);
            argv[at].push(b' ');
            argv[at].extend(next);
        }
        6 => {
            let half = argv[at].len() / 2;
            let rest = argv[at].split_off(half);
            argv.insert(at + 1, rest);
        }
        7 => argv.reverse(),
        8 => argv[at].extend(*one(dice, &ODD)),
        9 => {
            argv[at].pop();
        }
        10 => argv[at] = vec![b'a'; 4000],
        // A wildcard of the rule filled in, should it be read as one.
        11 => fill(&mut argv[at], b"*?[^", dice),
        12 => fill(&mut argv[at], b"0123456789", dice),
        13 => fill(&mut argv[at], b"\\,:=#", dice),
        _ => {
            let byte = dice.below(argv[at].len().max(1));
            if let Some(byte) = argv[at].get_mut(byte) {
                *byte = *one(dice, b"abz09 -*\\\"\x01/.");
            }
        }
    }
}

/// Puts something else where one of these characters stands.
fn fill(argument: &mut Vec<u8>, characters: &[u8], dice: &mut Dice) {
    if let Some(at) = argument.iter().position(|byte| characters.contains(byte)) {
        let with = *one::<&[u8]>(dice, &[&b"zz"[..], b"", b"0", b"9", b"\\", b"10"]);
        argument.splice(at..=at, with.iter().copied());
    }
}
