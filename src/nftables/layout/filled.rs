//! How full the sets of a row are.

use super::Rows;
use super::row::{Elements, Row};
use crate::ip::{PerFamily, RangeSets};

/// A row whose sets hold a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilledRow {
    /// The row.
    pub row: Row,
    /// How many elements its sets have.
    pub elements: Elements,
    /// How many elements were added and deleted since the row was chosen for the list.
    pub changed: u64,
}

impl FilledRow {
    /// A row that was filled just now.
    pub fn new(row: Row, elements: Elements) -> Self {
        FilledRow { row, elements, changed: 0 }
    }

    /// Whether so much has changed that another row may be cheaper by now.
    pub fn has_drifted(&self) -> bool {
        self.changed > self.elements.all() / 8
    }
}

/// The rows of both families.
pub type Filled = PerFamily<FilledRow>;

impl Filled {
    /// Empty sets of rows.
    pub fn empty(rows: &Rows) -> Self {
        let empty = |row: &Row| FilledRow::new(row.clone(), Elements::none(row));
        Filled { v4: empty(&rows.v4), v6: empty(&rows.v6) }
    }

    /// The sets of rows that hold `sets` and nothing else.
    pub fn with(rows: Rows, sets: &RangeSets) -> Self {
        let (v4, v6) = (rows.v4.count(&sets.v4), rows.v6.count(&sets.v6));
        Filled { v4: FilledRow::new(rows.v4, v4), v6: FilledRow::new(rows.v6, v6) }
    }
}
