//! Numbers at random from a seed, the same ones each time: splitmix64.

use std::time::Duration;

/// The numbers that follow a seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Any seed is as good as any other.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// One that is less than `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }

    pub fn yes_or_no(&mut self) -> bool {
        self.number() & 1 == 1
    }

    /// One of `items`, of which there is at least one.
    pub fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A time from `least` on, and less than `most`; whole milliseconds.
    pub fn time(&mut self, least: Duration, most: Duration) -> Duration {
        let between = (most - least).as_millis() as usize;
        least + Duration::from_millis(self.below(between) as u64)
    }
}
