//! An IP header to its addresses. Only the fixed part of the header is read; options, extension headers
//! and payload are ignored, but for the type of an ICMPv6 message right behind the header.

use crate::ip::neighbour;

/// The bytes of a packet that are needed, for either family.
pub const NEEDED: usize = V6_HEADER + 1;

/// Bytes of an IPv4 header without options, RFC 791.
const V4_HEADER: usize = 20;
/// Bytes of an IPv6 header without extensions, RFC 8200.
const V6_HEADER: usize = 40;

/// The source and destination address of a packet, as numbers in host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Bytes 12 to 19 of an IPv4 header.
    V4 {
        /// The source address.
        source: u32,
        /// The destination address.
        destination: u32,
    },
    /// Bytes 8 to 39 of an IPv6 header.
    V6 {
        /// The source address.
        source: u128,
        /// The destination address.
        destination: u128,
    },
}

impl Addresses {
    /// Reads the first bytes of a packet of `family` (`AF_*`). `None` if they are not a complete header
    /// of that family.
    #[inline]
    pub fn parse(family: u8, packet: &[u8]) -> Option<Self> {
        let version = packet.first()? >> 4;
        match (i32::from(family), version) {
            (libc::AF_INET, 4) => {
                let header: &[u8; V4_HEADER] = packet.first_chunk()?;
                let address = |at: usize| {
                    u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
                };
                Some(Addresses::V4 { source: address(12), destination: address(16) })
            }
            (libc::AF_INET6, 6) => {
                let header: &[u8; V6_HEADER] = packet.first_chunk()?;
                let (_, addresses) = header.split_at(8);
                let (source, destination) = addresses.split_at(16);
                Some(Addresses::V6 {
                    source: u128::from_be_bytes(source.try_into().ok()?),
                    destination: u128::from_be_bytes(destination.try_into().ok()?),
                })
            }
            _ => None,
        }
    }
}

/// Whether a packet is neighbour discovery that comes from the link itself.
pub fn is_neighbour_discovery(packet: &[u8]) -> bool {
    let Some(first) = packet.first_chunk::<NEEDED>() else { return false };
    first[0] >> 4 == 6
        && first[6] == neighbour::ICMPV6
        && first[7] == neighbour::HOP_LIMIT
        && neighbour::TYPES.contains(&first[V6_HEADER])
}
