//! Certificates that agents show, what hosts and the CA say: `portreeve-bastion`.

// Not public, and with nothing of the program in them: taken as they are.
#[path = "../../../bastion/src/host/lines.rs"]
mod lines;
#[path = "../../../bastion/src/feed/sse.rs"]
mod sse;

use std::net::IpAddr;
use std::sync::LazyLock;

use base64ct::{Base64Unpadded, Encoding as _};
use portreeve_bastion::accept::{Acceptor, Shown};
use portreeve_bastion::host::HostProven;
use portreeve_bastion::look;
use portreeve_protocol::age::{self, Identity};
use portreeve_protocol::attest::Attestation;
use portreeve_protocol::certificate::EXTENSION_GRANT;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::grant::Grant;
use portreeve_protocol::id::OrderId;
use portreeve_protocol::inventory::Inventory;
use portreeve_protocol::key::MAX_BLOB;
use portreeve_protocol::look::{LookGrant, LookOrder};
use portreeve_protocol::signed::{Signed, Statement};
use portreeve_protocol::time::Timestamp;
use ssh_key::{Certificate, HashAlg, LineEnding};

use crate::mint::{Draft, Mint, key, public};
use crate::target::Target;

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "access_certificate",
        feed: access_certificate,
        seeds: || vec![minted().to_bytes().unwrap()],
    },
    Target {
        name: "access_options",
        feed: access_options,
        seeds: || vec![b"bastion-1\x00192.0.2.7/32,198.51.100.0/24,2001:db8::/32".to_vec()],
    },
    Target {
        name: "grant_content",
        feed: grant_content,
        seeds: || vec![serde_json::to_vec(grant()).unwrap()],
    },
    Target {
        name: "look_content",
        feed: look_content,
        seeds: || vec![serde_json::to_vec(&look_grant()).unwrap()],
    },
    Target {
        name: "attestation_content",
        feed: attestation_content,
        seeds: || vec![serde_json::to_vec(&attestation()).unwrap()],
    },
    Target {
        name: "control_lines",
        feed: control_lines,
        seeds: || vec![b"{\"say\":\"hello\"}\n\n{".to_vec()],
    },
    Target {
        name: "feed_stream",
        feed: feed_stream,
        seeds: || vec![b": hi\n\nid: 7\ndata: {\ndata: }\r\n\r\nevent: x\rdata:torn".to_vec()],
    },
];

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

/// The blob that an SSH client sends. Only the one certificate that was minted is ever accepted.
fn access_certificate(bytes: &[u8]) -> bool {
    if bytes.len() > MAX_BLOB {
        return false;
    }
    let Ok(certificate) = Certificate::from_bytes(bytes) else {
        return false;
    };
    if accepts(&certificate) {
        assert_eq!(&certificate, minted(), "something was forged");
    }
    true
}

/// Options that the CA signed: a peer that the certificate does not name is never let in.
fn access_options(bytes: &[u8]) -> bool {
    let Some((names, list)) = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.split_once('\0'))
    else {
        return false;
    };
    let mut draft = drafted();
    draft.set_option("bastion@portreeve", names);
    draft.set_option("source-address", list);
    let accepted = accepts(&draft.sign());
    if accepted {
        assert!(names.split(',').any(|name| name == "bastion-1"));
        assert!(!list.is_empty());
    }
    accepted
}

/// A grant that the CA sealed and signed, whatever it says.
fn grant_content(bytes: &[u8]) -> bool {
    let mut draft = drafted();
    let mut drawn = 0u8;
    let sealed = age::seal(&[unsealing().recipient()], bytes, &mut |random| {
        for byte in random {
            drawn = drawn.wrapping_add(113);
            *byte = drawn;
        }
    });
    draft.set_extension(
        EXTENSION_GRANT,
        &Base64Unpadded::encode_string(&sealed.unwrap()),
    );
    accepts(&draft.sign())
}

/// The grant of a look that the CA sealed, whatever it says: an answer that nobody asked for proves nothing.
fn look_content(bytes: &[u8]) -> bool {
    let sealed = age::seal(&[unsealing().recipient()], bytes, &mut |random| {
        random.fill(113)
    });
    let sealed = Base64Unpadded::encode_string(&sealed.unwrap());
    let Ok(proven) = look::open(&unsealing(), &sealed, look_id()) else {
        return false;
    };
    assert!(proven.check(unasked()).is_err());
    true
}

fn look_id() -> OrderId {
    OrderId::new(NOW, [21; 10])
}

fn look_grant() -> LookGrant {
    let grant = grant().clone();
    let order = LookOrder {
        id: look_id(),
        host: grant.host.name.clone(),
        issued_at: NOW,
        deliver_by: NOW.plus(std::time::Duration::from_secs(60)),
    };
    LookGrant {
        look: look_id(),
        host: grant.host,
        key: grant.session_key,
        control_certificate: grant.control_certificate,
        order: Signed::sign(&order, &mint().order_key).unwrap(),
    }
}

/// What the host signed when somebody there asked.
fn unasked() -> &'static Signed<Inventory> {
    static UNASKED: LazyLock<Signed<Inventory>> = LazyLock::new(|| {
        let inventory = Inventory {
            host: grant().host.name.clone(),
            number: 1,
            at: NOW,
            complete: true,
            accounts: 1,
            findings: vec![],
            more: 0,
            look: None,
        };
        Signed::sign(&inventory, &mint().host_identity).unwrap()
    });
    &UNASKED
}

/// An attestation that the host signed, whatever it says: what is not as ordered proves nothing.
fn attestation_content(bytes: &[u8]) -> bool {
    let Ok(payload) = std::str::from_utf8(bytes) else {
        return false;
    };
    let signature = mint()
        .host_identity
        .sign(Attestation::NAMESPACE, HashAlg::Sha512, payload.as_bytes())
        .unwrap()
        .to_pem(LineEnding::LF)
        .unwrap();
    let signed = Signed::assemble(payload.to_owned(), signature);
    let account = mint().session.account();
    let shown = Shown {
        certificate: minted(),
        user: account.as_str(),
        peer: PEER,
    };
    let proven = acceptor().accept(shown, NOW).unwrap();
    let Ok(host) = HostProven::check(&proven, signed) else {
        return false;
    };
    let said: Attestation = serde_json::from_str(host.into_signed().unverified_payload()).unwrap();
    let ordered = attestation();
    assert_eq!(
        (
            said.host,
            said.session,
            said.account,
            said.bundle,
            said.order_digest
        ),
        (
            ordered.host,
            ordered.session,
            ordered.account,
            ordered.bundle,
            ordered.order_digest
        )
    );
    true
}

/// Lines come out the same however the bytes are cut.
fn control_lines(bytes: &[u8]) -> bool {
    let whole = lines::Lines::default().push(bytes);
    let (a, b) = bytes.split_at(bytes.len() / 2);
    let mut parser = lines::Lines::default();
    let cut = parser
        .push(a)
        .and_then(|first| Ok([first, parser.push(b)?].concat()));
    assert_eq!(whole, cut);
    whole.is_ok_and(|lines| !lines.is_empty())
}

/// Events come out the same however the bytes are cut.
fn feed_stream(bytes: &[u8]) -> bool {
    let whole = sse::Parser::default().push(bytes);
    let (a, b) = bytes.split_at(bytes.len() / 2);
    let mut parser = sse::Parser::default();
    let cut = parser
        .push(a)
        .and_then(|first| Ok([first, parser.push(b)?].concat()));
    assert_eq!(whole, cut);
    whole.is_ok_and(|items| !items.is_empty())
}

fn accepts(certificate: &Certificate) -> bool {
    let account = mint().session.account();
    let shown = Shown {
        certificate,
        user: account.as_str(),
        peer: PEER,
    };
    match acceptor().accept(shown, NOW) {
        Ok(_) => true,
        Err(refusal) => {
            let _ = (refusal.reason.to_string(), refusal.code());
            false
        }
    }
}

fn acceptor() -> Acceptor {
    Acceptor {
        name: "bastion-1".parse().unwrap(),
        access_ca: public(&key(1)),
        unsealing: unsealing(),
    }
}

fn unsealing() -> Identity {
    Identity::from_secret_bytes(&[12; 32])
}

fn mint() -> Mint {
    Mint::new(NOW)
}

/// Signed once: that costs more than everything that is tested here.
fn minted() -> &'static Certificate {
    static MINTED: LazyLock<Certificate> = LazyLock::new(|| drafted().sign());
    &MINTED
}

fn grant() -> &'static Grant {
    static GRANT: LazyLock<Grant> = LazyLock::new(|| mint().grant());
    &GRANT
}

fn drafted() -> Draft {
    mint().draft(grant(), unsealing().recipient())
}

fn attestation() -> Attestation {
    let (grant, order) = (grant().clone(), mint().order());
    Attestation {
        host: grant.host.name,
        order: order.id,
        order_digest: grant.order.digest(),
        session: grant.session,
        account: grant.account,
        uid: 61_000,
        gid: 61_000,
        home: "/home/pr".into(),
        bundle: grant.bundle,
        rules_digest: Digest::of(b"rules"),
        sudo: "sudo 1.9.13".into(),
        cgroup: "/portreeve/pr".into(),
        ready_at: NOW,
        expires_at: grant.expires_at,
        check: None,
        watch: None,
    }
}
