//! The system calls that no crate wraps safely. All unsafe code of the workspace is here and in the
//! modules below: `bpf` asks the kernel for programs and maps, `ring` reads what they write.

#![expect(
    unsafe_code,
    reason = "System V IPC objects, keys and bpf(2) have no safe wrapper"
)]

pub(crate) mod bpf;
pub(crate) mod ring;

use nix::errno::Errno;
use nix::libc;

/// The three kinds of System V IPC object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ipc {
    /// A shared memory segment.
    SharedMemory,
    /// A message queue.
    Messages,
    /// A set of semaphores.
    Semaphores,
}

/// Removes a System V IPC object.
///
/// # Errors
/// When there is none with this id, or we may not.
pub(crate) fn remove_ipc(kind: Ipc, id: i32) -> Result<(), Errno> {
    // Justification: neither nix nor rustix offers `shmctl`, `msgctl` or `semctl`.
    let result = match kind {
        Ipc::SharedMemory => {
            // SAFETY: with `IPC_RMID` the kernel ignores the buffer, so a null pointer is never
            // read or written; `id` is an integer that the kernel checks.
            unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) }
        }
        Ipc::Messages => {
            // SAFETY: as above, `IPC_RMID` ignores the buffer.
            unsafe { libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()) }
        }
        Ipc::Semaphores => {
            // SAFETY: `semctl` is variadic and reads its fourth argument for other commands only;
            // `IPC_RMID` needs none, and the semaphore number 0 is ignored.
            unsafe { libc::semctl(id, 0, libc::IPC_RMID) }
        }
    };
    Errno::result(result).map(drop)
}

/// The keyrings that the kernel keeps for a UID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserKeyring {
    /// Its keyring.
    User,
    /// Its default session keyring.
    Session,
}

/// A key or keyring in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(libc::c_long);

impl Key {
    /// The key of this number.
    pub(crate) fn numbered(number: i32) -> Self {
        Self(number.into())
    }
}

// keyctl(2); libc does not have all of them.
const KEY_SPEC_USER_KEYRING: libc::c_long = -4;
const KEY_SPEC_USER_SESSION_KEYRING: libc::c_long = -5;
const KEYCTL_GET_KEYRING_ID: libc::c_long = 0;
const KEYCTL_INVALIDATE: libc::c_long = 21;

/// A keyring of the caller's UID; it is made if there is none.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn keyring(which: UserKeyring) -> Result<Key, Errno> {
    let which = match which {
        UserKeyring::User => KEY_SPEC_USER_KEYRING,
        UserKeyring::Session => KEY_SPEC_USER_SESSION_KEYRING,
    };
    keyctl([KEYCTL_GET_KEYRING_ID, which, 0]).map(Key)
}

/// Makes the kernel forget a key, or a keyring with the keys that are in no other.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn forget_key(Key(number): Key) -> Result<(), Errno> {
    keyctl([KEYCTL_INVALIDATE, number, 0]).map(drop)
}

fn keyctl([operation, first, second]: [libc::c_long; 3]) -> Result<libc::c_long, Errno> {
    // Justification: no crate that we have wraps keyctl(2).
    // SAFETY: the operations above take integers, which the kernel checks; none takes a pointer.
    let result = unsafe { libc::syscall(libc::SYS_keyctl, operation, first, second, 0, 0) };
    Errno::result(result)
}
