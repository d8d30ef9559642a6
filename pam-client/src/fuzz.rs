//! What fuzz targets feed: the decoders of what bastions, sshd, PAM and sudo say, each as one
//! function. Nobody else calls this.

pub mod discover;

use std::time::Duration;

use portreeve_protocol::attest::HostFact;
use portreeve_protocol::enrol::HostTicket;
use portreeve_protocol::order::Order;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use portreeve_sudo_policy::dialect::{Dialect, Version};

use crate::accept::{self, Circumstances};
use crate::bundle_check::decoders;
use crate::clock::Moment;
use crate::config::Config;
use crate::counter::SessionUid;
use crate::journal;
use crate::lines::Lines;
use crate::paths::Paths;
use crate::range::{self, Sources};
use crate::root::{Answer, Ask};
use crate::sudolog::SudoLog;
use crate::trust::Trust;
use crate::watch::btf::Btf;
use crate::watch::connector::message;
use crate::watch::diary::{Diary, Lost};
use crate::watch::record;

/// What sudo's log says, read in these pieces.
#[must_use]
pub fn sudo_log(pieces: &[&[u8]]) -> Vec<HostFact> {
    let mut log = SudoLog::default();
    for piece in pieces {
        log.push(piece);
    }
    log.finish().into_iter().map(|event| event.fact).collect()
}

/// What a program of ours in the kernel wrote, and what is told of it.
#[must_use]
pub fn watch_record(bytes: &[u8]) -> Vec<HostFact> {
    let now = Moment {
        wall: Timestamp::from_seconds(1_790_000_000),
        boot: Duration::from_secs(1_000_000),
    };
    let seen = record::read(bytes).into_iter().collect();
    Diary::new(now).close(seen, Lost::default(), u64::MAX, now)
}

/// How many messages of the process connector are understood.
#[must_use]
pub fn process_messages(bytes: &[u8]) -> usize {
    message::read(bytes).len()
}

/// Where a field is, by what a kernel says of its types.
#[must_use]
pub fn kernel_types(bytes: &[u8]) -> Option<u32> {
    let btf = Btf::parse(bytes).ok()?;
    btf.offset("task_struct", &["mm", "arg_start"]).ok()
}

/// The lines in these pieces, up to the first one that is too long.
#[must_use]
pub fn lines(longest: usize, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut lines = Lines::new(longest);
    let mut found = Vec::new();
    for piece in pieces {
        lines.push(piece);
        while let Ok(Some(line)) = lines.next() {
            found.push(line);
        }
    }
    found
}

/// Whether the daemon or its client understands a line.
#[must_use]
pub fn is_understood(line: &[u8]) -> bool {
    serde_json::from_slice::<Ask>(line).is_ok() || serde_json::from_slice::<Answer>(line).is_ok()
}

/// The sudo rules of an order that a host of this ticket accepts.
#[must_use]
pub fn rules(
    order: &Signed<Order>,
    bundle: &str,
    ticket: &HostTicket,
    now: Timestamp,
) -> Option<String> {
    let circumstances = Circumstances {
        trust: &Trust::from(ticket),
        now,
        clock_floor: now,
        skew: Duration::from_secs(30),
        max_lifetime: Duration::from_secs(3600),
        room: true,
        sudo: Dialect::Sudo(Version(1, 9, 13)),
        paths: &Paths::system(),
    };
    let accepted = accept::accept(order, bundle, &circumstances, |_| false).ok()?;
    Some(accepted.rules().as_str().to_owned())
}

/// Who beside root and the owner may write a file with this access control list.
#[must_use]
pub fn acl_writer(bytes: &[u8]) -> Option<Option<String>> {
    decoders::Acl::read(bytes).map(|acl| acl.other_writer())
}

/// What starts a program of these bytes: its loader, or what reads it.
#[must_use]
pub fn program_starter(bytes: &[u8]) -> Option<std::path::PathBuf> {
    match decoders::Image::read(&bytes).ok()? {
        decoders::Image::Elf(elf) => elf.loader,
        decoders::Image::Script(reader) => Some(reader),
        decoders::Image::Other => None,
    }
}

/// What is read of the files and answers of package managers, in a few words each.
#[must_use]
pub fn package_facts(bytes: &[u8]) -> Vec<String> {
    let mut facts = Vec::new();
    let installed = decoders::versions(bytes, &["sudo", "sudo-rs"]).unwrap_or_default();
    facts.extend(installed.iter().map(|(_, version)| version.to_string()));
    let text = String::from_utf8_lossy(bytes);
    facts.extend(decoders::codename(&text));
    facts.extend(decoders::named_vulnerabilities(&text));
    facts
}

/// What a journal tells.
#[derive(Debug, Clone, Copy)]
pub struct JournalSaid {
    /// How many records are understood; none where one is of another version.
    pub records: usize,
    /// How many bytes they are.
    pub good: usize,
    /// The UID in its plan, whatever version wrote it.
    pub uid: Option<u32>,
}

/// A journal on disk, of this version or another.
#[must_use]
pub fn journal(bytes: &[u8]) -> JournalSaid {
    let (records, good) = journal::decode(bytes).map_or((0, 0), |(all, good)| (all.len(), good));
    JournalSaid {
        records,
        good,
        uid: journal::uid_in(bytes).map(SessionUid::as_raw),
    }
}

/// A line of a journal with the check that it must have.
#[must_use]
pub fn journal_line(json: &[u8]) -> Vec<u8> {
    [journal::check_of(json).as_bytes(), b" ", json, b"\n"].concat()
}

/// What is read of the files that say who hands out which ids.
#[must_use]
pub fn uid_claims(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let sources = Sources {
        passwd: text.clone(),
        group: text.clone(),
        subuid: text.clone(),
        subgid: text.clone(),
        login_defs: text,
    };
    let range = Config::default().uids();
    let claims = range::claims(range, &sources);
    claims.iter().map(ToString::to_string).collect()
}

/// What is read of sudo's answer about somebody's rights, of sudoers, and of what says where else
/// rules come from.
#[must_use]
pub fn sudo_rights(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let decoders::Rights {
        rules,
        settings,
        locale,
    } = decoders::Rights::read(&text).unwrap_or_default();
    let inclusions = decoders::inclusions(&text).map(|inclusion| format!("{inclusion:?}"));
    let named = decoders::names(&text, "nobody").then(|| "nobody".to_owned());
    let elsewhere = [decoders::other_sources, decoders::other_plugin];
    let elsewhere = elsewhere.iter().filter_map(|read| read(&text));
    [rules, settings]
        .concat()
        .into_iter()
        .chain(locale)
        .chain(inclusions)
        .chain(named)
        .chain(elsewhere)
        .collect()
}
