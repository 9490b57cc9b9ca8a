//! An IP header to its addresses. Only the fixed part of it is read: options, extension headers and
//! what follows have no say.

/// Bytes of a packet that are needed, of either family.
pub const NEEDED: usize = V6_HEADER;

/// Bytes of an IPv4 header without options, RFC 791.
const V4_HEADER: usize = 20;
/// Bytes of an IPv6 header without extensions, RFC 8200.
const V6_HEADER: usize = 40;

/// Where a packet comes from and goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// IPv4.
    V4 {
        /// Where from.
        source: u32,
        /// Where to.
        destination: u32,
    },
    /// IPv6.
    V6 {
        /// Where from.
        source: u128,
        /// Where to.
        destination: u128,
    },
}

impl Addresses {
    /// Reads the beginning of a packet of `family` (`AF_*`); `None` if it is no header of that
    /// family, or cut off within it.
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
