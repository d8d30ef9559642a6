//! Our programs in the kernel: what they look at and what they write. Pure.
//!
//! Each of them first asks whether the process that it runs in belongs to a session: whether one of
//! the control groups that it is in, from the outermost on, is in the table of sessions. A process
//! cannot leave its group without root's help. What a program finds goes into the ring of that
//! session; where the ring is full, the session's count of losses goes up.
//!
//! The texts of a start are put together in a buffer of the processor's, which nobody else uses
//! meanwhile: programs on tracepoints are not interrupted by each other.

use super::assembler::{Assembler, BadJump, Helper, Label, Op, Reg, Size, When};
use super::layout::Layout;
use crate::watch::record::{self, field};

/// The session's value in the table of sessions: its place in the lists of rings, and what was lost.
pub(crate) const LOST_PROCESSES: i16 = 8;
pub(crate) const LOST_CONNECTIONS: i16 = 16;
/// How long that value is.
pub(crate) const SESSION_VALUE: u32 = 24;
/// How long the buffer of a processor is: the longest start.
pub(crate) const SCRATCH: u32 = 14 * 1024;

/// How deep a session's group may be.
pub(crate) const LEVELS: i32 = 8;
/// How much of each text of a start is kept. What the verifier knows of a length is one bit less
/// precise, which is what the buffer is large enough for.
const MOST_NAME: i32 = 512;
const MOST_COMPONENT: i32 = 256;
const MOST_DIRECTORY: i32 = 4096;
const MOST_COMPONENTS: u32 = 32;
const MOST_ARGUMENTS: i32 = 8192;
/// A process that was forked and has not begun a program of its own.
const FORKED_ONLY: i32 = 0x40;

// Places on the stack.
const GROUP: i16 = -8;
const NUMBER: i16 = -16;
const DENTRY: i16 = -24;
const SHOWN: i16 = -32;
const VALUE: i16 = -40;
const NEXT: i16 = -48;
const SESSION: i16 = -56;
const RING: i16 = -64;
const TASK: i16 = -72;
/// The record of an end or a connection.
const RECORD: i16 = -152;
const RECORD_SIZE: i16 = 72;

/// The descriptors of the maps that programs use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Maps {
    /// The sessions, by their control group.
    pub(crate) sessions: i32,
    /// The rings for processes, by a session's place.
    pub(crate) processes: i32,
    /// The rings for connections.
    pub(crate) connections: i32,
    /// The buffers of processors.
    pub(crate) scratch: i32,
}

/// What is known of this kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernel {
    /// Where fields are.
    pub(crate) layout: Layout,
    /// How deep our namespace of process ids is.
    pub(crate) pid_level: i32,
}

/// A program that is being written.
struct Writer {
    asm: Assembler,
    kernel: Kernel,
    maps: Maps,
    /// Where the program ends.
    done: Label,
}

/// Returns how deep the caller's namespace of process ids is.
pub(crate) fn pid_level(layout: &Layout) -> Result<Vec<u64>, BadJump> {
    let mut asm = Assembler::default();
    asm.call(Helper::CurrentTask);
    asm.store(Size::Double, Reg::R10, TASK, Reg::R0);
    follow(&mut asm, TASK, layout.task_pid, VALUE, 8);
    asm.store_number(Size::Double, Reg::R10, NEXT, 0);
    follow(&mut asm, VALUE, layout.pid_level, NEXT, 4);
    asm.load(Size::Word, Reg::R0, Reg::R10, NEXT);
    asm.exit();
    asm.finish()
}

/// Runs where a program has begun in a process.
pub(crate) fn started(kernel: Kernel, maps: Maps) -> Result<Vec<u64>, BadJump> {
    let mut writer = Writer::new(kernel, maps);
    writer.asm.copy(Reg::R6, Reg::R1);
    writer.find_session();
    writer.find_ring(maps.processes);
    writer.find_scratch();
    writer.head(Reg::R8, 0, record::STARTED);
    writer.program_name();
    writer.directory();
    writer.arguments();
    writer.asm.copy(Reg::R3, Reg::R9);
    writer.asm.combine(Op::Add, Reg::R3, Reg::R7);
    writer.asm.compute(Op::Add, Reg::R3, i32::from(field::TEXT));
    writer.asm.copy(Reg::R2, Reg::R8);
    writer.emit(LOST_PROCESSES);
    writer.finish(0)
}

/// Runs where a thread ends; writes of the last one of a process that has begun a program.
pub(crate) fn ended(kernel: Kernel, maps: Maps) -> Result<Vec<u64>, BadJump> {
    let mut writer = Writer::new(kernel, maps);
    writer.find_session();
    writer.current_task();
    let layout = kernel.layout;
    writer.read_word(TASK, layout.task_flags, VALUE);
    writer.asm.load(Size::Word, Reg::R1, Reg::R10, VALUE);
    writer.asm.compute(Op::And, Reg::R1, FORKED_ONLY);
    let done = writer.done;
    writer.asm.jump_if(Reg::R1, When::NotEqual, 0, done);
    writer.read(TASK, layout.task_signal, NEXT);
    writer.read_word(NEXT, layout.signal_live, VALUE);
    writer.asm.load(Size::Word, Reg::R1, Reg::R10, VALUE);
    writer.asm.jump_if(Reg::R1, When::NotEqual, 0, done);
    writer.find_ring(maps.processes);
    writer.clear_record();
    writer.head(Reg::R10, RECORD, record::ENDED);
    writer.read_word(TASK, layout.task_exit_code, VALUE);
    writer.asm.load(Size::Word, Reg::R1, Reg::R10, VALUE);
    writer
        .asm
        .store(Size::Word, Reg::R10, RECORD + field::FIRST, Reg::R1);
    writer.emit_record(field::TEXT, LOST_PROCESSES);
    writer.finish(0)
}

/// Runs where a process of a session's group asks for a connection or sends a datagram; lets it.
pub(crate) fn connected(kernel: Kernel, maps: Maps, family: Family) -> Result<Vec<u64>, BadJump> {
    let mut writer = Writer::new(kernel, maps);
    writer.asm.copy(Reg::R6, Reg::R1);
    writer.find_session();
    writer.find_ring(maps.connections);
    writer.clear_record();
    writer.current_task();
    writer.head(Reg::R10, RECORD, record::CONNECTED);
    let (number, address): (_, &[i16]) = match family {
        Family::Four => (4, &[4]),
        Family::Six => (6, &[8, 12, 16, 20]),
    };
    let asm = &mut writer.asm;
    asm.store_number(Size::Word, Reg::R10, RECORD + field::FIRST, number);
    // `struct bpf_sock_addr`: protocol at 36, port at 24.
    for (from, to) in [(36, field::SECOND), (24, field::THIRD)] {
        asm.load(Size::Word, Reg::R1, Reg::R6, from);
        asm.store(Size::Word, Reg::R10, RECORD + to, Reg::R1);
    }
    for (from, to) in address.iter().zip((RECORD + field::TEXT..).step_by(4)) {
        asm.load(Size::Word, Reg::R1, Reg::R6, *from);
        asm.store(Size::Word, Reg::R10, to, Reg::R1);
    }
    writer.emit_record(RECORD_SIZE, LOST_CONNECTIONS);
    writer.finish(1)
}

/// Which addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4.
    Four,
    /// IPv6.
    Six,
}

/// `*(stack + to) = *(*(stack + from) + offset)`, or 0 where the kernel has nothing there.
fn follow(asm: &mut Assembler, from: i16, offset: i32, to: i16, bytes: i32) {
    asm.load(Size::Double, Reg::R3, Reg::R10, from);
    asm.compute(Op::Add, Reg::R3, offset);
    asm.copy(Reg::R1, Reg::R10);
    asm.compute(Op::Add, Reg::R1, i32::from(to));
    asm.set(Reg::R2, bytes);
    asm.call(Helper::ReadKernel);
}

impl Writer {
    fn new(kernel: Kernel, maps: Maps) -> Self {
        let mut asm = Assembler::default();
        let done = asm.label();
        Self {
            asm,
            kernel,
            maps,
            done,
        }
    }

    fn finish(mut self, answer: i32) -> Result<Vec<u64>, BadJump> {
        self.asm.place(self.done);
        self.asm.set(Reg::R0, answer);
        self.asm.exit();
        self.asm.finish()
    }

    fn read(&mut self, from: i16, offset: i32, to: i16) {
        follow(&mut self.asm, from, offset, to, 8);
    }

    /// Reads 4 bytes.
    fn read_word(&mut self, from: i16, offset: i32, to: i16) {
        follow(&mut self.asm, from, offset, to, 4);
    }

    fn stack_address(&mut self, register: Reg, at: i16) {
        self.asm.copy(register, Reg::R10);
        self.asm.compute(Op::Add, register, i32::from(at));
    }

    /// The session of the process that this runs in, or the end.
    fn find_session(&mut self) {
        let (found, done) = (self.asm.label(), self.done);
        for level in 1..=LEVELS {
            self.asm.set(Reg::R1, level);
            self.asm.call(Helper::AncestorCgroupId);
            self.asm.jump_if(Reg::R0, When::Equal, 0, done);
            self.asm.store(Size::Double, Reg::R10, GROUP, Reg::R0);
            self.asm.map(Reg::R1, self.maps.sessions);
            self.stack_address(Reg::R2, GROUP);
            self.asm.call(Helper::MapLookup);
            self.asm.jump_if(Reg::R0, When::NotEqual, 0, found);
        }
        self.asm.jump(done);
        self.asm.place(found);
        self.asm.store(Size::Double, Reg::R10, SESSION, Reg::R0);
    }

    /// The ring of the session, or the end.
    fn find_ring(&mut self, rings: i32) {
        self.asm.load(Size::Double, Reg::R1, Reg::R10, SESSION);
        self.asm.load(Size::Word, Reg::R1, Reg::R1, 0);
        self.asm.store(Size::Word, Reg::R10, NUMBER, Reg::R1);
        self.look_up(rings);
        self.asm.store(Size::Double, Reg::R10, RING, Reg::R0);
    }

    /// The buffer of this processor in `R8`.
    fn find_scratch(&mut self) {
        self.asm.store_number(Size::Word, Reg::R10, NUMBER, 0);
        self.look_up(self.maps.scratch);
        self.asm.copy(Reg::R8, Reg::R0);
        self.current_task();
    }

    fn look_up(&mut self, map: i32) {
        self.asm.map(Reg::R1, map);
        self.stack_address(Reg::R2, NUMBER);
        self.asm.call(Helper::MapLookup);
        let done = self.done;
        self.asm.jump_if(Reg::R0, When::Equal, 0, done);
    }

    fn current_task(&mut self) {
        self.asm.call(Helper::CurrentTask);
        self.asm.store(Size::Double, Reg::R10, TASK, Reg::R0);
    }

    fn clear_record(&mut self) {
        for at in (0..RECORD_SIZE).step_by(8) {
            self.asm
                .store_number(Size::Double, Reg::R10, RECORD + at, 0);
        }
    }

    /// What every record begins with.
    fn head(&mut self, to: Reg, base: i16, kind: i32) {
        let layout = self.kernel.layout;
        self.asm
            .store_number(Size::Word, to, base + field::KIND, kind);
        self.process_number(TASK);
        self.asm.store(Size::Word, to, base + field::PID, Reg::R1);
        self.read(TASK, layout.task_parent, VALUE);
        self.process_number(VALUE);
        self.asm
            .store(Size::Word, to, base + field::PARENT, Reg::R1);
        self.read(TASK, layout.task_cred, NEXT);
        self.read_word(NEXT, layout.cred_euid, VALUE);
        self.asm.load(Size::Word, Reg::R1, Reg::R10, VALUE);
        self.asm.store(Size::Word, to, base + field::UID, Reg::R1);
        self.asm.call(Helper::BootTime);
        self.asm.store(Size::Double, to, base + field::AT, Reg::R0);
        self.asm.load(Size::Double, Reg::R1, Reg::R10, GROUP);
        self.asm
            .store(Size::Double, to, base + field::GROUP, Reg::R1);
    }

    /// The id of the process that a thread belongs to, as we know it, in `R1`.
    fn process_number(&mut self, thread: i16) {
        let Kernel { layout, pid_level } = self.kernel;
        let number = layout
            .number_size
            .saturating_mul(pid_level)
            .saturating_add(layout.pid_numbers)
            .saturating_add(layout.number_nr);
        self.read(thread, layout.task_leader, NEXT);
        self.read(NEXT, layout.task_pid, NEXT);
        self.read_word(NEXT, number, NEXT);
        self.asm.load(Size::Word, Reg::R1, Reg::R10, NEXT);
    }

    /// `R1 = the buffer's place for the next text`, whose distance from the first is in `R9`.
    fn text_address(&mut self) {
        self.asm.copy(Reg::R1, Reg::R8);
        self.asm.combine(Op::Add, Reg::R1, Reg::R9);
        self.asm.compute(Op::Add, Reg::R1, i32::from(field::TEXT));
    }

    fn program_name(&mut self) {
        let (none, named) = (self.asm.label(), self.asm.label());
        self.asm.set(Reg::R9, 0);
        // The third argument of the tracepoint is what the program was made from.
        self.asm.load(Size::Double, Reg::R1, Reg::R6, 16);
        self.asm.store(Size::Double, Reg::R10, VALUE, Reg::R1);
        self.read(VALUE, self.kernel.layout.binprm_filename, VALUE);
        self.text_address();
        self.asm.set(Reg::R2, MOST_NAME);
        self.asm.load(Size::Double, Reg::R3, Reg::R10, VALUE);
        self.asm.call(Helper::ReadKernelString);
        self.asm.jump_if(Reg::R0, When::SignedAtMost, 0, none);
        self.asm.compute(Op::And, Reg::R0, 2 * MOST_NAME - 1);
        self.asm.copy(Reg::R9, Reg::R0);
        self.asm.jump(named);
        self.asm.place(none);
        self.asm.set(Reg::R9, 0);
        self.asm.place(named);
        self.asm.store(Size::Word, Reg::R8, field::FIRST, Reg::R9);
    }

    /// The names on the way from the working directory up to the root of all mounts.
    fn directory(&mut self) {
        let layout = self.kernel.layout;
        let (whole, rest) = (self.asm.label(), self.asm.label());
        self.asm.copy(Reg::R7, Reg::R9);
        self.asm.store_number(Size::Word, Reg::R8, field::FLAGS, 0);
        self.read(TASK, layout.task_fs, VALUE);
        self.read(VALUE, layout.fs_mount, SHOWN);
        self.read(VALUE, layout.fs_dentry, DENTRY);
        for _ in 0..MOST_COMPONENTS {
            self.component(whole, rest);
        }
        self.asm.jump(rest);
        self.asm.place(whole);
        self.asm
            .store_number(Size::Word, Reg::R8, field::FLAGS, record::WHOLE_DIRECTORY);
        self.asm.place(rest);
        self.asm.copy(Reg::R1, Reg::R9);
        self.asm.combine(Op::Subtract, Reg::R1, Reg::R7);
        self.asm.store(Size::Word, Reg::R8, field::SECOND, Reg::R1);
    }

    /// One name, or the way from the root of a mount to where it is mounted.
    fn component(&mut self, whole: Label, rest: Label) {
        let layout = self.kernel.layout;
        let (crossing, next) = (self.asm.label(), self.asm.label());
        self.read(SHOWN, layout.shown_root, VALUE);
        self.asm.load(Size::Double, Reg::R1, Reg::R10, VALUE);
        self.asm.load(Size::Double, Reg::R2, Reg::R10, DENTRY);
        self.asm.jump_if_same(Reg::R1, Reg::R2, crossing);

        self.read(DENTRY, layout.dentry_name, VALUE);
        self.text_address();
        self.asm.set(Reg::R2, MOST_COMPONENT);
        self.asm.load(Size::Double, Reg::R3, Reg::R10, VALUE);
        self.asm.call(Helper::ReadKernelString);
        self.asm.jump_if(Reg::R0, When::SignedAtMost, 0, rest);
        self.asm.compute(Op::And, Reg::R0, 2 * MOST_COMPONENT - 1);
        self.asm.combine(Op::Add, Reg::R9, Reg::R0);
        self.asm
            .jump_if(Reg::R9, When::Greater, MOST_DIRECTORY, rest);
        self.read(DENTRY, layout.dentry_parent, DENTRY);
        self.asm.jump(next);

        self.asm.place(crossing);
        self.asm.load(Size::Double, Reg::R1, Reg::R10, SHOWN);
        self.asm.compute(Op::Subtract, Reg::R1, layout.mount_shown);
        self.asm.store(Size::Double, Reg::R10, VALUE, Reg::R1);
        self.read(VALUE, layout.mount_parent, NEXT);
        self.asm.load(Size::Double, Reg::R1, Reg::R10, VALUE);
        self.asm.load(Size::Double, Reg::R2, Reg::R10, NEXT);
        self.asm.jump_if_same(Reg::R1, Reg::R2, whole);
        self.read(VALUE, layout.mount_point, DENTRY);
        self.asm.load(Size::Double, Reg::R1, Reg::R10, NEXT);
        self.asm.compute(Op::Add, Reg::R1, layout.mount_shown);
        self.asm.store(Size::Double, Reg::R10, SHOWN, Reg::R1);
        self.asm.place(next);
    }

    /// The arguments, whose length is then in `R7`.
    fn arguments(&mut self) {
        let layout = self.kernel.layout;
        let (long, fits, unread, end) = (
            self.asm.label(),
            self.asm.label(),
            self.asm.label(),
            self.asm.label(),
        );
        self.read(TASK, layout.task_mm, VALUE);
        self.read(VALUE, layout.mm_arg_start, NEXT);
        self.read(VALUE, layout.mm_arg_end, VALUE);
        self.asm.load(Size::Double, Reg::R7, Reg::R10, VALUE);
        self.asm.load(Size::Double, Reg::R3, Reg::R10, NEXT);
        self.asm.combine(Op::Subtract, Reg::R7, Reg::R3);
        self.asm.store(Size::Double, Reg::R8, field::WHOLE, Reg::R7);
        self.asm
            .jump_if(Reg::R7, When::Greater, MOST_ARGUMENTS, long);
        self.asm.jump(fits);
        self.asm.place(long);
        self.asm.set(Reg::R7, MOST_ARGUMENTS);
        self.asm.place(fits);
        self.text_address();
        self.asm.copy(Reg::R2, Reg::R7);
        self.asm.call(Helper::ReadUser);
        self.asm.jump_if(Reg::R0, When::NotEqual, 0, unread);
        self.asm.jump(end);
        self.asm.place(unread);
        self.asm.set(Reg::R7, 0);
        self.asm.place(end);
        self.asm.store(Size::Word, Reg::R8, field::THIRD, Reg::R7);
    }

    fn emit_record(&mut self, length: i16, lost: i16) {
        self.stack_address(Reg::R2, RECORD);
        self.asm.set(Reg::R3, i32::from(length));
        self.emit(lost);
    }

    /// Writes `R3` bytes from `R2` into the ring, or counts the loss.
    fn emit(&mut self, lost: i16) {
        self.asm.load(Size::Double, Reg::R1, Reg::R10, RING);
        self.asm.set(Reg::R4, 0);
        self.asm.call(Helper::RingOutput);
        let done = self.done;
        self.asm.jump_if(Reg::R0, When::Equal, 0, done);
        self.asm.load(Size::Double, Reg::R1, Reg::R10, SESSION);
        self.asm.set(Reg::R2, 1);
        self.asm.add_atomically(Reg::R1, lost, Reg::R2);
    }
}
