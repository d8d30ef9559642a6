//! Questions that were once in doubt, each with the answer of every program.

use portreeve_sudo_policy::STARTER_BUNDLE;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::{RenderError, Target, render};
use portreeve_sudo_policy::simulate::{CommandLine, can_on};
use portreeve_sudo_policy::word::RunAs;

use crate::machine::{ACCOUNT, Machine};
use crate::program::Program;

/// The fields behind `path`, then command lines that are allowed everywhere, those that original
/// sudo allows and sudo-rs does not, and those that nobody allows. The program itself is left out.
type Row<'a> = (
    &'a str,
    &'a [&'a [&'a str]],
    &'a [&'a [&'a str]],
    &'a [&'a [&'a str]],
);

const ROWS: &[Row<'_>] = &[
    ("", &[&[]], &[], &[&["-l"], &[""]]),
    (
        "args = \"any\"\nreason = \"r\"",
        &[&[], &["-l", "/root"], &[""]],
        &[],
        &[],
    ),
    (
        "args = [\"-l\", \"/a\"]",
        &[&["-l", "/a"]],
        &[&["-l /a"]],
        &[
            &["-l", "/a", "/b"],
            &["-l"],
            &["-l", "", "/a"],
            &["-l", "/a", ""],
            &["-l", "/a "],
            &[],
        ],
    ),
    (
        "args_any_of = [[], [\"-a\"], [\"-b\", \"c\"]]",
        &[&[], &["-a"], &["-b", "c"]],
        &[&["-b c"]],
        &[&["-b"], &["c"], &["-a", "-a"]],
    ),
    (
        "args = [\"a\\\\b\"]",
        &[&["a\\b"]],
        &[],
        &[&["ab"], &["a\\\\b"]],
    ),
    (
        "args = [\"a\", \"-\\\\\"]",
        &[&["a", "-\\"]],
        &[],
        &[&["a", "-"], &["a", "-\\\\"]],
    ),
    (
        "args = [\"a,b:c=d#e!f\"]",
        &[&["a,b:c=d#e!f"]],
        &[],
        &[&["a"], &["a,b"]],
    ),
    ("args = [\"-n\"]\nrun_as = \"daemon\"", &[], &[], &[&["-n"]]),
];

/// Only for sudo with wildcards, expressions and digests.
const ORIGINAL_ROWS: &[Row<'_>] = &[
    ("args = [\"*\"]", &[&["*"]], &[], &[&["a"], &[], &["**"]]),
    (
        "args = [\"[a]\", \"?\"]",
        &[&["[a]", "?"]],
        &[],
        &[&["a", "b"], &["a", "?"]],
    ),
    ("args = [\"^a$\"]", &[&["^a$"]], &[], &[&["a"]]),
    (
        "args_pattern = \"^-l /proc/<pid>/(exe|cwd)$\"",
        &[&["-l", "/proc/1/exe"]],
        &[&["-l /proc/7/cwd"]],
        &[
            &["-l", "/proc/01/exe"],
            &["-l", "/proc/../exe"],
            &["-l", "/proc/1/exe", "/root"],
            &["-l", "/proc/1/exe\n"],
            &["-l", "/proc/12345678/exe"],
        ],
    ),
    (
        "args_pattern = \"^(-a)?$\"",
        &[&[], &[""], &["-a"]],
        &[],
        &[&["-a", ""]],
    ),
    (
        "args_pattern = \"^[a-z.+-]{2,3}=[0-9]+,%@:~_$\"",
        &[&["a.=1,%@:~_"], &["+-z=12,%@:~_"]],
        &[],
        &[&["a=1,%@:~_"], &["abcd=1,%@:~_"]],
    ),
];

#[test]
fn every_program_answers_as_the_table_and_the_simulator() {
    for program in Program::all() {
        let machine = Machine::new(&program);
        let original = matches!(program.dialect, Dialect::Sudo(_));
        let rows = ROWS.iter().chain(ORIGINAL_ROWS.iter().filter(|_| original));
        for (fields, everywhere, original_only, nowhere) in rows {
            let text = format!(
                "name = \"x\"\ndescription = \"d\"\nintent = \"write\"\n[[command]]\npath = \"/usr/bin/pr-look\"\n{fields}\n"
            );
            let bundle = Bundle::parse("x.toml", text.as_bytes())
                .unwrap_or_else(|report| panic!("{}", report.render()));
            machine.within(|inside| {
                inside.set_rules(&rules(&bundle, program.dialect).unwrap());
                let lines = [
                    (*everywhere, true),
                    (*original_only, original),
                    (*nowhere, false),
                ];
                for (arguments, expected) in lines
                    .iter()
                    .flat_map(|(lines, expected)| lines.iter().map(|line| (*line, *expected)))
                {
                    let argv: Vec<String> = std::iter::once("/usr/bin/pr-look")
                        .chain(arguments.iter().copied())
                        .map(str::to_owned)
                        .collect();
                    let what = format!("{}: {fields} {argv:?}", program.dialect);
                    assert_eq!(
                        simulated(&bundle, &argv, program.dialect),
                        expected,
                        "simulator, {what}"
                    );
                    let bytes: Vec<Vec<u8>> = argv
                        .iter()
                        .map(|argument| argument.as_bytes().to_vec())
                        .collect();
                    let (real, said) = inside.may(&bytes, &RunAs::root());
                    assert_eq!(real, expected, "{what}: {said}");
                }
            });
        }
    }
}

#[test]
fn every_program_answers_as_the_starter_bundle_expects() {
    let bundle = Bundle::parse("starter.toml", STARTER_BUNDLE.as_bytes()).unwrap();
    for program in Program::all() {
        let rules = match rules(&bundle, program.dialect) {
            Ok(rules) => rules,
            Err(RenderError::Inexpressible { report, .. })
                if matches!(program.dialect, Dialect::SudoRs(_)) =>
            {
                assert!(report.has_errors());
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        Machine::new(&program).within(|inside| {
            inside.set_rules(&rules);
            let installed = |name: &str| {
                ["/usr/bin", "/usr/sbin"]
                    .iter()
                    .any(|folder| std::path::Path::new(folder).join(name).exists())
            };
            for expectation in bundle.expectations() {
                let argv = expectation.argv();
                if !installed(argv[0].rsplit('/').next().unwrap()) {
                    continue;
                }
                let bytes: Vec<Vec<u8>> = argv
                    .iter()
                    .map(|argument| argument.as_bytes().to_vec())
                    .collect();
                let (real, said) = inside.may(&bytes, expectation.run_as());
                assert_eq!(
                    real,
                    simulated(&bundle, argv, program.dialect),
                    "{argv:?}: {said}"
                );
            }
        });
    }
}

fn simulated(bundle: &Bundle, argv: &[String], dialect: Dialect) -> bool {
    let line = CommandLine {
        argv,
        run_as: &RunAs::root(),
    };
    can_on(bundle, &line, dialect).is_allowed()
}

fn rules(bundle: &Bundle, dialect: Dialect) -> Result<String, RenderError> {
    let account = ACCOUNT.parse().unwrap();
    let target = Target {
        account: &account,
        dialect,
        log: None,
        until: None,
    };
    Ok(render(bundle, &target)?.as_str().to_owned())
}
