//! The system calls that no crate wraps safely. All unsafe code of the workspace is here and in the
//! modules below: `bpf` asks the kernel for programs and maps, `ring` reads what they write.

#![expect(
    unsafe_code,
    reason = "System V IPC objects and bpf(2) have no safe wrapper"
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
