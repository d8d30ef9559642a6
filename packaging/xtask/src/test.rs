//! `cargo xtask test`: everything that CI runs.

use anyhow::{Result, ensure};
use portreeve_tests::{asciinema, debian, moto, packages, sudo_rs};

use crate::{cargo, check, say};

/// Installs what is missing, checks the sources, makes sudo-rs, asciinema, a bare Debian and the programs, runs every test.
pub(crate) fn run() -> Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "the machine tests make hosts out of namespaces, which needs root; without it, run `cargo xtask check`"
    );
    say::step("Debian packages");
    packages::ensure(packages::HOSTS, &mut say::line)?;
    packages::ensure(sudo_rs::PACKAGES, &mut say::line)?;
    packages::ensure(packages::ESCAPES, &mut say::line)?;
    packages::ensure(packages::SHIPPED, &mut say::line)?;
    packages::ensure(packages::PACKAGING, &mut say::line)?;
    packages::ensure(debian::PACKAGES, &mut say::line)?;
    packages::ensure(packages::STORES, &mut say::line)?;
    packages::ensure_node(&mut say::line)?;

    check::run()?;

    say::step("the other sudo");
    sudo_rs::ensure(&cargo::program(), &mut say::line)?;

    say::step("the player of exported recordings");
    asciinema::ensure(&cargo::program(), &mut say::line)?;

    say::step("an S3 store");
    moto::program()?;

    say::step("the other Debian");
    debian::ensure(&mut say::line)?;

    say::step("programs and tests");
    // The machine tests start the programs themselves, so cargo does not know that they need them.
    cargo::run(&["build", "--workspace", "--bins", "--quiet"], &[])?;
    cargo::run(&["test", "--workspace", "--no-run", "--quiet"], &[])?;

    say::step("all tests, those on test hosts included");
    let mut total = Total::default();
    let outcome = cargo::watch(&["test", "--workspace", "--no-fail-fast"], &mut |line| {
        total.add(line)
    });
    say::step(&format!(
        "{} tests passed, {} failed",
        total.passed, total.failed
    ));
    outcome
}

/// The sum over all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Total {
    passed: u64,
    failed: u64,
}

impl Total {
    /// Adds what a line says, if it is the last line of a test program:
    /// `test result: ok. 3 passed; 0 failed; 0 ignored; ...`
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Total;

    #[test]
    fn the_last_lines_of_test_programs_are_added_up() {
        let mut total = Total::default();
        let lines = [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: is not what a test prints",
            "test result: FAILED. 17 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ];
        lines.iter().for_each(|line| total.add(line));
        assert_eq!(
            total,
            Total {
                passed: 20,
                failed: 2
            }
        );
    }
}
