//! Range sets into the kernel.
//!
//! In reading order: [`name`] (names that nft can type), [`layout`] (how a range set is laid out in
//! kernel sets), [`plan`] (what is in force against what is desired), [`batch`] (what makes a
//! transaction), [`elements`] and [`objects`] (what goes into it), [`transaction`] (the one place
//! that sends), [`listeners`] (whom that concerns), [`inspect`], [`lookup`] and [`counters`]
//! (questions), the two ways of putting range sets in force: [`managed`], in a table of our own, and
//! [`foreign`], in sets of another program's; [`kernel`] (where kernels differ in that); [`target`],
//! which takes the one way or the other and remembers what is in force; and [`monitor`], the
//! notifications of changes by other programs.

#[cfg(feature = "nftables")]
pub mod batch;
#[cfg(feature = "nftables")]
mod constants;
#[cfg(feature = "nftables")]
pub mod counters;
#[cfg(feature = "nftables")]
pub mod elements;
#[cfg(feature = "nftables")]
pub mod error;
#[cfg(feature = "nftables")]
pub mod foreign;
#[cfg(feature = "nftables")]
pub mod inspect;
#[cfg(feature = "nftables")]
pub mod kernel;
pub mod layout;
#[cfg(feature = "nftables")]
pub mod listeners;
#[cfg(feature = "nftables")]
pub mod lookup;
#[cfg(feature = "nftables")]
pub mod managed;
#[cfg(feature = "nftables")]
pub mod monitor;
pub mod name;
#[cfg(feature = "nftables")]
pub mod objects;
pub mod plan;
pub mod set_name;
#[cfg(feature = "nftables")]
pub mod target;
#[cfg(feature = "nftables")]
pub mod transaction;

#[cfg(feature = "nftables")]
pub use error::Error;
#[cfg(feature = "nftables")]
pub use target::{Options, Target};
#[cfg(feature = "nftables")]
pub use transaction::Connection;
