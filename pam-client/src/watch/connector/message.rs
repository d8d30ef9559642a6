//! What the kernel's process connector says (`linux/cn_proc.h`). Pure.

/// The head of a netlink message, that of a connector message behind it, and that of an event.
const NETLINK: usize = 16;
const CONNECTOR: usize = 20;
const EVENT: usize = 16;
/// The connector's number for processes, in both parts of its id.
const PROCESSES: u32 = 1;

const ANSWER: u32 = 0;
const FORK: u32 = 1;
const EXEC: u32 = 2;
const EXIT: u32 = 0x8000_0000;

/// Something that a process did. Threads are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// What became of the question to be told: an error number, or 0.
    Answer(u32),
    /// A process has a child.
    Forked {
        /// The process.
        parent: i32,
        /// The child.
        child: i32,
    },
    /// A program began in a process.
    Began(i32),
    /// The first thread of a process ended.
    Ended {
        /// The process.
        pid: i32,
        /// What wait(2) would say.
        status: u32,
    },
}

/// The question to be told, from this process.
pub(crate) fn listen(pid: u32) -> Vec<u8> {
    const LISTEN: u32 = 1;
    let length = u32::try_from(NETLINK + CONNECTOR).unwrap_or_default() + 4;
    // Length; the kind of a message that is done, no flags, no number; ours. Then the connector's
    // id, no number, no answer, four bytes and no flags.
    let mut bytes = Vec::new();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(3_u16.to_ne_bytes());
    bytes.extend([0; 6]);
    bytes.extend(pid.to_ne_bytes());
    for word in [PROCESSES, PROCESSES, 0, 0] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(4_u16.to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(LISTEN.to_ne_bytes());
    bytes
}

/// The messages in a datagram. What is cut or of another kind is none.
pub(crate) fn read(datagram: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut rest = datagram;
    while let Some(length) = word(rest, 0).and_then(|length| usize::try_from(length).ok()) {
        let Some(message) = rest.get(..length).filter(|_| length >= NETLINK) else {
            break;
        };
        messages.extend(one(message));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    messages
}

fn one(message: &[u8]) -> Option<Message> {
    if (word(message, NETLINK)?, word(message, NETLINK + 4)?) != (PROCESSES, PROCESSES) {
        return None;
    }
    let event = message.get(NETLINK + CONNECTOR..)?;
    let data = |number: usize| word(event, EVENT + 4 * number);
    let pid = |number: usize| data(number).map(u32::cast_signed);
    match word(event, 0)? {
        ANSWER => Some(Message::Answer(data(0)?)),
        // Thread, process, and the same of the child: a thread is no child.
        FORK => (pid(2)? == pid(3)?).then_some(Message::Forked {
            parent: pid(1)?,
            child: pid(3)?,
        }),
        EXEC => Some(Message::Began(pid(1)?)),
        EXIT => (pid(0)? == pid(1)?).then_some(Message::Ended {
            pid: pid(1)?,
            status: data(2)?,
        }),
        _ => None,
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(what: u32, data: [u32; 6]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [76, 3, 0, 0, PROCESSES, PROCESSES, 0, 0, 40, what, 0, 7, 7] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(data.iter().flat_map(|word| word.to_ne_bytes()));
        bytes
    }

    #[test]
    fn what_processes_do_is_told_and_what_threads_do_is_not() {
        let datagram = [
            message(FORK, [10, 10, 11, 11, 0, 0]),
            message(FORK, [10, 10, 12, 10, 0, 0]),
            message(EXEC, [11, 11, 0, 0, 0, 0]),
            message(EXIT, [12, 10, 0, 0, 0, 0]),
            message(EXIT, [11, 11, 256, 17, 0, 0]),
            message(4, [1, 1, 1, 1, 0, 0]),
        ]
        .concat();
        assert_eq!(
            read(&datagram),
            [
                Message::Forked {
                    parent: 10,
                    child: 11
                },
                Message::Began(11),
                Message::Ended {
                    pid: 11,
                    status: 256
                },
            ]
        );
    }

    #[test]
    fn what_is_cut_or_of_somebody_else_is_nothing() {
        let whole = message(EXEC, [11, 11, 0, 0, 0, 0]);
        for length in 0..60 {
            assert_eq!(read(&whole[..length]), [], "{length}");
        }
        let mut other = whole;
        other[16] = 9;
        assert_eq!(read(&other), []);
        assert_eq!(read(&[0; 64]), []);
    }

    #[test]
    fn the_question_is_a_message_of_its_own_length() {
        let question = listen(7);
        assert_eq!(question.len(), 40);
        assert_eq!(word(&question, 0), Some(40));
        assert_eq!(word(&question, 36), Some(1));
    }
}
