//! Range sets into the kernel.
//!
//! In reading order: [`batch`] (what makes a transaction), [`elements`] and [`objects`] (what goes
//! into it), [`transaction`] (the one place that sends), [`listeners`] (whom that concerns),
//! [`inspect`], [`lookup`] and [`counters`] (questions), the two ways of putting range sets in force:
//! [`managed`], in a table of our own, and [`foreign`], in sets of somebody else's; [`kernel`] (where
//! kernels differ in that); and [`target`], which takes the one way or the other and remembers what
//! is in force. [`loader`] makes one load of it, from the lists to the kernel; [`watch`] hears of
//! somebody else's changes, and [`service`] is what the daemon does with both.

pub mod batch;
pub mod counters;
pub mod elements;
pub mod error;
pub mod foreign;
pub mod inspect;
pub mod kernel;
pub mod listeners;
pub mod loader;
pub mod lookup;
pub mod managed;
pub mod objects;
pub mod service;
pub mod target;
pub mod transaction;
pub mod watch;

pub use error::Error;
pub use loader::Loader;
pub use service::Service;
pub use target::{Options, Target};
pub use transaction::Connection;
