//! Addresses of both families as numbers.
//!
//! An IPv4 address is a `u32`, an IPv6 address a `u128`, both in host byte order. All differences
//! between the families are here; other code is generic.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// An address as an unsigned number in host byte order.
pub trait Address: Copy + Ord + fmt::Debug + Send + Sync + 'static {
    /// The leading bits of an address, as many as a processor compares at once: `u32` or `u64`.
    type Head: Copy + Ord + fmt::Debug + Send + Sync;

    /// Bits in an address: 32 or 128.
    const BITS: u8;
    /// The last address of the family, all ones.
    const MAX: Self;

    /// The next higher address, or `None` after [`Address::MAX`].
    fn next(self) -> Option<Self>;
    /// The next lower address, or `None` before the first of the family.
    fn previous(self) -> Option<Self>;
    /// `self` with the bits behind the first `length` cleared: the first address of its network.
    fn first_of(self, length: u8) -> Self;
    /// `self` with the bits behind the first `length` set: the last address of its network.
    fn last_of(self, length: u8) -> Self;
    /// The number of zero bits at the end of `self`, at most [`Address::BITS`].
    fn trailing_zeros(self) -> u8;
    /// The leading bits of `self`. Heads of ascending addresses ascend.
    fn head(self) -> Self::Head;
    /// The 11 bits of `self` from bit `shift` up.
    fn digit(self, shift: u8) -> u16;
    /// The length of the longest common prefix of both addresses.
    fn common_length(self, other: Self) -> u8;
    /// The number of networks of `length` bits from the network of `first` to the network of `last`.
    fn networks_of(first: Self, last: Self, length: u8) -> u128;
    /// Whether `first..=last` is one network.
    fn is_network(first: Self, last: Self) -> bool;
    /// The smallest number of networks that make up `first..=last`.
    fn networks_between(first: Self, last: Self) -> u32;
    /// The number of addresses in `first..=last`; [`u128::MAX`] for the whole of IPv6, which has one
    /// address more than a `u128` can count.
    fn span(first: Self, last: Self) -> u128;
    /// The address in the type of the standard library, which can be displayed.
    fn to_ip(self) -> IpAddr;
    /// The network of `length` bits that begins at `self`, whose later bits must be zero.
    fn to_net(self, length: u8) -> IpNet;
}

macro_rules! address {
    ($number:ty, $head:ty, $ip:ident, $net:ident, $ip_variant:ident) => {
        impl Address for $number {
            type Head = $head;

            const BITS: u8 = <$number>::BITS as u8;
            const MAX: Self = <$number>::MAX;

            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }
            fn first_of(self, length: u8) -> Self {
                self & !host_bits::<Self>(length)
            }
            fn last_of(self, length: u8) -> Self {
                self | host_bits::<Self>(length)
            }
            fn trailing_zeros(self) -> u8 {
                <$number>::trailing_zeros(self) as u8
            }
            fn head(self) -> $head {
                (self >> (<$number>::BITS - <$head>::BITS)) as $head
            }
            fn digit(self, shift: u8) -> u16 {
                (self >> shift) as u16 & 0x7ff
            }
            fn common_length(self, other: Self) -> u8 {
                (self ^ other).leading_zeros() as u8
            }
            fn networks_of(first: Self, last: Self, length: u8) -> u128 {
                let shift = u32::from(<Self as Address>::BITS - length);
                // A shift by the full width is undefined: then there is one network, of length 0.
                let number = |address: Self| address.checked_shr(shift).unwrap_or(0) as u128;
                (number(last) - number(first)).saturating_add(1)
            }
            #[inline(always)]
            fn is_network(first: Self, last: Self) -> bool {
                // The bits in which the ends differ: all at the end, and none of them in the first address.
                let host = first ^ last;
                host & host.wrapping_add(1) == 0 && first & host == 0
            }
            fn networks_between(first: Self, last: Self) -> u32 {
                let Some(behind) = last.checked_add(1) else {
                    // Up to the end of the address space: a network for each bit of the distance.
                    return if first == 0 { 1 } else { first.wrapping_neg().count_ones() };
                };
                // The highest bit in which the ends differ is where the range is split: below the
                // split networks grow, above they shrink, one for each bit of the distances.
                let split = behind >> (first ^ behind).ilog2() << (first ^ behind).ilog2();
                (split - first).count_ones() + (behind - split).count_ones()
            }
            fn span(first: Self, last: Self) -> u128 {
                (last as u128 - first as u128).saturating_add(1)
            }
            fn to_ip(self) -> IpAddr {
                IpAddr::$ip_variant($ip::from(self))
            }
            fn to_net(self, length: u8) -> IpNet {
                debug_assert!(length <= <Self as Address>::BITS);
                IpNet::$ip_variant($net::new_assert($ip::from(self), length))
            }
        }

        impl HostBits for $number {
            fn host_bits(length: u8) -> Self {
                // A shift by the full width is undefined, hence the checked one.
                <$number>::MAX.checked_shr(length.into()).unwrap_or(0)
            }
        }
    };
}

trait HostBits {
    fn host_bits(length: u8) -> Self;
}

fn host_bits<A: HostBits>(length: u8) -> A {
    A::host_bits(length)
}

address!(u32, u32, Ipv4Addr, Ipv4Net, V4);
address!(u128, u64, Ipv6Addr, Ipv6Net, V6);
