//! Versions of sudo bundles at the CA: publishing, their history, withdrawing.
//!
//! A version is a bundle's file; its digest names it and it never changes. Of each name at most one version is in force,
//! which is the one that new sessions get; running sessions keep the one that they began with.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::{BundleName, HumanName};
use crate::task::Purpose;
use crate::time::Timestamp;

/// `PUT /v1/bundles`: a version to publish.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishBundle {
    /// The file's content.
    pub text: String,
    /// What changed and why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Purpose>,
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleRecord {
    /// Its name.
    pub name: BundleName,
    /// Its digest.
    pub digest: Digest,
    /// When it was published first.
    pub published_at: Timestamp,
    /// Who published it first; nobody when it came with the installation.
    #[serde(default)]
    pub published_by: Option<HumanName>,
    /// What its publisher said about it.
    #[serde(default)]
    pub message: Option<Purpose>,
    /// Whether new sessions get it.
    #[serde(default)]
    pub in_force: bool,
    /// Who withdrew it, if somebody did.
    #[serde(default)]
    pub withdrawn: Option<Withdrawn>,
    /// The file's content; left out of listings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// That a version was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: HumanName,
    /// Why.
    pub reason: Purpose,
}

/// The answer to [`PublishBundle`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BundlePublished {
    /// The version.
    #[serde(flatten)]
    pub bundle: BundleRecord,
    /// What publishing it changed.
    pub outcome: PublishOutcome,
    /// What the linter has to say about it.
    pub warnings: Vec<BundleWarning>,
}

/// What publishing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishOutcome {
    /// The version is new and in force.
    Published,
    /// The version was published before; it is in force again.
    Restored,
    /// The version was in force already: nothing changed.
    Unchanged,
}

/// Something that a person should look at before the version is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleWarning {
    /// The line in the file, from 1.
    pub line: u64,
    /// The column in characters, from 1.
    pub column: u64,
    /// The linter's rule, as `SP109`.
    pub code: String,
    /// What is unwise.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// One act on a name, as its history lists it, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleChange {
    /// What was done.
    pub act: BundleAct,
    /// To which version.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
    /// By whom; nobody when it came with the installation.
    pub by: Option<HumanName>,
    /// What its publisher said about it, or why it was withdrawn.
    pub message: Option<Purpose>,
    /// The version that was in force from then on, if any.
    pub in_force: Option<Digest>,
}

/// What can be done to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BundleAct {
    /// It was published and is in force.
    Published,
    /// It was withdrawn: no new session gets it.
    Withdrawn,
}

/// `POST /v1/bundles/{name}/withdraw`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawBundle {
    /// Which version; the one in force when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Why, for the trail and for the agents whose sessions it ends.
    pub reason: Purpose,
    /// What becomes of the sessions that have it.
    pub sessions: RunningSessions,
    /// The earlier version that is in force from then on; none unless one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fall_back_to: Option<Digest>,
}

/// What becomes of the running sessions of a version that is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunningSessions {
    /// They are killed.
    End,
    /// They go on until they end by themselves.
    Spare,
}

/// The answer to [`WithdrawBundle`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BundleWithdrawn {
    /// The version.
    pub bundle: BundleRecord,
    /// The version of the same name that new sessions get from now on, if any.
    pub in_force: Option<Digest>,
    /// How many sessions were ended. Those that no bastion had claimed yet are always among them.
    pub ended: u64,
    /// How many sessions go on with it.
    pub spared: u64,
}
