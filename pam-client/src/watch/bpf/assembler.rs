//! Instructions of eBPF out of what a program wants to say. Pure; knows no kernel and no purpose.
//!
//! Only what our programs need. Jumps go to labels, which are placed later.

/// A register. `R1` to `R5` are a helper's arguments and lost by its call, `R6` to `R9` stay, `R10`
/// is the end of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reg {
    R0,
    R1,
    R2,
    R3,
    R4,
    R6 = 6,
    R7,
    R8,
    R9,
    R10,
}

/// How many bytes are read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Size {
    Word = 0x00,
    Double = 0x18,
}

/// When to jump. Comparisons are without a sign unless they say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum When {
    Equal = 0x10,
    Greater = 0x20,
    NotEqual = 0x50,
    SignedAtMost = 0xd0,
}

/// What to compute with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Op {
    Add = 0x00,
    Subtract = 0x10,
    And = 0x50,
}

/// A helper of the kernel's, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Helper {
    MapLookup = 1,
    CurrentTask = 35,
    ReadUser = 112,
    ReadKernel = 113,
    ReadKernelString = 115,
    AncestorCgroupId = 123,
    BootTime = 125,
    RingOutput = 130,
}

/// A place in a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label(usize);

/// A program that is being written.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    code: Vec<u64>,
    labels: Vec<Option<usize>>,
    jumps: Vec<(usize, Label)>,
}

/// A program that jumps nowhere, or too far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a jump of the program has no place to go to")]
pub(crate) struct BadJump;

const ADD_IMMEDIATE: u8 = 0x07;
const ADD_REGISTER: u8 = 0x0f;
const MOVE: u8 = 0xb0;
const JUMP: u8 = 0x05;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
const LOAD: u8 = 0x61;
const STORE: u8 = 0x63;
const STORE_IMMEDIATE: u8 = 0x62;
const ATOMIC_ADD: u8 = 0xdb;
const LOAD_WIDE: u8 = 0x18;
/// In the place of the source register: the wide value is a map's descriptor.
const IS_MAP: u8 = 1;
/// An operation takes a register instead of a number.
const BY_REGISTER: u8 = 0x08;

impl Assembler {
    /// A label without a place yet.
    pub(crate) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The label is here.
    pub(crate) fn place(&mut self, label: Label) {
        let here = self.code.len();
        if let Some(place) = self.labels.get_mut(label.0) {
            *place = Some(here);
        }
    }

    /// `to = number`
    pub(crate) fn set(&mut self, to: Reg, number: i32) {
        self.put(MOVE | 0x07, to as u8, 0, 0, number);
    }

    /// `to = from`
    pub(crate) fn copy(&mut self, to: Reg, from: Reg) {
        self.put(MOVE | BY_REGISTER | 0x07, to as u8, from as u8, 0, 0);
    }

    /// `to = to op number`
    pub(crate) fn compute(&mut self, op: Op, to: Reg, number: i32) {
        self.put(ADD_IMMEDIATE | op as u8, to as u8, 0, 0, number);
    }

    /// `to = to op from`
    pub(crate) fn combine(&mut self, op: Op, to: Reg, from: Reg) {
        self.put(ADD_REGISTER | op as u8, to as u8, from as u8, 0, 0);
    }

    /// `to = *(from + offset)`
    pub(crate) fn load(&mut self, size: Size, to: Reg, from: Reg, offset: i16) {
        self.put(LOAD | size as u8, to as u8, from as u8, offset, 0);
    }

    /// `*(to + offset) = from`
    pub(crate) fn store(&mut self, size: Size, to: Reg, offset: i16, from: Reg) {
        self.put(STORE | size as u8, to as u8, from as u8, offset, 0);
    }

    /// `*(to + offset) = number`
    pub(crate) fn store_number(&mut self, size: Size, to: Reg, offset: i16, number: i32) {
        self.put(STORE_IMMEDIATE | size as u8, to as u8, 0, offset, number);
    }

    /// `*(to + offset) += from`, for other processors at once.
    pub(crate) fn add_atomically(&mut self, to: Reg, offset: i16, from: Reg) {
        self.put(ATOMIC_ADD, to as u8, from as u8, offset, 0);
    }

    /// `to` is a map.
    pub(crate) fn map(&mut self, to: Reg, descriptor: i32) {
        self.put(LOAD_WIDE, to as u8, IS_MAP, 0, descriptor);
        self.code.push(0);
    }

    /// Calls a helper; its answer is in `R0`.
    pub(crate) fn call(&mut self, helper: Helper) {
        self.put(CALL, 0, 0, 0, helper as i32);
    }

    /// Goes to a label.
    pub(crate) fn jump(&mut self, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.put(JUMP, 0, 0, 0, 0);
    }

    /// Goes to a label when a register compares so with a number.
    pub(crate) fn jump_if(&mut self, register: Reg, when: When, number: i32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.put(JUMP | when as u8, register as u8, 0, 0, number);
    }

    /// Goes to a label when two registers compare so.
    pub(crate) fn jump_if_same(&mut self, one: Reg, other: Reg, to: Label) {
        self.jumps.push((self.code.len(), to));
        let code = JUMP | BY_REGISTER | When::Equal as u8;
        self.put(code, one as u8, other as u8, 0, 0);
    }

    /// Ends the program with what is in `R0`.
    pub(crate) fn exit(&mut self) {
        self.put(EXIT, 0, 0, 0, 0);
    }

    /// The program.
    ///
    /// # Errors
    /// When a label was never placed, or is too far from a jump to it.
    pub(crate) fn finish(mut self) -> Result<Vec<u64>, BadJump> {
        for (at, label) in std::mem::take(&mut self.jumps) {
            let to = self.labels.get(label.0).copied().flatten().ok_or(BadJump)?;
            let distance = i64::try_from(to).map_err(|_| BadJump)?
                - i64::try_from(at + 1).map_err(|_| BadJump)?;
            let distance = i16::try_from(distance).map_err(|_| BadJump)?;
            let instruction = self.code.get_mut(at).ok_or(BadJump)?;
            *instruction |= u64::from(distance.cast_unsigned()) << 16;
        }
        Ok(self.code)
    }

    /// An instruction as a processor with the low byte first stores it: code, registers, offset,
    /// number.
    fn put(&mut self, code: u8, to: u8, from: u8, offset: i16, number: i32) {
        self.code.push(
            u64::from(code)
                | u64::from(to | from << 4) << 8
                | u64::from(offset.cast_unsigned()) << 16
                | u64::from(number.cast_unsigned()) << 32,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The encodings are those of the instruction set's standard (RFC 9669).
    #[test]
    fn instructions_are_encoded_as_the_standard_says() {
        let mut asm = Assembler::default();
        asm.set(Reg::R1, -1);
        asm.copy(Reg::R6, Reg::R1);
        asm.compute(Op::And, Reg::R0, 0xff);
        asm.combine(Op::Add, Reg::R2, Reg::R9);
        asm.load(Size::Double, Reg::R1, Reg::R10, -8);
        asm.load(Size::Word, Reg::R1, Reg::R1, 2);
        asm.store(Size::Word, Reg::R10, -4, Reg::R0);
        asm.store_number(Size::Double, Reg::R10, -16, 7);
        asm.add_atomically(Reg::R0, 8, Reg::R1);
        asm.map(Reg::R1, 5);
        asm.call(Helper::MapLookup);
        asm.exit();
        let bytes: Vec<[u8; 8]> = asm
            .finish()
            .unwrap()
            .into_iter()
            .map(u64::to_le_bytes)
            .collect();
        assert_eq!(
            bytes,
            [
                [0xb7, 0x01, 0, 0, 0xff, 0xff, 0xff, 0xff],
                [0xbf, 0x16, 0, 0, 0, 0, 0, 0],
                [0x57, 0x00, 0, 0, 0xff, 0, 0, 0],
                [0x0f, 0x92, 0, 0, 0, 0, 0, 0],
                [0x79, 0xa1, 0xf8, 0xff, 0, 0, 0, 0],
                [0x61, 0x11, 2, 0, 0, 0, 0, 0],
                [0x63, 0x0a, 0xfc, 0xff, 0, 0, 0, 0],
                [0x7a, 0x0a, 0xf0, 0xff, 7, 0, 0, 0],
                [0xdb, 0x10, 8, 0, 0, 0, 0, 0],
                [0x18, 0x11, 0, 0, 5, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0],
                [0x85, 0, 0, 0, 1, 0, 0, 0],
                [0x95, 0, 0, 0, 0, 0, 0, 0],
            ]
        );
    }

    #[test]
    fn jumps_count_from_the_instruction_after_them() {
        let mut asm = Assembler::default();
        let (back, on) = (asm.label(), asm.label());
        asm.place(back);
        asm.jump_if(Reg::R0, When::Equal, 0, on);
        asm.jump_if_same(Reg::R1, Reg::R2, on);
        asm.jump(back);
        asm.place(on);
        asm.exit();
        let code = asm.finish().unwrap();
        let distance =
            |at: usize| i16::from_le_bytes([code[at].to_le_bytes()[2], code[at].to_le_bytes()[3]]);
        assert_eq!((distance(0), distance(1), distance(2)), (2, 1, -3));
        assert_eq!(code[1] & 0xff, 0x1d);
    }

    #[test]
    fn a_jump_to_nowhere_is_no_program() {
        let mut asm = Assembler::default();
        let nowhere = asm.label();
        asm.jump(nowhere);
        assert_eq!(asm.finish(), Err(BadJump));
    }
}
