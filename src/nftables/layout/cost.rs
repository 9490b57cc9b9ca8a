//! What a row costs: packets, memory, and time to load.
//!
//! All constants are here. They come from measurements on Linux 6.18.44 (AMD EPYC, 2 processors, a virtual
//! machine) with packets over veth whose sources, all over the address space, are not listed, rounded;
//! `make bench` measures again what has one measurement, and prints it beside these. On another machine all
//! of them are others, but a row that is half as dear on one is not dearer on the next: only that is needed
//! here.
//!
//! Measured were sets of 1,000, 100,000 and 1,000,000 elements, of IPv4 also 10,000, and interval sets of IPv4 also
//! with 3, 10 and 100 ranges; interval sets only up to 100,000. What stands between and beyond these continues
//! their lines. [`LISTED`], [`SET`], [`BYTES`] and [`LOAD`] are decisions.

use super::row::{Elements, Hash, Row, SetKind};

/// Nanoseconds for a base chain of its own, without any rule.
pub const CHAIN: f64 = 30.0;

/// Nanoseconds for the first look-up beyond what it costs by itself: the kernel's code for it has left the
/// processor's caches since the last packet, unless another rule of the host has just looked something up.
pub const FIRST: f64 = 50.0;

/// Nanoseconds for a look-up in a bitmap, payload and rule included.
pub const BITMAP: f64 = 25.0;

/// Nanoseconds for masking an address before it is looked up.
pub const MASK: f64 = 5.0;

/// Nanoseconds for the goto behind a prefilter.
pub const GOTO: f64 = 10.0;

/// One packet in so many is taken to be listed.
pub const LISTED: f64 = 50.0;

/// Nanoseconds that a set must save each packet, for a person to have one more to read.
pub const SET: f64 = 5.0;

/// So many bytes of kernel memory are worth a nanosecond of each packet.
pub const BYTES: f64 = 2.0 * 1024.0 * 1024.0;

/// So many nanoseconds of a load are worth one of each packet.
pub const LOAD: f64 = 5e6;

/// What a look-up costs by the number of elements: pairs of a number and nanoseconds, ascending.
pub type ByElements = [(f64, f64)];

/// A hash set whose keys are four bytes.
pub const HASH4: &ByElements =
    &[(1e1, 30.0), (1e3, 40.0), (1e4, 60.0), (1e5, 125.0), (1e6, 200.0), (1e7, 280.0)];

/// A hash set of longer keys, of up to eight bytes.
pub const HASH8: &ByElements =
    &[(1e1, 80.0), (1e3, 90.0), (1e4, 120.0), (1e5, 175.0), (1e6, 270.0), (1e7, 360.0)];

/// A hash set whose keys are whole addresses of IPv6.
pub const HASH16: &ByElements =
    &[(1e1, 90.0), (1e3, 105.0), (1e4, 140.0), (1e5, 210.0), (1e6, 290.0), (1e7, 380.0)];

/// An interval set of IPv4, by its ranges.
pub const INTERVAL4: &ByElements = &[
    (1.0, 90.0),
    (1e1, 135.0),
    (1e2, 250.0),
    (1e3, 385.0),
    (1e4, 530.0),
    (1e5, 1000.0),
    (1e6, 1900.0),
    (1e7, 2900.0),
];

/// An interval set of IPv6, by its ranges.
pub const INTERVAL6: &ByElements = &[
    (1.0, 100.0),
    (1e1, 160.0),
    (1e2, 290.0),
    (1e3, 430.0),
    (1e4, 620.0),
    (1e5, 1250.0),
    (1e6, 2200.0),
    (1e7, 3200.0),
];

/// Bytes of kernel memory for a range in an interval set.
pub const RANGE_BYTES: u64 = 160;
/// Bytes for a key in a hash set, with its part of the buckets.
pub const KEY_BYTES: u64 = 88;
/// Bytes of a bitmap, beside its keys.
pub const BITMAP_BYTES: u64 = 16 << 10;

/// Nanoseconds to load a key into a bitmap, for each key that is in it: the kernel goes through all of them
/// (`nft_bitmap_elem_find`), so that 4,000 take 60 ms and 32,000 four seconds.
pub const BITMAP_LOAD: f64 = 7.4;
/// Nanoseconds to load a range.
pub const RANGE_LOAD: u64 = 1700;
/// Nanoseconds to load a key.
pub const KEY_LOAD: u64 = 500;

/// What a row costs for a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Nanoseconds that a packet pays whose address is not listed.
    pub unlisted: f64,
    /// The most that a packet pays whose address is listed.
    pub listed: f64,
    /// How many sets it has.
    pub sets: usize,
    /// Bytes of kernel memory.
    pub memory: u64,
    /// Nanoseconds to load it.
    pub load: u64,
}

impl Cost {
    /// What rows are compared by: nanoseconds that a packet pays if one in [`LISTED`] is listed, and memory,
    /// time to load and sets as what they are worth.
    pub fn sum(&self) -> f64 {
        let sets = self.sets as f64 * SET;
        let packet = self.unlisted + self.listed / LISTED;
        packet + self.memory as f64 / BYTES + self.load as f64 / LOAD + sets
    }

    /// The cost of a row that has these elements, for addresses of `bits` bits.
    pub fn of(row: &Row, elements: &Elements, bits: u8) -> Self {
        let mut cost = Cost { unlisted: CHAIN, listed: CHAIN + FIRST, sets: 0, memory: 0, load: 0 };
        // The share of packets that come so far.
        let mut reach = 1.0;
        let counts = row.prefilter.map(|_| elements.prefixes).into_iter();
        let counts = counts.chain(elements.keys.iter().copied());
        let counts = counts.chain(row.interval.then_some(elements.ranges));
        for (place, (kind, count)) in row.kinds().zip(counts).enumerate() {
            let first = if place == 0 { FIRST } else { 0.0 };
            let look_up = look_up(kind, count, bits);
            cost.unlisted += reach * (first + look_up);
            cost.listed += look_up;
            cost.sets += 1;
            cost.memory = cost.memory.saturating_add(memory(kind, count, bits));
            cost.load = cost.load.saturating_add(load(kind, count, bits));
            if let SetKind::Prefilter(hash) = kind {
                reach = share(hash, count, bits);
                cost.unlisted += reach * GOTO;
                cost.listed += GOTO;
            }
        }
        cost
    }
}

/// The share of unlisted packets that a prefilter lets through, if their sources are spread evenly over the
/// addresses that are in use: seven eighths of IPv4, and of IPv6 seven blocks of /12, from which the
/// registries give out nearly all.
fn share(prefilter: Hash, prefixes: u64, bits: u8) -> f64 {
    let all = f64::from(prefilter.length).exp2();
    let in_use = if bits > 32 { 7.0 / 4096.0 } else { 7.0 / 8.0 };
    (prefixes as f64 / (all * in_use)).min(1.0)
}

/// Nanoseconds for a look-up in a set that has so many elements.
fn look_up(kind: SetKind, elements: u64, bits: u8) -> f64 {
    let key = kind.key_bytes(bits);
    let is_masked = kind.length().is_some_and(|length| length < 8 * key);
    let mask = if is_masked { MASK } else { 0.0 };
    match kind {
        SetKind::Interval if bits > 32 => by_elements(INTERVAL6, elements),
        SetKind::Interval => by_elements(INTERVAL4, elements),
        _ if kind.is_bitmap(bits) => BITMAP,
        _ if key <= 4 => mask + by_elements(HASH4, elements),
        _ if key <= 8 => mask + by_elements(HASH8, elements),
        _ => mask + by_elements(HASH16, elements),
    }
}

fn memory(kind: SetKind, elements: u64, bits: u8) -> u64 {
    match kind {
        SetKind::Interval => elements.saturating_mul(RANGE_BYTES),
        _ if kind.is_bitmap(bits) => {
            elements.saturating_mul(KEY_BYTES).saturating_add(BITMAP_BYTES)
        }
        _ => elements.saturating_mul(KEY_BYTES),
    }
}

fn load(kind: SetKind, elements: u64, bits: u8) -> u64 {
    match kind {
        SetKind::Interval => elements.saturating_mul(RANGE_LOAD),
        _ if kind.is_bitmap(bits) => {
            let pairs = elements as f64 * elements as f64 / 2.0;
            (BITMAP_LOAD * pairs) as u64
        }
        _ => elements.saturating_mul(KEY_LOAD),
    }
}

/// The nanoseconds at a number of elements: between two that were measured a straight line over the
/// logarithm, since what grows is the number of steps, or of caches that do not hold the set.
fn by_elements(measured: &ByElements, elements: u64) -> f64 {
    let at = (elements.max(1) as f64).ln();
    let behind = measured.partition_point(|(number, _)| number.ln() < at);
    let nearest = |index: usize| measured.get(index).copied().unwrap_or((1.0, 0.0));
    match behind {
        0 => nearest(0).1,
        _ if behind == measured.len() => nearest(behind - 1).1,
        _ => {
            let ((low, low_cost), (high, high_cost)) = (nearest(behind - 1), nearest(behind));
            let part = (at - low.ln()) / (high.ln() - low.ln());
            low_cost + part * (high_cost - low_cost)
        }
    }
}
