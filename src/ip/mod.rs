//! Addresses, ranges and range sets of both families.
//!
//! In reading order: [`address`] (addresses as numbers), [`range`] (ranges of addresses), [`range_set`]
//! (sets of ranges: sorted, disjoint and merged), [`family`] (a pair of values, one for each family), [`mask`]
//! (widening to a prefix length) and [`change`] (the difference of two range sets). Knows nothing of
//! lists, files or the kernel.

pub mod address;
pub mod change;
pub mod family;
pub mod mask;
pub mod neighbour;
pub mod range;
pub mod range_set;
mod sort;

pub use address::Address;
pub use change::{Applied, Change};
pub use family::{Families, PerFamily};
pub use mask::Mask;
pub use range::Range;
pub use range_set::{RangeSet, RangeSets, differences};
