//! Where range sets are in force, written down for another process that is to look for them there.

use serde::{Deserialize, Serialize};

/// What there is in a table while range sets are in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The name of the sets of IPv4: in the managed tables what their names begin with.
    pub set4: String,
    /// The same of IPv6.
    pub set6: String,
    /// The interfaces that the rules of the managed tables match; `None` if that is all of them.
    #[serde(default)]
    pub interfaces: Option<Vec<String>>,
    /// The sets. Of a family without networks there is none.
    pub sets: Vec<PlacedSet>,
    /// The digest of the range sets ([`RangeSets::digest`](crate::ip::RangeSets::digest)); `None` if they are
    /// too large to be read back.
    #[serde(default)]
    pub digest: Option<u32>,
}

/// A set of nftables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedSet {
    /// Its name.
    pub name: String,
    /// How many elements the kernel counted in it when it was filled; `None` if the kernel does not
    /// count them.
    #[serde(default)]
    pub elements: Option<u32>,
}
