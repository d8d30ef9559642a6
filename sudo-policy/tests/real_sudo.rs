//! Real programs agree with what this crate says: the original sudo of this machine, and sudo-rs.
//!
//! Needs root, and the programs that `cargo xtask test` provides. Nothing outside is changed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

#[path = "real_sudo/agreement.rs"]
mod agreement;
#[path = "real_sudo/case.rs"]
mod case;
#[path = "real_sudo/choice.rs"]
mod choice;
#[path = "../../tests/harness/dice.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is public")]
mod dice;
#[path = "real_sudo/effect.rs"]
mod effect;
#[path = "goldens/files.rs"]
mod files;
#[path = "real_sudo/generate.rs"]
mod generate;
#[path = "real_sudo/golden.rs"]
mod golden;
#[path = "real_sudo/machine.rs"]
mod machine;
#[path = "../../tests/harness/sudo_rs/pinned.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is public")]
mod pinned;
#[path = "real_sudo/program.rs"]
mod program;
#[path = "real_sudo/table.rs"]
mod table;
