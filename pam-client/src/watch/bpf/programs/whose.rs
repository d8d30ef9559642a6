//! Whose process a program runs in.
//!
//! First by its control groups, from the outermost on: whether one of them is a session's. A process
//! cannot leave its group without root's help. Then by its ids: somebody else may have started it for
//! the session's account, in a group of their own. So a process that has both marks is told once.

use super::super::assembler::{Helper, Label, Reg, Size, When};
use super::{GROUP, ID, LEVELS, NEXT, OUTSIDE, SESSION, TASK, VALUE, Writer};
use crate::watch::record;

impl Writer {
    /// The session of the process that this runs in, by either mark, or the end.
    pub(super) fn find_session(&mut self) {
        let (member, stray, found) = (self.asm.label(), self.asm.label(), self.asm.label());
        self.look_at_groups(GROUP, member, stray);
        self.asm.place(stray);
        self.look_at_ids();
        self.asm.jump(found);
        self.asm.place(member);
        self.is_member();
        self.asm.place(found);
    }

    /// The session of the process that this runs in, by its control group, or the end.
    pub(super) fn find_session_by_group(&mut self) {
        let (member, done) = (self.asm.label(), self.done);
        self.look_at_groups(GROUP, member, done);
        self.asm.place(member);
        self.is_member();
    }

    /// The session of the process that this runs in, by its ids, unless it is in a session's control
    /// group; or the end. Who is nobody's is asked the least, since this runs for all of the host.
    pub(super) fn find_session_of_stray(&mut self) {
        let (stray, done) = (self.asm.label(), self.done);
        self.look_at_ids();
        self.look_at_groups(VALUE, done, stray);
        self.asm.place(stray);
    }

    /// Goes to `member` with the session in `R0` and its group in `slot`, or to `stray`.
    fn look_at_groups(&mut self, slot: i16, member: Label, stray: Label) {
        for level in 1..=LEVELS {
            self.asm.set(Reg::R1, level);
            self.asm.call(Helper::AncestorCgroupId);
            self.asm.jump_if(Reg::R0, When::Equal, 0, stray);
            self.asm.store(Size::Double, Reg::R10, slot, Reg::R0);
            self.find_in(self.maps.sessions, slot);
            self.asm.jump_if(Reg::R0, When::NotEqual, 0, member);
        }
        self.asm.jump(stray);
    }

    fn is_member(&mut self) {
        self.asm.store(Size::Double, Reg::R10, SESSION, Reg::R0);
        self.asm.store_number(Size::Double, Reg::R10, OUTSIDE, 0);
    }

    /// The session whose account has the UID or the effective one of the process. Not the login UID:
    /// what PAM has root do for a login has that before the login is put into the group.
    fn look_at_ids(&mut self) {
        let layout = self.kernel.layout;
        let (known, done) = (self.asm.label(), self.done);
        self.current_task();
        for of_cred in [layout.cred_uid, layout.cred_euid] {
            self.read(TASK, layout.task_cred, NEXT);
            self.read_word(NEXT, of_cred, ID);
            self.find_in(self.maps.ids, ID);
            self.asm.jump_if(Reg::R0, When::NotEqual, 0, known);
        }
        self.asm.jump(done);
        self.asm.place(known);
        self.asm.load(Size::Double, Reg::R1, Reg::R0, 0);
        self.asm.store(Size::Double, Reg::R10, GROUP, Reg::R1);
        self.leave_to_others();
        self.find_in(self.maps.sessions, GROUP);
        self.asm.jump_if(Reg::R0, When::Equal, 0, done);
        self.asm.store(Size::Double, Reg::R10, SESSION, Reg::R0);
        let outside = record::OUTSIDE;
        self.asm
            .store_number(Size::Double, Reg::R10, OUTSIDE, outside);
    }

    /// To the end where we do not see the process: a host in a container of its own on this kernel may
    /// have given the same number to an account of its own.
    fn leave_to_others(&mut self) {
        let (layout, done) = (self.kernel.layout, self.done);
        self.read(TASK, layout.task_pid, NEXT);
        if let Some(above) = self
            .kernel
            .pid_level
            .checked_sub(1)
            .filter(|&level| level >= 0)
        {
            let deep = self.asm.label();
            self.read_word(NEXT, layout.pid_level, ID);
            self.asm.load(Size::Word, Reg::R1, Reg::R10, ID);
            self.asm.jump_if(Reg::R1, When::Greater, above, deep);
            self.asm.jump(done);
            self.asm.place(deep);
        }
        let ours = self.asm.label();
        let namespace = self.kernel.number_at(layout.number_namespace);
        self.read(NEXT, namespace, NEXT);
        self.read_word(NEXT, layout.namespace_number, ID);
        // Numbers of 32 bits do not fit where a comparison has its own.
        let number = self.kernel.pid_namespace.cast_signed();
        self.asm.store_number(Size::Word, Reg::R10, VALUE, number);
        self.asm.load(Size::Word, Reg::R1, Reg::R10, ID);
        self.asm.load(Size::Word, Reg::R2, Reg::R10, VALUE);
        self.asm.jump_if_same(Reg::R1, Reg::R2, ours);
        self.asm.jump(done);
        self.asm.place(ours);
    }

    /// `R0 =` what a map has for the key at a place of the stack.
    fn find_in(&mut self, map: i32, key: i16) {
        self.asm.map(Reg::R1, map);
        self.stack_address(Reg::R2, key);
        self.asm.call(Helper::MapLookup);
    }
}
