//! What came out of a writer before it was killed.

use std::collections::BTreeMap;

use portreeve_protocol::digest::Digest;
use portreeve_recording::head::Head;

use super::common::{DURABLE, HEAD, PASSED, SESSION};

/// One session as it was seen from outside.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) id: String,
    /// What passed, by channel.
    pub(crate) seen: BTreeMap<u32, Vec<u8>>,
    /// How many events were durable.
    pub(crate) durable: u64,
    pub(crate) heads: Vec<Head>,
}

impl Session {
    pub(crate) fn saw_nothing(&self) -> bool {
        self.seen.is_empty() && self.durable == 0 && self.heads.is_empty()
    }
}

/// Everything that was said.
#[derive(Debug, Default)]
pub(crate) struct Saw {
    sessions: Vec<Session>,
    rest: Vec<u8>,
}

impl Saw {
    /// Understands a pipe's bytes. What breaks off in the middle was seen as far as it goes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut saw = Self::default();
        let mut rest = bytes;
        while let Some((head, content)) = rest.split_first_chunk::<9>() {
            let channel = u32::from_be_bytes(head[1..5].try_into().unwrap());
            let length = u32::from_be_bytes(head[5..9].try_into().unwrap()) as usize;
            let is_whole = content.len() >= length;
            let content = &content[..length.min(content.len())];
            rest = &rest[9 + content.len()..];
            match head[0] {
                SESSION if is_whole => saw.sessions.push(Session {
                    id: String::from_utf8(content.to_vec()).unwrap(),
                    ..Session::default()
                }),
                PASSED => {
                    let seen = &mut saw.last().seen;
                    seen.entry(channel).or_default().extend(content);
                }
                DURABLE if is_whole => {
                    saw.last().durable = u64::from_be_bytes(content.try_into().unwrap());
                }
                HEAD if is_whole => {
                    let digest: [u8; 32] = content[..32].try_into().unwrap();
                    saw.last().heads.push(Head {
                        segments: channel,
                        digest: Digest::from_bytes(digest),
                        bytes: u64::from_be_bytes(content[32..].try_into().unwrap()),
                    });
                }
                SESSION | DURABLE | HEAD => {}
                _ => {
                    // A panic's words.
                    saw.rest = [head, content, rest].concat();
                    break;
                }
            }
        }
        saw
    }

    pub(crate) fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// What was said that is none of the above.
    pub(crate) fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.rest).into_owned()
    }

    fn last(&mut self) -> &mut Session {
        self.sessions.last_mut().expect("a session comes first")
    }
}
