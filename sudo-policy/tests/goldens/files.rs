//! The golden files: which bundle, for which sudo.

use std::fs;
use std::path::{Path, PathBuf};

use portreeve_protocol::name::AccountName;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::{Target, render};

/// One golden file.
#[derive(Debug)]
pub(crate) struct Golden {
    pub(crate) bundle: &'static str,
    pub(crate) dialect: &'static str,
    pub(crate) log: Option<&'static str>,
    pub(crate) until: Option<&'static str>,
}

const LOG: Option<&str> = Some("/run/portreeve/log/pr-0123456789abcdef.json");
const UNTIL: Option<&str> = Some("20260131120000Z");

/// Every golden file.
pub(crate) const FILES: &[Golden] = &[
    golden("portable", "sudo:1.9.5", None, None),
    golden("portable", "sudo:1.9.13", LOG, UNTIL),
    golden("portable", "sudo-rs:0.2.8", None, None),
    golden("portable", "sudo-rs:0.2.14", None, None),
    golden("escapes", "sudo:1.9.5", LOG, UNTIL),
    golden("escapes", "sudo:1.9.13", None, None),
    golden("patterns", "sudo:1.9.10", None, UNTIL),
    golden("patterns", "sudo:1.9.17", LOG, None),
];

const fn golden(
    bundle: &'static str,
    dialect: &'static str,
    log: Option<&'static str>,
    until: Option<&'static str>,
) -> Golden {
    Golden {
        bundle,
        dialect,
        log,
        until,
    }
}

impl Golden {
    pub(crate) fn file(&self) -> String {
        format!("{}.{}.sudoers", self.bundle, self.dialect.replace(':', "-"))
    }

    pub(crate) fn path(&self) -> PathBuf {
        directory().join(self.file())
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect.parse().unwrap()
    }

    pub(crate) fn account(&self) -> AccountName {
        "pr-0123456789abcdef".parse().unwrap()
    }

    pub(crate) fn bundle(&self) -> Bundle {
        let name = format!("{}.toml", self.bundle);
        let bytes = fs::read(directory().join(&name)).unwrap();
        Bundle::parse(&name, &bytes).unwrap_or_else(|report| panic!("{}", report.render()))
    }

    pub(crate) fn render(&self) -> String {
        let log = self.log.map(|log| log.parse().unwrap());
        let target = Target {
            account: &self.account(),
            dialect: self.dialect(),
            log: log.as_ref(),
            until: self.until.map(|until| until.parse().unwrap()),
        };
        render(&self.bundle(), &target).unwrap().as_str().to_owned()
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}
