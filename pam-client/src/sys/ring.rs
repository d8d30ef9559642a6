//! The reading end of a BPF ring buffer: two mappings that the kernel writes and we read.

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use nix::errno::Errno;
use nix::libc::{self, c_void};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// A record that is being written.
const BUSY: u32 = 1 << 31;
/// A record that its writer took back.
const DISCARDED: u32 = 1 << 30;
/// The head of a record: its length and its place.
const HEAD: usize = 8;

/// A ring's reading end. One reader at a time, which `&mut` says.
#[derive(Debug)]
pub(crate) struct Ring {
    map: OwnedFd,
    /// Where we are, which we write.
    consumer: Mapping,
    /// Where the kernel is, and behind it the data, mapped twice in a row.
    producer: Mapping,
    page: usize,
    size: usize,
}

#[derive(Debug)]
struct Mapping {
    at: NonNull<c_void>,
    length: NonZeroUsize,
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Mapping {}
// SAFETY: through `&Mapping` only its address is read; what is mapped is read and written through
// `&mut Ring`.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(
        map: BorrowedFd<'_>,
        length: usize,
        offset: usize,
        protection: ProtFlags,
    ) -> Result<Self, Errno> {
        let length = NonZeroUsize::new(length).ok_or(Errno::EINVAL)?;
        let offset = i64::try_from(offset).map_err(|_| Errno::EINVAL)?;
        // SAFETY: the kernel chooses the place, so no mapping of anybody's is replaced.
        let at = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, map, offset) }?;
        Ok(Self { at, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is a mapping that we made with this length, and every reference into it
        // ended with the borrow of the ring that it came from.
        let _ = unsafe { munmap(self.at, self.length.get()) };
    }
}

impl Ring {
    /// Maps a ring of `size` bytes, which is what its map was made with.
    ///
    /// # Errors
    /// When it is no ring or there is no room.
    pub(crate) fn new(map: OwnedFd, size: usize) -> Result<Self, Errno> {
        // SAFETY: `sysconf` takes a number and touches nothing of ours.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page = usize::try_from(page).map_err(|_| Errno::EINVAL)?;
        if !size.is_power_of_two() || size < page {
            return Err(Errno::EINVAL);
        }
        let both = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let consumer = Mapping::new(map.as_fd(), page, 0, both)?;
        let behind = size.checked_mul(2).and_then(|data| data.checked_add(page));
        let behind = behind.ok_or(Errno::EINVAL)?;
        let producer = Mapping::new(map.as_fd(), behind, page, ProtFlags::PROT_READ)?;
        Ok(Self {
            map,
            consumer,
            producer,
            page,
            size,
        })
    }

    /// The next record, if one is there.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let at = self.consumed().load(Ordering::Relaxed);
            if at >= self.produced().load(Ordering::Acquire) {
                return None;
            }
            let place = usize::try_from(at).ok()? & (self.size - 1);
            let head = self.head(place)?.load(Ordering::Acquire);
            if head & BUSY != 0 {
                return None;
            }
            let length = usize::try_from(head & !(BUSY | DISCARDED)).ok()?;
            let record = if head & DISCARDED == 0 {
                self.copy(place + HEAD, length)
            } else {
                None
            };
            let whole = u64::try_from(length + HEAD).ok()?.next_multiple_of(8);
            self.consumed()
                .store(at.saturating_add(whole), Ordering::Release);
            if record.is_some() {
                return record;
            }
        }
    }

    fn consumed(&self) -> &AtomicU64 {
        // SAFETY: the mapping begins with this counter, is aligned to a page, and lives as long as
        // `self`. The kernel only reads it, atomically.
        unsafe { self.consumer.at.cast::<AtomicU64>().as_ref() }
    }

    fn produced(&self) -> &AtomicU64 {
        // SAFETY: as above; the kernel writes it atomically, and we never do, so that the mapping
        // is read-only does not matter.
        unsafe { self.producer.at.cast::<AtomicU64>().as_ref() }
    }

    /// The first half of a record's head. Records begin at multiples of 8.
    fn head(&self, place: usize) -> Option<&AtomicU32> {
        if place >= self.size || !place.is_multiple_of(8) {
            return None;
        }
        let head = self.data(place)?.cast::<AtomicU32>();
        // SAFETY: these 4 bytes are inside the mapping, and aligned because pages and records begin
        // at multiples of 8. The kernel writes them atomically.
        Some(unsafe { head.as_ref() })
    }

    /// Where in the mapping a place of the data is.
    fn data(&self, place: usize) -> Option<NonNull<u8>> {
        if place >= self.size.checked_mul(2)? {
            return None;
        }
        // SAFETY: the mapping has `page + 2 * size` bytes, and `place` was just found to be less
        // than `2 * size`.
        Some(unsafe { self.producer.at.cast::<u8>().add(self.page + place) })
    }

    /// So many bytes from the data; nothing if they are not all in it.
    fn copy(&self, place: usize, length: usize) -> Option<Vec<u8>> {
        let end = place.checked_add(length)?;
        if length > self.size || end > self.size.checked_mul(2)? {
            return None;
        }
        let from = self.data(place)?;
        let mut bytes = vec![0; length];
        // SAFETY: `length` bytes from `place` on are inside the mapping, as was just found; the
        // target is a buffer of `length` bytes of our own. The kernel does not write to a record
        // that was committed before we give it back by moving the consumer on.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), bytes.as_mut_ptr(), length) };
        Some(bytes)
    }
}

/// Readable when a record is there.
impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}
