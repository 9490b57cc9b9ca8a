//! An IP header to its addresses. Only the fixed part of the header is read; options, extension headers
//! and payload are ignored.

/// The bytes of a packet that are needed, for either family.
pub const NEEDED: usize = V6_HEADER;

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
