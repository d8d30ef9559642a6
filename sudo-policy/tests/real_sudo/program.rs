//! The programs that are asked: the machine's own sudo, and sudo-rs as `cargo xtask test` built it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use portreeve_sudo_policy::dialect::Dialect;

use crate::pinned;

/// One sudo with its visudo.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) dialect: Dialect,
    /// Where the two are; `None` for those of the machine.
    pub(crate) directory: Option<PathBuf>,
}

impl Program {
    /// The machine's own, which is original sudo.
    pub(crate) fn original() -> Self {
        let dialect = version(Path::new("/usr/bin/sudo"));
        assert!(
            matches!(dialect, Dialect::Sudo(_)),
            "`/usr/bin/sudo` is {dialect}"
        );
        Self {
            dialect,
            directory: None,
        }
    }

    /// Each version of sudo-rs, the oldest first.
    pub(crate) fn rs() -> Vec<Self> {
        pinned::VERSIONS
            .iter()
            .map(|version| Self::one_rs(version))
            .collect()
    }

    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        std::iter::once(Self::original())
            .chain(Self::rs())
            .collect()
    }

    fn one_rs(pinned: &str) -> Self {
        let directory = pinned::directory(&target(), pinned);
        let program = directory.join("sudo");
        assert!(
            program.exists(),
            "`{}` does not exist: `cargo xtask test` builds it",
            program.display()
        );
        let dialect = version(&program);
        assert_eq!(dialect.to_string(), format!("sudo-rs {pinned}"));
        Self {
            dialect,
            directory: Some(directory),
        }
    }
}

/// Cargo's build directory, in which this test lies.
fn target() -> PathBuf {
    let own = fs::canonicalize(std::env::current_exe().unwrap()).unwrap();
    own.ancestors().nth(3).unwrap().to_path_buf()
}

fn version(program: &Path) -> Dialect {
    let output = Command::new(program).arg("--version").output();
    let said = output.unwrap_or_else(|error| panic!("`{}`: {error}", program.display()));
    let text =
        String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    Dialect::from_version_output(&text).unwrap_or_else(|| panic!("an unknown sudo: {text}"))
}
