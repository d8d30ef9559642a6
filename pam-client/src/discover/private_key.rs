//! Whether a file holds a private key that needs no passphrase. Pure; what is secret is never
//! decoded.

use base64ct::{Base64, Encoding as _};

use super::authorized::{fingerprint, kind_of};

/// What OpenSSH's own format begins with (PROTOCOL.key).
const MAGIC: &[u8] = b"openssh-key-v1\0";
/// The bytes before the public key of a key without a passphrase: the magic, cipher and derivation
/// (`none`), no options, the number of keys.
const BEFORE_PUBLIC: usize = MAGIC.len() + 8 + 8 + 4 + 4;
/// The largest public key.
const MAX_PUBLIC: usize = 4 * 1024;

/// A private key that anybody who can read it can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenKey {
    /// Its format, in words.
    pub(crate) format: &'static str,
    /// Kind and SHA-256 fingerprint of its public half, where the format has it in the clear.
    pub(crate) public: Option<(String, String)>,
}

impl OpenKey {
    /// The key in words.
    pub(crate) fn words(&self) -> String {
        match &self.public {
            Some((kind, fingerprint)) => format!("{kind} {fingerprint}"),
            None => format!("a key in the format {}", self.format),
        }
    }
}

/// The key at the beginning of a file, if it is a private one and without a passphrase.
pub(crate) fn read(text: &str) -> Option<OpenKey> {
    let text = text.trim_start();
    if let Some(rest) = text.strip_prefix("PuTTY-User-Key-File-") {
        let is_open = rest
            .lines()
            .take(8)
            .any(|line| line.trim() == "Encryption: none");
        let open = OpenKey {
            format: "PuTTY",
            public: None,
        };
        return is_open.then_some(open);
    }
    let (label, body) = text.strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let format = match label {
        "OPENSSH PRIVATE KEY" => return openssh(body),
        "PRIVATE KEY" => "PKCS#8",
        "RSA PRIVATE KEY" | "DSA PRIVATE KEY" | "EC PRIVATE KEY" => "PEM",
        // `ENCRYPTED PRIVATE KEY`, certificates, public keys.
        _ => return None,
    };
    let mut head = body.trim_start().lines().take(4);
    let is_encrypted =
        head.any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"));
    let open = OpenKey {
        format,
        public: None,
    };
    (!is_encrypted).then_some(open)
}

fn openssh(body: &str) -> Option<OpenKey> {
    let head = decoded(body, BEFORE_PUBLIC + 4)?;
    let (cipher, rest) = field(head.strip_prefix(MAGIC)?)?;
    if cipher != b"none" {
        return None;
    }
    let (_derivation, rest) = field(rest)?;
    let (_options, rest) = field(rest)?;
    let (_count, length) = rest.split_first_chunk::<4>()?;
    let length = length
        .first_chunk::<4>()
        .map(|bytes| u32::from_be_bytes(*bytes));
    let public = length
        .and_then(|length| usize::try_from(length).ok())
        .filter(|length| *length <= MAX_PUBLIC)
        .and_then(|length| public(body, length));
    let format = "OpenSSH";
    Some(OpenKey { format, public })
}

fn public(body: &str, length: usize) -> Option<(String, String)> {
    let before = BEFORE_PUBLIC + 4;
    let bytes = decoded(body, before + length)?;
    let blob = bytes.get(before..before + length)?;
    let kind = String::from_utf8_lossy(kind_of(blob)?).into_owned();
    Some((kind, fingerprint(blob)))
}

/// The first bytes of a text in base64, at least so many and at most two more.
fn decoded(body: &str, bytes: usize) -> Option<Vec<u8>> {
    let base64: String = body
        .chars()
        .take_while(|c| *c != '-')
        .filter(|c| !c.is_ascii_whitespace())
        .take(bytes.div_ceil(3) * 4)
        .collect();
    Base64::decode_vec(&base64).ok()
}

/// A field with its length in front, and what follows.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh_key::private::{Ed25519Keypair, KeypairData};
    use ssh_key::{HashAlg, LineEnding, PrivateKey};

    #[test]
    fn a_key_of_openssh_without_a_passphrase_is_named_by_its_fingerprint() {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[7; 32]));
        let key = PrivateKey::new(pair, "x").unwrap();
        let text = key.to_openssh(LineEnding::LF).unwrap();
        let open = read(&text).unwrap();
        let expected = key.fingerprint(HashAlg::Sha256).to_string();
        assert_eq!(open.public, Some(("ssh-ed25519".into(), expected)));
    }

    #[test]
    fn an_encrypted_key_is_no_finding() {
        let mut blob = MAGIC.to_vec();
        for field in [&b"aes256-ctr"[..], b"bcrypt", b"salt"] {
            blob.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
            blob.extend(field);
        }
        let base64 = Base64::encode_string(&blob);
        let openssh = format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{base64}\n-----END");
        for text in [
            openssh.as_str(),
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA",
            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\n",
            "-----BEGIN CERTIFICATE-----\nAAAA",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n!!!!",
            "ssh-ed25519 AAAA",
            "",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn other_formats_are_told_by_their_head() {
        for (text, format) in [
            ("-----BEGIN RSA PRIVATE KEY-----\nAAAA", "PEM"),
            ("\n-----BEGIN PRIVATE KEY-----\nAAAA", "PKCS#8"),
            (
                "PuTTY-User-Key-File-2: ssh-rsa\r\nEncryption: none\r\n",
                "PuTTY",
            ),
        ] {
            assert_eq!(read(text).map(|open| open.format), Some(format), "{text}");
        }
    }
}
