//! Random choices that are the same in every run with the same seed.
//!
//! Uses nothing but the standard library: tests of other crates include this file.

/// A generator of which only speed and repeatability are asked (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The choices of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; zero where there is none.
    pub fn below<N: Copy + Default + TryFrom<u64> + TryInto<u64>>(&mut self, end: N) -> N {
        let end = end.try_into().unwrap_or_default().max(1);
        N::try_from(self.roll() % end).unwrap_or_default()
    }
}
