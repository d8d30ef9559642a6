//! Whether a bundle works on this host, and whether anybody could get round it here.
//!
//! The programs that a bundle names, with everything on the way to them; sudo itself, and which
//! known vulnerabilities it has; what the host's own sudoers says besides. `portreeve-host bundle
//! check` tells people (`report.rs`, `show.rs`), and every attestation carries the short form
//! (`summary.rs`). Looking changes nothing, and judging is kept apart from looking: `walk.rs` and
//! the decoders are pure.

mod acl;
mod besides;
mod digests;
mod everybody;
mod finding;
mod image;
mod origin;
mod package;
mod preload;
mod program;
mod report;
mod show;
mod sources;
mod sudo;
mod summary;
mod walk;

pub(crate) use besides::reads_rules_of_sessions;
pub(crate) use program::of_bundle;
pub(crate) use report::NoReport;
pub(crate) use report::run;
pub(crate) use summary::{Checker, Look};

/// The decoders of what a host's files and tools say, for fuzzing.
pub(crate) mod decoders {
    pub(crate) use super::acl::Acl;
    pub(crate) use super::everybody::{Rights, inclusions, names, other_plugin, other_sources};
    pub(crate) use super::image::Image;
    pub(crate) use super::package::{codename, named_vulnerabilities, versions};
}
