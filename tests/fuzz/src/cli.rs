//! What reaches the command line: the agent's socket, a browser, the CA's answers: `portreeve-cli`.

use std::future::Future;
use std::io::Cursor;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use portreeve_cli::agent::answer::Identity;
use portreeve_cli::agent::wire::{framed, put_string, read_message};
use portreeve_cli::canary::{Seeds, specimen};
use portreeve_cli::files::ScratchFolder;
use portreeve_cli::identity::person::IdToken;
use portreeve_cli::review::evidence;
use portreeve_cli::review::known::Keys;
use portreeve_cli::safe;
use portreeve_cli::session::address::Address;
use portreeve_cli::session::request::Granted;
use portreeve_cli::session::ssh_config::known_hosts;
use portreeve_cli::sign_in::discovery::Provider;
use portreeve_cli::sign_in::flow::{Callback, Flow, Wishes};
use portreeve_cli::ssh::trust;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::{SessionId, TaskId};
use portreeve_protocol::key::{MAX_BLOB, PublicKey};
use portreeve_protocol::session::{BastionContact, BundleRef, SessionGranted};
use portreeve_protocol::task::{Purpose, Task, Ticket};
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::unseen::is_unseen;
use portreeve_recording::printable;
use ssh_key::certificate::{Builder, CertType};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Certificate, PrivateKey};

use crate::target::Target;

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "evidence",
        feed: evidence_file,
        seeds: || vec![evidence_seed()],
    },
    Target {
        name: "agent_frame",
        feed: agent_frame,
        seeds: || vec![framed(&[11])],
    },
    Target {
        name: "agent_message",
        feed: agent_message,
        seeds: agent_message_seeds,
    },
    Target {
        name: "session_granted",
        feed: session_granted,
        seeds: || vec![serde_json::to_vec(&granted()).unwrap()],
    },
    Target {
        name: "bastion_certificate",
        feed: bastion_certificate,
        seeds: || vec![host_certificate().to_bytes().unwrap()],
    },
    Target {
        name: "bastion_address",
        feed: bastion_address,
        seeds: || {
            vec![
                b"bastion.example.com:22".to_vec(),
                b"[2001:db8::1]:22".to_vec(),
            ]
        },
    },
    Target {
        name: "sign_in_callback",
        feed: sign_in_callback,
        seeds: sign_in_callback_seeds,
    },
    Target {
        name: "id_token_shown",
        feed: id_token_shown,
        seeds: || {
            vec![b"e30.eyJpc3MiOiJhIiwic3ViIjoiYiIsImF1ZCI6ImMiLCJleHAiOjE3OTAwMDM2MDB9.".to_vec()]
        },
    },
    Target {
        name: "foreign_text",
        feed: foreign_text,
        seeds: || vec!["a\u{9b}b\u{202e}c\n".into()],
    },
];

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const ACCOUNT: &str = "pr-0123456789abcdef";
const FAILURE: [u8; 1] = [5];
const SIGN_RESPONSE: u8 = 14;

fn agent_frame(bytes: &[u8]) -> bool {
    let mut stream = bytes;
    matches!(read_message(&mut stream), Ok(Some(message)) if !message.is_empty())
}

/// Whoever reaches the agent's socket: nothing but a login with this certificate is signed.
fn agent_message(bytes: &[u8]) -> bool {
    let certificate = Certificate::from_openssh(&certificate())
        .unwrap()
        .to_bytes()
        .unwrap();
    let identity = Identity::new(SigningKey::from_bytes(&[1; 32]), &self::certificate()).unwrap();
    let answer = identity.answer(bytes);
    assert!(!answer.is_empty());
    if answer.first() == Some(&SIGN_RESPONSE) {
        let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(holds(ACCOUNT.as_bytes()) && holds(b"ssh-connection") && holds(&certificate));
    }
    answer != FAILURE
}

fn agent_message_seeds() -> Vec<Vec<u8>> {
    let certificate = Certificate::from_openssh(&certificate())
        .unwrap()
        .to_bytes()
        .unwrap();
    let mut login = Vec::new();
    put_string(&mut login, &[3; 32]);
    login.push(50);
    put_string(&mut login, ACCOUNT.as_bytes());
    put_string(&mut login, b"ssh-connection");
    put_string(&mut login, b"publickey");
    login.push(1);
    put_string(&mut login, b"ssh-ed25519-cert-v01@openssh.com");
    put_string(&mut login, &certificate);
    let mut sign = vec![13];
    put_string(&mut sign, &certificate);
    put_string(&mut sign, &login);
    sign.extend_from_slice(&[0; 4]);
    vec![vec![11], sign]
}

/// The CA's answer, from which files for `ssh` are written.
fn session_granted(bytes: &[u8]) -> bool {
    let Ok(answer) = serde_json::from_slice::<SessionGranted>(bytes) else {
        return false;
    };
    for bastion in &answer.bastions {
        assert_eq!(known_hosts(bastion).trim_end().lines().count(), 1);
    }
    Granted::check(answer, &"prod-1.example.com".parse().unwrap(), &public(1)).is_ok()
}

/// The host key that a server shows, which need not be the bastion's.
fn bastion_certificate(bytes: &[u8]) -> bool {
    if bytes.len() > MAX_BLOB {
        return false;
    }
    let Ok(certificate) = Certificate::from_bytes(bytes) else {
        return false;
    };
    let is_trusted = trust::check(&certificate, &contact(), NOW).is_ok();
    if is_trusted {
        assert_eq!(certificate, host_certificate(), "something was forged");
    }
    is_trusted
}

/// An address becomes part of a line of ssh_config.
fn bastion_address(bytes: &[u8]) -> bool {
    let parsed = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse::<Address>().ok());
    parsed.is_some_and(|address| {
        assert_ne!(address.port(), 0);
        assert!(!address.host().starts_with('-'));
        assert!(
            address
                .host()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(&b))
        );
        true
    })
}

/// Any page in the browser can call the loopback port.
fn sign_in_callback(bytes: &[u8]) -> bool {
    let Ok(target) = std::str::from_utf8(bytes) else {
        return false;
    };
    let callback = flow().callback(target);
    if callback != Callback::Foreign {
        assert!(target.contains("state"));
    }
    callback != Callback::Foreign
}

fn sign_in_callback_seeds() -> Vec<Vec<u8>> {
    let provider = provider();
    let address = flow().address(&provider, &wishes());
    let (_, state) = address
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap();
    let path = portreeve_cli::sign_in::loopback::PATH;
    [
        format!("{path}?code=abc&state={state}&iss=https%3A%2F%2Fidp.example.com"),
        format!("{path}?error=access_denied&error_description=no&state={state}&iss=https%3A%2F%2Fidp.example.com"),
    ]
    .map(String::into_bytes)
    .to_vec()
}

fn id_token_shown(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| match IdToken::parse(text, NOW) {
        Ok(token) => token.claims().expires_at() > NOW,
        Err(failure) => {
            assert!(!failure.to_json().is_empty());
            false
        }
    })
}

fn foreign_text(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    assert!(!safe::line(&text).chars().any(is_unseen));
    let lines = safe::lines(&text);
    assert!(
        !lines
            .chars()
            .any(|c| is_unseen(c) && !matches!(c, '\n' | '\t'))
    );
    let json = serde_json::to_string(&text).unwrap();
    assert_eq!(
        serde_json::from_str::<String>(&printable::json(&json)).unwrap(),
        text
    );
    true
}

fn flow() -> Flow {
    Flow::begin(
        "portreeve",
        "http://127.0.0.1:49152/callback",
        &provider(),
        &[[1; 32], [2; 32], [3; 32]],
    )
}

fn wishes() -> Wishes {
    Wishes {
        scope: "openid".into(),
        max_age: "12h".parse().unwrap(),
        acr: None,
    }
}

fn provider() -> Provider {
    Provider {
        issuer: "https://idp.example.com".into(),
        authorization_endpoint: "https://idp.example.com/auth".parse().unwrap(),
        token_endpoint: "https://idp.example.com/token".parse().unwrap(),
        names_itself: true,
        scopes: None,
    }
}

fn granted() -> SessionGranted {
    SessionGranted {
        session: SessionId::new(NOW, [7; 10]),
        task: Task {
            id: TaskId::new(NOW, [10; 10]),
            ticket: Ticket::new("INC-4711").unwrap(),
            purpose: Purpose::new("Find the reverse shell").unwrap(),
        },
        host: "prod-1.example.com".parse().unwrap(),
        account: ACCOUNT.parse().unwrap(),
        bundle: BundleRef {
            name: "forensic".parse().unwrap(),
            digest: Digest::of(b"bundle"),
        },
        certificate: certificate(),
        connect_by: NOW,
        expires_at: NOW,
        bastions: vec![contact()],
    }
}

fn contact() -> BastionContact {
    BastionContact {
        name: "bastion-1".parse().unwrap(),
        address: "192.0.2.20:2222".into(),
        host_ca: public(99),
    }
}

fn key(seed: u8) -> PrivateKey {
    PrivateKey::new(
        KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32])),
        "",
    )
    .unwrap()
}

fn public(seed: u8) -> PublicKey {
    PublicKey::new(key(seed).public_key().key_data().clone()).unwrap()
}

fn certificate() -> String {
    certified(CertType::User, ACCOUNT).to_openssh().unwrap()
}

fn host_certificate() -> Certificate {
    certified(CertType::Host, "bastion-1.bastion.portreeve")
}

fn certified(kind: CertType, principal: &str) -> Certificate {
    let subject = key(1).public_key().key_data().clone();
    let mut builder = Builder::new([7; 16].to_vec(), subject, 0, u64::MAX - 1).unwrap();
    builder.cert_type(kind).unwrap();
    builder.key_id("portreeve").unwrap();
    builder.valid_principal(principal).unwrap();
    builder.sign(&key(99)).unwrap()
}

/// The seed has some 40 KiB; what is much larger only costs time.
const LARGEST_EVIDENCE: usize = 256 * 1024;

/// A file from a stranger, taken apart and judged.
fn evidence_file(bytes: &[u8]) -> bool {
    if bytes.len() > LARGEST_EVIDENCE {
        return false;
    }
    let judged = evidence::judge(Cursor::new(bytes), &Keys::default()).unwrap();
    assert!(judged.keys.iter().all(|shown| !shown.is_brought));
    let proved = &judged.findings.proved;
    assert!(!proved.iter().any(|text| text.contains("that was given")));
    judged.findings.holds()
}

fn evidence_seed() -> Vec<u8> {
    let counter = AtomicU64::new(1);
    let seeds = Seeds {
        keys: [[1; 32], [2; 32], [3; 32], [4; 32], [5; 32]],
        entropy: Arc::new(move |bytes: &mut [u8]| {
            for byte in bytes {
                let n = counter.fetch_add(1, Ordering::Relaxed);
                *byte = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0];
            }
        }),
    };
    let folder = ScratchFolder::new().unwrap();
    block_on(specimen(&seeds, folder.path())).unwrap().evidence
}

/// The recorder's threads wake nobody here; a look every millisecond is enough.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        match future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}
