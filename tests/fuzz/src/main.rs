//! Fuzzing: one program that feeds the decoder named in `PORTREEVE_FUZZ`, or writes its seeds.
//!
//! Run by `cargo xtask fuzz`. A target is one line in the table of its crate's file; the same
//! tables are fed by the ordinary test `decoders` of each crate. The list of decoders that need a
//! target is in `docs/architecture.md`.

#![no_main]

mod access_policy;
mod bastion;
mod ca;
mod cli;
mod discover;
mod example;
mod files;
mod host;
#[path = "../../../bastion/tests/common/mint.rs"]
mod mint;
mod protocol;
mod recording;
mod sudo_policy;
mod target;
mod text;

use std::path::Path;
use std::sync::OnceLock;
use std::{env, fs, process};

use libfuzzer_sys::fuzz_target;

use crate::target::Target;

/// Names the target.
const TARGET: &str = "PORTREEVE_FUZZ";
/// Asks for the names of all targets instead.
const NAMES: &str = "PORTREEVE_FUZZ_NAMES";
/// Names a folder that is to get the target's seeds instead.
const SEEDS: &str = "PORTREEVE_FUZZ_SEEDS";

const TABLES: [&[Target]; 10] = [
    protocol::TARGETS,
    access_policy::TARGETS,
    sudo_policy::TARGETS,
    recording::TARGETS,
    files::TARGETS,
    ca::TARGETS,
    bastion::TARGETS,
    host::TARGETS,
    discover::TARGETS,
    cli::TARGETS,
];

static CHOSEN: OnceLock<&Target> = OnceLock::new();

fuzz_target!(
    init: {
        if env::var_os(NAMES).is_some() {
            names().iter().for_each(|name| println!("{name}"));
            process::exit(0);
        }
        let chosen = chosen();
        if let Ok(folder) = env::var(SEEDS) {
            write_seeds(chosen, Path::new(&folder));
            process::exit(0);
        }
        CHOSEN.get_or_init(|| chosen);
    },
    |bytes: &[u8]| {
        if let Some(target) = CHOSEN.get() {
            (target.feed)(bytes);
        }
    }
);

fn chosen() -> &'static Target {
    let name = env::var(TARGET).unwrap_or_default();
    let mut targets = TABLES.into_iter().flatten();
    targets
        .find(|target| target.name == name)
        .unwrap_or_else(|| {
            panic!(
                "`{TARGET}` names no target; there are {}",
                names().join(", ")
            )
        })
}

fn names() -> Vec<&'static str> {
    TABLES
        .into_iter()
        .flatten()
        .map(|target| target.name)
        .collect()
}

fn write_seeds(target: &Target, folder: &Path) {
    for (number, seed) in (target.seeds)().iter().enumerate() {
        let path = folder.join(format!("seed-{number}"));
        fs::write(&path, seed).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
