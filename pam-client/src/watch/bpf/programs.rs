//! Our programs in the kernel: what they look at and what they write. Pure.
//!
//! Each of them first asks whether the process that it runs in belongs to a session (`whose`). What a
//! program finds goes into the ring of that session; where the ring is full, the session's count of
//! losses goes up.
//!
//! The texts of a start are put together in a buffer of the processor's, which nobody else uses
//! meanwhile: programs on tracepoints are not interrupted by each other.

mod texts;
mod whose;

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
const RECORD: i16 = -168;
const RECORD_SIZE: i16 = field::TEXT + 16;
/// Whether the process is outside of its session's control group.
const OUTSIDE: i16 = -176;
const ID: i16 = -184;

/// The descriptors of the maps that programs use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Maps {
    /// The sessions, by their control group.
    pub(crate) sessions: i32,
    /// The control groups of sessions, by the UIDs of their accounts.
    pub(crate) ids: i32,
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
    /// Which one it is.
    pub(crate) pid_namespace: u32,
}

impl Kernel {
    /// Where in the kernel's id of a process a field is of the number that it has with us.
    const fn number_at(self, field: i32) -> i32 {
        let layout = self.layout;
        layout
            .number_size
            .saturating_mul(self.pid_level)
            .saturating_add(layout.pid_numbers)
            .saturating_add(field)
    }
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
    writer.executed_file();
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

/// Runs where a process asks for a connection or sends a datagram; lets it.
pub(crate) fn connected(
    kernel: Kernel,
    maps: Maps,
    family: Family,
    whose: Whose,
) -> Result<Vec<u64>, BadJump> {
    let mut writer = Writer::new(kernel, maps);
    writer.asm.copy(Reg::R6, Reg::R1);
    match whose {
        Whose::Members => writer.find_session_by_group(),
        Whose::Strays => writer.find_session_of_stray(),
    }
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

/// Whose connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Of processes in a session's control group; attached to that group.
    Members,
    /// Of processes with the ids of a session's account, in no session's group; attached above all.
    Strays,
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
        self.asm.load(Size::Word, Reg::R1, Reg::R10, OUTSIDE);
        self.asm.store(Size::Word, to, base + field::FLAGS, Reg::R1);
    }

    /// The id of the process that a thread belongs to, as we know it, in `R1`.
    fn process_number(&mut self, thread: i16) {
        let layout = self.kernel.layout;
        let number = self.kernel.number_at(layout.number_nr);
        self.read(thread, layout.task_leader, NEXT);
        self.read(NEXT, layout.task_pid, NEXT);
        self.read_word(NEXT, number, NEXT);
        self.asm.load(Size::Word, Reg::R1, Reg::R10, NEXT);
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
