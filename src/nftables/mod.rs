//! Range sets into the kernel.
//!
//! In reading order: [`name`] (names that nft can type) and [`set_name`] (names of the kernel sets
//! in the managed tables), [`layout`] (how a range set is laid out in kernel sets), [`plan`] (what is
//! in force against what is desired), [`placement`] (where it is, for another process). Up to here
//! everything is a function of its arguments, and compiled always.
//!
//! The rest is compiled with the feature `nftables` only, by an attribute in each file: `constants`
//! (numbers), [`batch`] (what makes a transaction), [`elements`], [`objects`] and [`chains`] (what goes
//! into it), [`transaction`] (the one place that sends), [`operation`], [`set_fault`], `cure` and
//! [`error`] (what went wrong, and what to do about it), [`listeners`] (whom a large transaction
//! concerns), [`inspect`], [`lookup`], [`verify`] and [`counters`] (questions), the two ways of putting
//! range sets in force, [`managed`] (in tables of our own, in the sets that [`placed`] names; `found` is what
//! is there before, [`replaced`] the table that older versions had) and [`foreign`] (in sets of another
//! program's), [`kernel`] (where kernels differ in that), `fill` (one load, by the one way or the other),
//! [`monitor`] (changes by other programs), [`target`], which remembers what is in force, and
//! [`snapshot`] (to return to what was in force).

pub mod batch;
pub mod chains;
mod constants;
pub mod counters;
mod cure;
pub mod elements;
pub mod error;
mod fill;
pub mod foreign;
mod found;
pub mod inspect;
pub mod kernel;
pub mod key_type;
pub mod layout;
pub mod listeners;
pub mod lookup;
pub mod managed;
pub mod monitor;
pub mod name;
pub mod objects;
pub mod operation;
pub mod placed;
pub mod placement;
pub mod plan;
pub mod replaced;
pub mod set_fault;
pub mod set_name;
pub mod snapshot;
pub mod target;
pub mod transaction;
pub mod verify;

#[cfg(feature = "nftables")]
pub use self::{
    error::Error,
    target::{Look, Options, Target},
    transaction::Connection,
};
