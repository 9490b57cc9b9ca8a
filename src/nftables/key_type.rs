//! The types of keys that sets of addresses have.

#![cfg(feature = "nftables")]

use super::constants::{TYPE_IP6ADDR, TYPE_IPADDR};
use crate::ip::PerFamily;

/// The type of a set's keys, as nft knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// IPv4 addresses.
    V4,
    /// IPv6 addresses.
    V6,
}

impl KeyType {
    /// Both of them.
    pub const ALL: [KeyType; 2] = [KeyType::V4, KeyType::V6];

    /// As it is written in nft.
    pub fn name(self) -> &'static str {
        match self {
            KeyType::V4 => "ipv4_addr",
            KeyType::V6 => "ipv6_addr",
        }
    }

    /// What such keys are.
    pub fn what(self) -> &'static str {
        match self {
            KeyType::V4 => "IPv4 addresses",
            KeyType::V6 => "IPv6 addresses",
        }
    }

    /// Bits of an address.
    pub fn bits(self) -> u8 {
        match self {
            KeyType::V4 => 32,
            KeyType::V6 => 128,
        }
    }

    /// The number that nft gives the type, and the bytes of a key.
    pub fn number_and_length(self) -> (u32, u32) {
        match self {
            KeyType::V4 => (TYPE_IPADDR, 4),
            KeyType::V6 => (TYPE_IP6ADDR, 16),
        }
    }

    /// The one of two values that is for the family of such keys.
    pub fn of<T>(self, values: &PerFamily<T>) -> &T {
        match self {
            KeyType::V4 => &values.v4,
            KeyType::V6 => &values.v6,
        }
    }
}
