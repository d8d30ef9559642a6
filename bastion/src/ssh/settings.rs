//! How this bastion speaks SSH, to agents and to hosts.
//!
//! AES-GCM only: chacha20 costs three times and OpenSSH's client prefers it where it is offered. No SHA-1, no RSA, no
//! finite-field groups, no compression. Large windows go with large packets; either alone is slower than neither.

use std::borrow::Cow;
use std::time::Duration;

use portreeve_protocol::key::PublicKey;
use russh::keys::ssh_key::{Algorithm, EcdsaCurve};
use russh::{
    MethodKind, MethodSet, Preferred, SshId, cipher, client, compression, kex, mac, server,
};
use ssh_key::{Certificate, PrivateKey};

/// The stack of every thread that reads packets.
///
/// A certificate names the key that signed it, which may be a certificate again, and is read by one call within another.
/// russh reads what anybody shows before they log in, in packets of up to 256 KiB. So many calls take less than a quarter
/// of this; with the stack that threads have otherwise, one packet of a stranger ended the program and every session.
pub const STACK: usize = 64 * 1024 * 1024;
/// How much a channel may send before it hears that it was received: what fills a line of 50 ms and 1 Gbit/s.
pub const WINDOW: u32 = 8 * 1024 * 1024;
/// The largest packet; the protocol's limit on a TCP segment.
pub const PACKET: u32 = 65_535;
/// How many packets of an agent's channel wait between russh and us. They are always taken off at once; but on a machine
/// that has much to do "at once" may be late, and nobody counts what waits here.
pub const AGENT_PACKETS: usize = 64;
/// The host's side waits here when the agent does not read, so this bounds its memory: 8 MiB.
const HOST_PACKETS: usize = 128;
/// How many messages wait for russh's loop.
const EVENTS: usize = 64;
/// How long every rejection takes, whatever its reason. Long enough to hide which check failed, short enough for a
/// client that shows several keys.
const REJECTION: Duration = Duration::from_millis(50);
/// How many keys a client may show.
const ATTEMPTS: usize = 8;
/// How long a peer may be silent before it is asked whether it is there, and how often it is asked.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVES: usize = 3;

/// The server that agents connect to.
#[must_use]
pub fn server(host_key: PrivateKey, certificate: Option<Certificate>) -> server::Config {
    let algorithm = host_key.algorithm();
    server::Config {
        server_id: id(),
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: REJECTION,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key],
        certificates: certificate.into_iter().collect(),
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: AGENT_PACKETS,
        event_buffer_size: EVENTS,
        preferred: preferred(vec![algorithm]),
        max_auth_attempts: ATTEMPTS,
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVES,
        nodelay: true,
        ..server::Config::default()
    }
}

/// The client that connects to a host whose keys are known.
#[must_use]
pub fn client(pinned: &[PublicKey]) -> client::Config {
    let algorithms = [
        Algorithm::Ed25519,
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256,
        },
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP384,
        },
    ];
    // Only what is pinned is asked for: a host with a further key would otherwise show that one.
    let known = algorithms.into_iter().filter(|algorithm| {
        pinned
            .iter()
            .any(|key| key.data().algorithm() == *algorithm)
    });
    client::Config {
        client_id: id(),
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: HOST_PACKETS,
        preferred: preferred(known.collect()),
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVES,
        nodelay: true,
        ..client::Config::default()
    }
}

fn id() -> SshId {
    SshId::Standard(Cow::Borrowed("SSH-2.0-portreeve"))
}

fn preferred(keys: Vec<Algorithm>) -> Preferred {
    const KEX: &[kex::Name] = &[
        kex::MLKEM768X25519_SHA256,
        kex::CURVE25519,
        kex::CURVE25519_PRE_RFC_8731,
        kex::EXTENSION_SUPPORT_AS_CLIENT,
        kex::EXTENSION_SUPPORT_AS_SERVER,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
    ];
    const CIPHERS: &[cipher::Name] = &[cipher::AES_128_GCM, cipher::AES_256_GCM];
    // GCM brings its own integrity; the name is negotiated all the same.
    const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM];
    Preferred {
        kex: Cow::Borrowed(KEX),
        key: Cow::Owned(keys),
        host_key_certificates: Cow::Borrowed(&[]),
        cipher: Cow::Borrowed(CIPHERS),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(&[compression::NONE]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh_encoding::Decode as _;

    fn string(out: &mut Vec<u8>, bytes: &[u8]) {
        out.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
        out.extend_from_slice(bytes);
    }

    /// A certificate that is as short as one can be, signed by `ca` with `algorithm`.
    fn certified_by(ca: &[u8], algorithm: &str, signature: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        string(&mut out, b"ssh-ed25519-cert-v01@openssh.com");
        string(&mut out, b"");
        string(&mut out, &[7; 32]);
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&[0, 0, 0, 1]);
        string(&mut out, b"");
        string(&mut out, b"");
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&[0xff; 8]);
        (0..3).for_each(|_| string(&mut out, b""));
        string(&mut out, ca);
        let mut signed = Vec::new();
        string(&mut signed, algorithm.as_bytes());
        string(&mut signed, signature);
        string(&mut out, &signed);
        out
    }

    /// Does to the largest certificate that a packet holds what russh does with whatever is shown.
    fn read_the_deepest(algorithm: &'static str, signature: &'static [u8]) {
        const MAX_PACKET: usize = 260 * 1024;
        let reading = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || {
                let mut blob = Vec::new();
                string(&mut blob, b"ssh-ed25519");
                string(&mut blob, &[9; 32]);
                while blob.len() < MAX_PACKET {
                    blob = certified_by(&blob, algorithm, signature);
                }
                if let Ok(certificate) = Certificate::decode(&mut blob.as_slice()) {
                    assert!(certificate.clone().verify_signature().is_err());
                }
            });
        reading.unwrap().join().unwrap();
    }

    #[test]
    fn no_certificate_in_a_packet_exhausts_the_stack() {
        read_the_deepest("ssh-ed25519", &[1; 64]);
        // Not a signature, which shows last of all.
        read_the_deepest("a@b", &[]);
    }
}
