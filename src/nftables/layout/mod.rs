//! How a range set is laid out in kernel sets.
//!
//! Pure. A layout is a [`Row`] of look-ups for each family, which a packet goes through until one of
//! them ends its way. Whatever the row, the addresses that it drops are exactly those of the range set.
//!
//! * [`mod@row`]: which look-ups there are, and what their sets are.
//! * [`mod@census`]: what a list is like: how many networks of each length.
//! * [`mod@cost`]: what a row costs a packet, in memory, and to load, by constants that were measured.
//! * [`mod@choose`]: the cheapest row for a list.
//! * [`mod@expected`]: the choice as a sentence.
//! * [`mod@filled`]: how full the sets of a row are.
//! * [`mod@laid_out`]: a range set as the elements of the sets of a row.

pub mod census;
pub mod choose;
pub mod cost;
pub mod expected;
pub mod filled;
pub mod laid_out;
pub mod row;

use crate::ip::{PerFamily, RangeSets};

pub use census::Census;
pub use filled::{Filled, FilledRow};
pub use laid_out::{LaidOut, SetElements};
pub use row::{Elements, Hash, Row, SetKind};

/// The layout that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// in the managed tables the look-ups that cost an unlisted packet least, else interval
    #[default]
    Auto,
    /// One interval set a family
    Interval,
    /// A hash set for networks of one length, an interval set for the rest
    Hash,
}

impl Layout {
    /// Whether it needs the managed tables, since its look-ups are rules of their own kind.
    pub fn needs_managed_table(self) -> bool {
        match self {
            Layout::Auto | Layout::Interval => false,
            Layout::Hash => true,
        }
    }
}

/// The rows of both families.
pub type Rows = PerFamily<Row>;

impl Rows {
    /// One interval set a family.
    pub const INTERVAL: Rows = Rows { v4: Row::INTERVAL, v6: Row::INTERVAL };

    /// The rows for `sets`.
    pub fn choose(sets: &RangeSets, layout: Layout) -> Self {
        Rows {
            v4: choose::row(&Census::of(&sets.v4), layout),
            v6: choose::row(&Census::of(&sets.v6), layout),
        }
    }
}
