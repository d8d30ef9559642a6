//! What both sides of a channel say, and what became of it.

use bytes::Bytes;

use crate::event::FileOperation;
use crate::files::sftp::Sftp;
use crate::files::{Breach, Passed, Rights};

pub(super) fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

pub(super) fn packet(kind: u8, fields: &[&[u8]]) -> Vec<u8> {
    let content = [&[kind][..], &fields.concat()].concat();
    string(&content)
}

pub(super) fn number(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

pub(super) fn ask(kind: u8, id: u32, fields: &[&[u8]]) -> Vec<u8> {
    let mut all = vec![number(id)];
    all.extend(fields.iter().map(|field| field.to_vec()));
    packet(kind, &[&all.concat()])
}

pub(super) fn open(id: u32, path: &str, flags: u32) -> Vec<u8> {
    let none = number(0);
    ask(3, id, &[&string(path.as_bytes()), &number(flags), &none])
}

pub(super) fn close(id: u32, handle: &str) -> Vec<u8> {
    ask(4, id, &[&string(handle.as_bytes())])
}

pub(super) fn read(id: u32, handle: &str, offset: u64) -> Vec<u8> {
    let handle = string(handle.as_bytes());
    ask(5, id, &[&handle, &offset.to_be_bytes(), &number(32768)])
}

pub(super) fn write(id: u32, handle: &str, offset: u64, content: &[u8]) -> Vec<u8> {
    let handle = string(handle.as_bytes());
    ask(6, id, &[&handle, &offset.to_be_bytes(), &string(content)])
}

pub(super) fn status(id: u32, code: u32) -> Vec<u8> {
    ask(101, id, &[&number(code), &string(b"words"), &string(b"")])
}

pub(super) fn handle(id: u32, handle: &str) -> Vec<u8> {
    ask(102, id, &[&string(handle.as_bytes())])
}

pub(super) fn data(id: u32, content: &[u8]) -> Vec<u8> {
    ask(103, id, &[&string(content)])
}

/// What happened on a channel.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) operations: Vec<FileOperation>,
    pub(super) to_host: Vec<u8>,
    pub(super) to_agent: Vec<u8>,
    pub(super) refused: Vec<String>,
}

impl Seen {
    pub(super) fn add(&mut self, passed: Passed, is_output: bool) {
        let to = if is_output {
            &mut self.to_agent
        } else {
            &mut self.to_host
        };
        to.extend_from_slice(&passed.bytes);
        self.operations.extend(passed.operations);
        self.refused
            .extend(passed.refused.into_iter().map(|refused| refused.what));
    }
}

pub(super) enum Said {
    Agent(Vec<u8>),
    Host(Vec<u8>),
}

/// A channel on which both sides agreed on the version.
pub(super) fn agreed(rights: Rights, limit: Option<u64>) -> Sftp {
    let mut sftp = Sftp::new(rights, limit);
    let passed = sftp.agent_sent(packet(1, &[&number(3)]).into()).unwrap();
    assert_eq!(passed.bytes.len(), 9);
    let _ = sftp.host_sent(packet(2, &[&number(3)]).into()).unwrap();
    sftp
}

/// Lets both sides speak, in pieces of at most `piece` bytes.
pub(super) fn speak(sftp: &mut Sftp, said: &[Said], piece: usize) -> Result<Seen, Breach> {
    let mut seen = Seen::default();
    for said in said {
        match said {
            Said::Agent(bytes) => {
                for piece in bytes.chunks(piece) {
                    let passed = sftp.agent_sent(Bytes::copy_from_slice(piece))?;
                    seen.add(passed, false);
                }
                if let Some(answers) = sftp.answers() {
                    seen.to_agent.extend_from_slice(&answers);
                }
            }
            Said::Host(bytes) => {
                for piece in bytes.chunks(piece) {
                    let passed = sftp.host_sent(Bytes::copy_from_slice(piece))?;
                    seen.add(passed, true);
                }
            }
        }
    }
    seen.operations.extend(sftp.finish());
    Ok(seen)
}

pub(super) fn spoken(rights: Rights, said: &[Said]) -> Seen {
    let whole = speak(&mut agreed(rights, None), said, usize::MAX).unwrap();
    for piece in [1, 7] {
        let pieces = speak(&mut agreed(rights, None), said, piece).unwrap();
        assert_eq!(pieces.operations, whole.operations);
        assert_eq!(pieces.to_host, whole.to_host);
    }
    whole
}

pub(super) fn breach(said: &[Said]) -> Breach {
    speak(&mut agreed(Rights::ALL, None), said, usize::MAX).unwrap_err()
}
