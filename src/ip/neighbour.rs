//! What tells neighbour discovery from all other packets (RFC 4861): the packets by which hosts of a
//! link find each other and their routers.

use std::ops::RangeInclusive;

/// The number of ICMPv6 in the next header field of an IPv6 header.
pub const ICMPV6: u8 = 58;

/// The hop limit of every packet of neighbour discovery. Each router makes the hop limit of a packet
/// smaller, so a packet that has this one comes from the link itself.
pub const HOP_LIMIT: u8 = 255;

/// The types of ICMPv6: router solicitation and advertisement, neighbour solicitation and advertisement.
/// A redirect, 137, is none of them: without it packets still arrive.
pub const TYPES: RangeInclusive<u8> = 133..=136;
