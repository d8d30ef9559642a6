//! What bastions, sshd and sudo tell a host: `portreeve-host`.

use portreeve_host::fuzz;
use portreeve_protocol::attest::HostFact;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::enrol::HostTicket;
use portreeve_protocol::id::{OrderId, SessionId, TaskId};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::order::Order;
use portreeve_protocol::pair::{Human, Pair};
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::signed::{Signed, Statement};
use portreeve_protocol::task::{Purpose, Task, Ticket};
use portreeve_protocol::time::Timestamp;
use portreeve_sudo_policy::STARTER_BUNDLE;
use portreeve_sudo_policy::vulnerable::DebVersion;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{HashAlg, LineEnding, PrivateKey};

use crate::target::Target;
use crate::text::{fields, joined};

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "sudo_log",
        feed: sudo_log,
        seeds: || vec![SUDO_LOG.to_vec()],
    },
    Target {
        name: "watch_record",
        feed: watch_record,
        seeds: watch_record_seeds,
    },
    Target {
        name: "process_messages",
        feed: |bytes| fuzz::process_messages(bytes) > 0,
        seeds: || vec![PROCESS_MESSAGE.to_vec()],
    },
    Target {
        name: "kernel_types",
        feed: |bytes| fuzz::kernel_types(bytes).is_some(),
        seeds: || vec![KERNEL_TYPES.to_vec()],
    },
    Target {
        name: "lines",
        feed: lines,
        seeds: || vec![b"one\ntwo\n\nthree".to_vec()],
    },
    Target {
        name: "daemon_question",
        feed: fuzz::is_understood,
        seeds: daemon_question_seeds,
    },
    Target {
        name: "order_content",
        feed: order_content,
        seeds: order_content_seeds,
    },
    Target {
        name: "file_acl",
        feed: file_acl,
        seeds: || vec![FILE_ACL.to_vec()],
    },
    Target {
        name: "program_image",
        feed: program_image,
        seeds: || vec![b"#! /bin/sh -e\n".to_vec(), PROGRAM_IMAGE.to_vec()],
    },
    Target {
        name: "package_status",
        feed: package_status,
        seeds: || vec![PACKAGE_STATUS.to_vec()],
    },
    Target {
        name: "uid_claims",
        feed: uid_claims,
        seeds: || vec![UID_CLAIMS.to_vec()],
    },
    Target {
        name: "journal_records",
        feed: journal_records,
        seeds: journal_seeds,
    },
    Target {
        name: "sudo_rights",
        feed: sudo_rights,
        seeds: || vec![SUDO_RIGHTS.to_vec()],
    },
    Target {
        name: "deb_version",
        feed: deb_version,
        seeds: deb_version_seeds,
    },
];

/// A program for x86-64 with one program header, which asks for the loader `/ld`.
const PROGRAM_IMAGE: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\
    \x02\0\x3e\0\x01\0\0\0\0\0\0\0\0\0\0\0\
    \x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \0\0\0\0\x40\0\x38\0\x01\0\0\0\0\0\0\0\
    \x03\0\0\0\x04\0\0\0\x78\0\0\0\0\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \x04\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\
    \x01\0\0\0\0\0\0\0/ld\0";

/// `user::rwx user:1000:rw- group::r-x mask::rwx other::r-x` as Linux keeps it.
const FILE_ACL: &[u8] = b"\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x02\0\x06\0\xe8\x03\0\0\
    \x04\0\x05\0\xff\xff\xff\xff\x10\0\x07\0\xff\xff\xff\xff\x20\0\x05\0\xff\xff\xff\xff";
/// dpkg's status, `os-release` and an RPM changelog in one; each reader takes what is its own.
const PACKAGE_STATUS: &[u8] = b"Package: sudo\nStatus: install ok installed\n\
    Version: 1.9.13p3-1+deb12u1\n\nID=debian\nVERSION_CODENAME=bookworm\n- fix CVE-2025-32462\n";
/// Lines of passwd, subuid and login.defs; each reader takes what is its own.
const UID_CLAIMS: &[u8] = b"alice:x:2010000007:100::/:/bin/sh\nbob:2010000000:65536\n\
    UID_MAX 0x7fffffff\n";
const SUDO_RIGHTS: &[u8] = b"Matching Defaults entries for nobody on prod-1:\n    env_reset, \
    sudoers_locale=C\n\nRunas and Command-specific defaults for nobody:\n    Defaults!/usr/bin/less \
    !noexec\n\nUser nobody may run the following commands on prod-1:\n    (ALL) NOPASSWD: ALL\n\
    @includedir /etc/sudoers.d\n";

/// `struct task_struct { struct { struct mm_struct { u64 arg_start; } mm; }; }` as a kernel
/// describes it, in numbers as this processor stores them.
const KERNEL_TYPES: &[u8] = b"\x9f\xeb\x01\0\x18\0\0\0\0\0\0\0\x58\0\0\0\x58\0\0\0\x28\0\0\0\
    \x01\0\0\0\0\0\0\x01\x08\0\0\0\x40\0\0\0\
    \x05\0\0\0\x01\0\0\x04\x08\0\0\0\x0f\0\0\0\x01\0\0\0\0\0\0\0\
    \0\0\0\0\x01\0\0\x04\x08\0\0\0\x19\0\0\0\x02\0\0\0\0\0\0\0\
    \x1c\0\0\0\x01\0\0\x04\x08\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\
    \0u64\0mm_struct\0arg_start\0mm\0task_struct\0";

/// A program began, as the process connector says it.
const PROCESS_MESSAGE: &[u8] = b"\x4c\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\
    \x01\0\0\0\x01\0\0\0\x09\0\0\0\0\0\0\0\x28\0\0\0\
    \x02\0\0\0\x01\0\0\0\x07\0\0\0\0\0\0\0\x0b\0\0\0\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn watch_record(bytes: &[u8]) -> bool {
    let facts = fuzz::watch_record(bytes);
    let is_told = !facts.is_empty();
    for fact in facts {
        let text = serde_json::to_string(&fact).unwrap_or_default();
        assert!(text.len() < 100 * 1024, "{} bytes", text.len());
    }
    is_told
}

/// A start and a connection.
fn watch_record_seeds() -> Vec<Vec<u8>> {
    let head = |kind: u32, words: [u32; 4], whole: u64| {
        let mut record = Vec::new();
        for word in [kind, 7, 6, 0] {
            record.extend(word.to_ne_bytes());
        }
        for double in [5_000_000_000_u64, 99] {
            record.extend(double.to_ne_bytes());
        }
        for word in words {
            record.extend(word.to_ne_bytes());
        }
        for double in [whole, 8 << 20 | 1, 4711] {
            record.extend(double.to_ne_bytes());
        }
        record
    };
    let start = [head(1, [4, 4, 6, 1], 6), b"/a\0\0b\0a\0sh\0-c\0".to_vec()].concat();
    let connection = [
        head(3, [4, 6, 0xbb01, 0], 0),
        vec![192, 0, 2, 7],
        vec![0; 12],
    ]
    .concat();
    vec![start, connection]
}

fn file_acl(bytes: &[u8]) -> bool {
    fuzz::acl_writer(bytes).is_some_and(|writer| writer.is_some())
}

fn program_image(bytes: &[u8]) -> bool {
    let starter = fuzz::program_starter(bytes);
    // No path is longer than the kernel takes.
    assert!(starter.iter().all(|path| path.as_os_str().len() <= 4096));
    starter.is_some()
}

fn package_status(bytes: &[u8]) -> bool {
    let facts = fuzz::package_facts(bytes);
    // What is read stands in reports and in attestations.
    assert!(
        facts
            .iter()
            .all(|fact| fact.len() <= 200 && fact.is_ascii())
    );
    !facts.is_empty()
}

fn uid_claims(bytes: &[u8]) -> bool {
    let claims = fuzz::uid_claims(bytes);
    assert!(claims.len() <= 64);
    assert!(claims.iter().all(|claim| !claim.contains('\n')));
    !claims.is_empty()
}

/// A journal of any version. What fits its check is a line; whatever it says, its UID is read or is not.
fn journal_records(bytes: &[u8]) -> bool {
    let journal = fuzz::journal(bytes);
    assert!(journal.good <= bytes.len());
    assert!(journal.records == 0 || journal.good > 0);
    journal.uid.is_some() || journal.records > 0
}

fn journal_seeds() -> Vec<Vec<u8>> {
    let later = br#"{"record":"plan","new":1,"plan":{"from":"the future","account":{"uid":2010000007,"x":[]}}}"#;
    let undone = br#"{"record":"undone","at":"2026-03-01T10:00:00Z"}"#;
    vec![
        fuzz::journal_line(later),
        [fuzz::journal_line(later), fuzz::journal_line(undone)].concat(),
        fuzz::journal_line(undone),
    ]
}

fn sudo_rights(bytes: &[u8]) -> bool {
    let rights = fuzz::sudo_rights(bytes);
    assert!(rights.len() <= 34);
    !rights.is_empty()
}

/// Two versions, one a line: their order is one whichever way they are asked.
fn deb_version(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let (left, right) = text.split_once('\n').unwrap_or((text, "1.0-1"));
    let (Ok(left), Ok(right)) = (left.parse::<DebVersion>(), right.parse::<DebVersion>()) else {
        return false;
    };
    assert_eq!(left.cmp(&right), right.cmp(&left).reverse());
    assert_eq!(left.to_string().parse::<DebVersion>(), Ok(left));
    true
}

fn deb_version_seeds() -> Vec<Vec<u8>> {
    let pairs = ["1.9.13p3-1+deb12u1\n1.9.13p3-1", "1:0~rc1\n9.9-1ubuntu2.5"];
    pairs.map(|pair| pair.as_bytes().to_vec()).to_vec()
}

/// Two events as sudo 1.9.13 writes them; the second one was refused.
const SUDO_LOG: &[u8] = br#"{
    "accept": {
        "uuid": "5b1c",
        "server_time": {
            "seconds": 1790000000,
            "nanoseconds": 5
        },
        "submitcwd": "/home/pr",
        "submituser": "pr-0123456789abcdef",
        "command": "/usr/bin/ss",
        "runuser": "root",
        "runargv": [
            "ss",
            "-tnp"
        ]
    },
    "reject": {
        "reason": "command not allowed",
        "server_time": {
            "seconds": 1790000001,
            "nanoseconds": 5
        },
        "submitcwd": "/home/pr",
        "command": "/usr/bin/cat",
        "runuser": "root",
        "runargv": [
            "cat",
            "/etc/shadow"
        ]
    }
}
"#;
const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// What a session makes sudo write: bounded, and the same however the bytes come.
fn sudo_log(bytes: &[u8]) -> bool {
    let facts = fuzz::sudo_log(&[bytes]);
    let (a, b) = bytes.split_at(bytes.len() / 2);
    assert_eq!(fuzz::sudo_log(&[a, b]), facts);
    for fact in &facts {
        if let HostFact::Sudo {
            command,
            argv,
            run_as,
            cwd,
            ..
        } = fact
        {
            let longest = argv
                .iter()
                .chain([command, run_as, cwd])
                .map(String::len)
                .max();
            assert!(longest.unwrap_or(0) < 2048 && argv.len() < 128);
        }
    }
    !facts.is_empty()
}

fn lines(bytes: &[u8]) -> bool {
    let longest = 64;
    let found = fuzz::lines(longest, &[bytes]);
    let (a, b) = bytes.split_at(bytes.len() / 2);
    assert_eq!(fuzz::lines(longest, &[a, b]), found);
    assert!(
        found
            .iter()
            .all(|line| line.len() < longest && !line.contains(&b'\n'))
    );
    !found.is_empty()
}

fn daemon_question_seeds() -> Vec<Vec<u8>> {
    [
        r#"{"ask":"control"}"#,
        r#"{"ask":"principals","user":"pr-0123456789abcdef","fingerprint":"SHA256:x","serial":41}"#,
        r#"{"ask":"enter","user":"pr-0123456789abcdef","pid":7}"#,
        r#"{"answer":"refused","why":"no lease"}"#,
    ]
    .map(Into::into)
    .to_vec()
}

/// An order that the CA signed, whatever it says, and a bundle. What becomes sudoers is for the one
/// account.
fn order_content(bytes: &[u8]) -> bool {
    let Some([payload, bundle]) = fields(bytes) else {
        return false;
    };
    let signature = key()
        .sign(Order::NAMESPACE, HashAlg::Sha512, payload.as_bytes())
        .unwrap()
        .to_pem(LineEnding::LF)
        .unwrap();
    let signed = Signed::<Order>::assemble(payload.to_owned(), signature);
    let Some(rules) = fuzz::rules(&signed, bundle, &ticket(), NOW) else {
        return false;
    };
    let order: Order = serde_json::from_str(payload).unwrap();
    assert_eq!(order.account, order.session.account());
    assert_eq!(order.bundle.digest, Digest::of(bundle.as_bytes()));
    let (defaults, rule) = (
        format!("Defaults:{} ", order.account),
        format!("{} ALL=(", order.account),
    );
    for line in rules.lines() {
        let ours = line.starts_with("# ") || line.starts_with(&defaults) || line.starts_with(&rule);
        assert!(ours, "a line of sudoers is `{line}`");
    }
    true
}

fn order_content_seeds() -> Vec<Vec<u8>> {
    vec![joined(&[
        &serde_json::to_string(&order()).unwrap(),
        STARTER_BUNDLE,
    ])]
}

fn key() -> PrivateKey {
    PrivateKey::new(
        KeypairData::Ed25519(Ed25519Keypair::from_seed(&[1; 32])),
        "",
    )
    .unwrap()
}

fn public() -> PublicKey {
    PublicKey::new(key().public_key().key_data().clone()).unwrap()
}

fn ticket() -> HostTicket {
    HostTicket {
        host: "prod-1.example.com".parse().unwrap(),
        token: SecretText::new("token".into()),
        expires_at: NOW,
        session_ca: public(),
        order_key: public(),
    }
}

fn order() -> Order {
    let session = SessionId::new(NOW, [7; 10]);
    Order {
        id: OrderId::new(NOW, [9; 10]),
        host: "prod-1.example.com".parse().unwrap(),
        session,
        pair: Pair {
            human: Human {
                issuer: "https://idp.example.com".into(),
                subject: "alice".into(),
                name: "alice@example.com".parse().unwrap(),
            },
            agent: "soc/forensics".parse().unwrap(),
        },
        task: Task {
            id: TaskId::new(NOW, [10; 10]),
            ticket: Ticket::new("INC-4711").unwrap(),
            purpose: Purpose::new("Find the reverse shell").unwrap(),
        },
        account: session.account(),
        bundle: BundleRef {
            name: "forensic-read-only".parse().unwrap(),
            digest: Digest::of(STARTER_BUNDLE.as_bytes()),
        },
        session_key: public().fingerprint(),
        session_serial: 41,
        issued_at: NOW,
        deliver_by: NOW.plus(std::time::Duration::from_secs(60)),
        expires_at: NOW.plus(std::time::Duration::from_secs(600)),
        uid_floor: None,
    }
}
