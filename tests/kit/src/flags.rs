//! One flag for each address: range sets that are too simple to be wrong. The tests and the fuzz
//! targets hold netfilterd's own against them.
//!
//! A flag for each address of a family is too many, so there is a universe of 1,024 addresses, put at
//! the start, in the middle and at the very end of the address space, where arithmetic goes wrong.

use std::ops::Range as Indices;

/// Addresses of the universe.
pub const SIZE: usize = 1024;

/// A flag for each address of the universe.
pub type Flags = Vec<bool>;

/// Addresses as numbers that both families share.
pub trait Number: Copy {
    /// The last address of the family.
    const LAST: u128;
    fn of(number: u128) -> Self;
    fn number(self) -> u128;

    /// Where the universe begins. The one in the middle is aligned to half its size only.
    fn bases() -> [u128; 3] {
        let middle = (Self::LAST >> 1) + 1;
        [0, middle - SIZE as u128 / 2, Self::LAST - (SIZE as u128 - 1)]
    }
}

impl Number for u32 {
    const LAST: u128 = u32::MAX as u128;
    fn of(number: u128) -> Self {
        u32::try_from(number).expect("an IPv4 address")
    }
    fn number(self) -> u128 {
        self.into()
    }
}

impl Number for u128 {
    const LAST: u128 = u128::MAX;
    fn of(number: u128) -> Self {
        number
    }
    fn number(self) -> u128 {
        self
    }
}

/// The flags of what these places hold together.
pub fn flags(entries: &[Indices<usize>]) -> Flags {
    let mut flags = vec![false; SIZE];
    for entry in entries {
        flags[entry.clone()].fill(true);
    }
    flags
}

/// First and last of each run of flags that are set: what a range set is to hold.
pub fn runs(base: u128, flags: &Flags) -> Vec<(u128, u128)> {
    let mut runs: Vec<(u128, u128)> = Vec::new();
    for at in (0..SIZE).filter(|&at| flags[at]).map(|at| base + at as u128) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == at => *last = at,
            _ => runs.push((at, at)),
        }
    }
    runs
}

/// The flags of two sets, joined by a rule.
pub fn both(a: &Flags, b: &Flags, rule: fn(bool, bool) -> bool) -> Flags {
    a.iter().zip(b).map(|(&a, &b)| rule(a, b)).collect()
}

/// Takes the largest aligned block of set flags again and again.
pub fn fewest_networks(base: u128, flags: &Flags) -> u64 {
    let (mut at, mut count) = (0, 0);
    while at < SIZE {
        let fits = |size: usize| {
            let block = flags.get(at..at + size);
            (base + at as u128) % size as u128 == 0
                && block.is_some_and(|block| !block.contains(&false))
        };
        let size = (0..=10).rev().map(|bits| 1 << bits).find(|&size| fits(size));
        count += u64::from(size.is_some());
        at += size.unwrap_or(1);
    }
    count
}

/// An address as a number.
pub fn number(address: std::net::IpAddr) -> u128 {
    match address {
        std::net::IpAddr::V4(address) => u32::from(address).into(),
        std::net::IpAddr::V6(address) => address.into(),
    }
}
