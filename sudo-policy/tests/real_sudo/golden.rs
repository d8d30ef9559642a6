//! Every sudo takes the rules that are written for it.

use std::fs;
use std::path::Path;

use portreeve_protocol::digest::Digest;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::{RenderError, Target, render};
use portreeve_sudo_policy::sudoers::Rules;

use crate::choice::one;
use crate::dice::Dice;
use crate::files::{FILES, Golden};
use crate::machine::{ACCOUNT, Machine};
use crate::program::Program;

/// Whether a golden file is for this program: for any original sudo, and for sudo-rs that is at
/// least as new, since a host may be upgraded during a session.
fn is_for(golden: &Golden, program: &Program) -> bool {
    match (golden.dialect(), program.dialect) {
        (Dialect::Sudo(_), Dialect::Sudo(_)) => true,
        (Dialect::SudoRs(written), Dialect::SudoRs(read)) => written <= read,
        (Dialect::Sudo(_), Dialect::SudoRs(_)) | (Dialect::SudoRs(_), Dialect::Sudo(_)) => false,
    }
}

#[test]
fn every_golden_file_passes_visudo() {
    for program in Program::all() {
        let goldens: Vec<_> = FILES
            .iter()
            .filter(|golden| is_for(golden, &program))
            .collect();
        assert!(!goldens.is_empty(), "{}", program.dialect);
        Machine::new(&program).within(|inside| {
            for golden in goldens {
                let kept = fs::read_to_string(golden.path()).unwrap();
                assert_eq!(
                    inside.visudo(&kept),
                    None,
                    "{} {}",
                    program.dialect,
                    golden.file()
                );
            }
            assert_ne!(inside.visudo("nonsense here\n"), None, "it refuses nothing");
        });
    }
}

#[test]
fn shipped_bundles_pass_visudo_or_say_what_is_missing() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("bundles");
    let shipped: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let account = ACCOUNT.parse().unwrap();
    for program in Program::all() {
        Machine::new(&program).within(|inside| {
            for path in shipped.iter().filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml")
            }) {
                let name = path.display().to_string();
                // One that includes others is not whole.
                let Ok(bundle) = Bundle::parse(&name, &fs::read(path).unwrap()) else {
                    continue;
                };
                let target = Target {
                    account: &account,
                    dialect: program.dialect,
                    log: None,
                    until: None,
                };
                match render(&bundle, &target) {
                    Ok(rules) => assert_eq!(
                        inside.visudo(rules.as_str()),
                        None,
                        "{} {name}",
                        program.dialect
                    ),
                    Err(RenderError::Inexpressible { report, .. }) => {
                        assert!(
                            matches!(program.dialect, Dialect::SudoRs(_)),
                            "{name}: {}",
                            report.render()
                        );
                    }
                    Err(error) => panic!("{name}: {error}"),
                }
            }
        });
    }
}

/// Files that somebody changed and sealed again.
const FORGERIES: usize = 400;

#[test]
fn whatever_the_strict_reader_takes_visudo_takes_too() {
    for program in Program::all() {
        let goldens: Vec<_> = FILES
            .iter()
            .filter(|golden| is_for(golden, &program))
            .collect();
        let mut dice = Dice::new(7);
        let mut taken = 0;
        Machine::new(&program).within(|inside| {
            for _ in 0..FORGERIES {
                let good = one(&mut dice, &goldens).render();
                let end = good.trim_end().rfind('\n').unwrap() + 1;
                let mut body = good.as_bytes()[..end].to_vec();
                for _ in 0..=dice.below(2) {
                    let at = dice.below(body.len());
                    let byte = *one(&mut dice, b"0aZ \\,:*?[]!\"^$()=/-.#");
                    match dice.below(3) {
                        0 => body[at] = byte,
                        1 => body.insert(at, byte),
                        _ => {
                            body.remove(at);
                        }
                    }
                }
                let body = String::from_utf8(body).unwrap();
                let text = format!("{body}# end {}\n", Digest::of(body.as_bytes()));
                if Rules::read(&text).is_ok() {
                    taken += 1;
                    assert_eq!(inside.visudo(&text), None, "{}: {text}", program.dialect);
                }
            }
        });
        assert!(taken > 0, "nothing was taken, so nothing was shown");
    }
}
