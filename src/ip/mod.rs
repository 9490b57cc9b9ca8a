//! Addresses and ranges of both families, and what can be done with sets of them.
//!
//! In reading order: [`address`] (addresses as numbers), [`range`] (ranges of them, and range sets:
//! sorted, disjoint and merged), [`mask`] (widening to a prefix length). Knows nothing of lists,
//! files or kernels.

pub mod address;
pub mod mask;
pub mod range;
mod sort;

pub use address::Address;
pub use range::{Range, RangeSet, RangeSets};
