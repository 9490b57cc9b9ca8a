//! The networks that no packet from outside comes from.
//!
//! A rule that drops them at one interface is there against forged addresses. On the other interfaces they
//! are the hosts of this network.

use crate::ip::Range;
use crate::list::entry::Entry;

const V4: [(u32, u8); 7] = [
    (0, 8),
    (0x0a00_0000, 8),
    (0x6440_0000, 10),
    (0x7f00_0000, 8),
    (0xa9fe_0000, 16),
    (0xac10_0000, 12),
    (0xc0a8_0000, 16),
];

const V6: [(u128, u8); 3] = [(1, 128), (0xfc00 << 112, 7), (0xfe80 << 112, 10)];

/// Whether an entry holds any address of such a network.
pub fn holds_some(entry: Entry) -> bool {
    match entry {
        Entry::V4(range) => {
            V4.iter().any(|(address, length)| Range::network(*address, *length).overlaps(range))
        }
        Entry::V6(range) => {
            V6.iter().any(|(address, length)| Range::network(*address, *length).overlaps(range))
        }
    }
}
