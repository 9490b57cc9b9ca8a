//! What keeps a set from holding networks, and the command that creates one that can.

#![cfg(feature = "nftables")]

use std::fmt;

use super::key_type::KeyType;
use crate::nftables::name::{SetName, TableName};

/// What is wrong with a set for networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetFault {
    /// It is a map.
    Map,
    /// Its keys are something else: their type, as nft numbers them, and their bytes.
    Keys {
        /// The type.
        key_type: u32,
        /// The bytes.
        key_length: u32,
    },
    /// It has no flag interval.
    NoInterval,
    /// It has the flag constant.
    Constant,
    /// It has the flag timeout.
    Timeout,
}

/// What is wrong with a set that should have keys of a type.
pub(super) struct Unsuitable(pub SetFault, pub KeyType);

impl fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unsuitable(fault, keys) = self;
        match fault {
            SetFault::Map => f.write_str("is a map, not a set"),
            SetFault::Keys { key_type, key_length } => write!(
                f,
                "does not hold {} (its key is type {key_type}, {key_length} bytes)",
                keys.what()
            ),
            SetFault::NoInterval => {
                f.write_str("lacks the flag interval, so it cannot hold networks")
            }
            SetFault::Constant => f.write_str("is constant, so it cannot be changed"),
            SetFault::Timeout => f.write_str("has timeouts, by which networks would leave it"),
        }
    }
}

/// The command that creates the set as it should be.
pub(super) struct Create<'a>(pub &'a TableName, pub &'a SetName, pub KeyType);

impl fmt::Display for Create<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Create(table, set, keys) = self;
        write!(f, "nft add set {table} {set} '{{ type {}; flags interval; }}'", keys.name())
    }
}
