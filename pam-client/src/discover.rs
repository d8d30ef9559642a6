//! Who gets into this host without a session: keys, passwords, sudo rules, and credentials that lie
//! about. `portreeve-host discover` tells people, and signs it for the CA.
//!
//! Looking changes nothing, and judging is kept apart from looking: what reads a text is pure, and
//! everything below somebody's home is read through `within.rs`, which trusts nothing there. No
//! secret is told, only that there is one. What Portreeve itself put on the host is left out.

mod accounts;
mod authorized;
mod code;
mod credentials;
mod finding;
mod last;
mod mounts;
mod others;
mod places;
mod powers;
mod private_key;
mod report;
mod shadow;
mod show;
mod signed;
mod sshd;
mod sshd_settings;
mod sudo;
mod sudo_lines;
mod sudo_rules;
mod tokens;
mod variables;
mod view;
mod within;

pub(crate) use mounts::Mounts;
pub(crate) use report::{Report, look};
pub(crate) use show::text;
pub(crate) use signed::sign;

/// The decoders of what homes, files of the system and its tools say, for fuzzing.
pub(crate) mod decoders {
    pub(crate) use super::accounts::{Groups, ServiceUids, accounts};
    pub(crate) use super::authorized::keys;
    pub(crate) use super::finding::shown;
    pub(crate) use super::mounts::Mounts;
    pub(crate) use super::powers::{doas, polkit};
    pub(crate) use super::private_key::read as private_key;
    pub(crate) use super::shadow::{in_passwd, read as shadow};
    pub(crate) use super::sshd_settings::{Settings, expanded, has_match, includes};
    pub(crate) use super::sudo_lines::{Part, listed, parts};
    pub(crate) use super::sudo_rules::Rules;
    pub(crate) use super::variables::{in_json, in_lines};
}
