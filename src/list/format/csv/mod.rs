//! CSV with a header that names the column, or the two columns, with the network.

mod header;
mod row;
mod rows;

pub use row::Splitter;

use super::reader::{Format, Sign};

const NAME: &str = "CSV";

pub const FORMAT: Format = Format {
    name: NAME,
    sign: Sign::Text(|text| header::find(text).is_some()),
    read: |lines, sink| rows::read(NAME, lines, sink),
};
