//! Running a program as root wherever the tests run, so that no test of root is left out in silence.
//!
//! Uses nothing but the standard library: tests of other crates include this file.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

/// A command of a program that root runs: of this machine, or, where somebody else runs the tests, of a user namespace of
/// their own. Where neither is to be had, `unshare` fails and says so, and with it the test.
#[must_use]
pub fn as_root(program: &str) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if is_root {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--", program]);
    command
}
