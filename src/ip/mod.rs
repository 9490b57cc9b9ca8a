//! Addresses and ranges of both families, and what can be done with sets of them.
//!
//! In reading order: [`address`] (addresses as numbers), [`range`] (ranges of them, and range sets:
//! sorted, disjoint and merged), [`family`] (a value for each family), [`mask`] (widening to a
//! prefix length) and [`change`] (by how much two states differ). Knows nothing of lists, files or
//! kernels.

pub mod address;
pub mod change;
pub mod family;
pub mod mask;
pub mod range;
mod sort;

pub use address::Address;
pub use change::{Applied, Change};
pub use family::{Families, PerFamily};
pub use mask::Mask;
pub use range::{Range, RangeSet, RangeSets};
