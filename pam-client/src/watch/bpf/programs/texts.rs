//! What the program says that runs where another one has begun: which file, and three texts, which
//! are put one after the other into the buffer of the processor.

use super::super::assembler::{Helper, Label, Op, Reg, Size, When};
use super::{DENTRY, NEXT, SHOWN, TASK, VALUE, Writer};
use crate::watch::record::{self, field};

/// How much of each text of a start is kept. What the verifier knows of a length is one bit less
/// precise, which is what the buffer is large enough for.
const MOST_NAME: i32 = 512;
const MOST_COMPONENT: i32 = 256;
const MOST_DIRECTORY: i32 = 4096;
const MOST_COMPONENTS: u32 = 32;
const MOST_ARGUMENTS: i32 = 8192;

impl Writer {
    /// The file that the kernel runs, by its device and number.
    pub(super) fn executed_file(&mut self) {
        for at in [field::DEVICE, field::INODE] {
            self.asm.store_number(Size::Double, Reg::R8, at, 0);
        }
        let Some(file) = self.kernel.layout.file else {
            return;
        };
        // The third argument of the tracepoint is what the program was made from.
        self.asm.load(Size::Double, Reg::R1, Reg::R6, 16);
        self.asm.store(Size::Double, Reg::R10, VALUE, Reg::R1);
        self.read(VALUE, file.of_binprm, VALUE);
        self.read(VALUE, file.inode, VALUE);
        self.read(VALUE, file.number, NEXT);
        self.asm.load(Size::Double, Reg::R1, Reg::R10, NEXT);
        self.asm.store(Size::Double, Reg::R8, field::INODE, Reg::R1);
        self.read(VALUE, file.superblock, VALUE);
        self.read_word(VALUE, file.device, NEXT);
        self.asm.load(Size::Word, Reg::R1, Reg::R10, NEXT);
        self.asm.store(Size::Word, Reg::R8, field::DEVICE, Reg::R1);
    }

    /// The file as it was asked for.
    pub(super) fn program_name(&mut self) {
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
    pub(super) fn directory(&mut self) {
        let layout = self.kernel.layout;
        let (whole, rest) = (self.asm.label(), self.asm.label());
        self.asm.copy(Reg::R7, Reg::R9);
        self.read(TASK, layout.task_fs, VALUE);
        self.read(VALUE, layout.fs_mount, SHOWN);
        self.read(VALUE, layout.fs_dentry, DENTRY);
        for _ in 0..MOST_COMPONENTS {
            self.component(whole, rest);
        }
        self.asm.jump(rest);
        self.asm.place(whole);
        self.asm.load(Size::Word, Reg::R1, Reg::R8, field::FLAGS);
        self.asm.compute(Op::Add, Reg::R1, record::WHOLE_DIRECTORY);
        self.asm.store(Size::Word, Reg::R8, field::FLAGS, Reg::R1);
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
    pub(super) fn arguments(&mut self) {
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

    /// `R1 = the buffer's place for the next text`, whose distance from the first is in `R9`.
    fn text_address(&mut self) {
        self.asm.copy(Reg::R1, Reg::R8);
        self.asm.combine(Op::Add, Reg::R1, Reg::R9);
        self.asm.compute(Op::Add, Reg::R1, i32::from(field::TEXT));
    }
}
