//! Ranges of addresses.
//!
//! Knows nothing of lists, masks or kernels. One implementation serves both families.

use std::fmt;

use ipnet::IpNet;

use super::address::Address;

/// First and last address, both included; `first <= last` always holds. Outside this folder nobody can
/// build one that breaks the rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range<A> {
    pub(super) first: A,
    pub(super) last: A,
}

impl<A: Address> Range<A> {
    /// Extends the range to `last`, unless it already reaches further.
    #[inline]
    pub(super) fn reach(&mut self, last: A) {
        self.last = self.last.max(last);
    }

    /// The range `first..=last`, or `None` if `last` lies before `first`.
    #[inline]
    pub fn new(first: A, last: A) -> Option<Self> {
        (first <= last).then_some(Range { first, last })
    }

    /// The range of one address.
    #[inline]
    pub fn host(address: A) -> Self {
        Range { first: address, last: address }
    }

    /// The network of `length` bits that holds `address`; a `length` above [`Address::BITS`]
    /// counts as a host.
    #[inline]
    pub fn network(address: A, length: u8) -> Self {
        Range { first: address.first_of(length), last: address.last_of(length) }
    }

    /// The lowest address of the range.
    #[inline]
    pub fn first(self) -> A {
        self.first
    }

    /// The highest address of the range, included.
    #[inline]
    pub fn last(self) -> A {
        self.last
    }

    /// Whether `address` lies in the range.
    pub fn contains(self, address: A) -> bool {
        self.first <= address && address <= self.last
    }

    /// Whether the two ranges have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// The number of addresses in the range, [`u128::MAX`] for the whole of IPv6.
    pub fn addresses(self) -> u128 {
        A::span(self.first, self.last)
    }

    /// The fewest networks that hold exactly this range, ascending.
    pub fn networks(self) -> Networks<A> {
        Networks { rest: Some(self) }
    }

    /// The number of networks that [`Range::networks`] yields.
    #[inline]
    pub(super) fn network_count(self) -> u64 {
        // Most ranges are a host or a network, which is seen at once.
        match A::is_network(self.first, self.last) {
            true => 1,
            false => A::networks_between(self.first, self.last).into(),
        }
    }

    /// The range in its shortest form: a network where it is one, else `first-last`.
    pub fn network_or_range(self) -> NetworkOrRange<A> {
        NetworkOrRange(self)
    }
}

impl<A: Address> fmt::Display for Range<A> {
    /// `first-last`, also for a single address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first.to_ip(), self.last.to_ip())
    }
}

impl<A: Address> fmt::Debug for Range<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Shows a range in its shortest form, from [`Range::network_or_range`].
pub struct NetworkOrRange<A>(Range<A>);

impl<A: Address> fmt::Display for NetworkOrRange<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut networks = self.0.networks();
        match (networks.next(), networks.next()) {
            (Some(network), None) => network.fmt(f),
            _ => self.0.fmt(f),
        }
    }
}

/// The networks of a range, from [`Range::networks`].
pub struct Networks<A> {
    rest: Option<Range<A>>,
}

impl<A: Address> Iterator for Networks<A> {
    type Item = IpNet;

    fn next(&mut self) -> Option<IpNet> {
        self.next_range().map(|(range, length)| range.first.to_net(length))
    }
}

impl<A: Address> Networks<A> {
    /// The next network as a range, and its prefix length.
    #[inline]
    pub fn next_range(&mut self) -> Option<(Range<A>, u8)> {
        let range = self.rest?;
        // The largest network that begins at `first` is limited by how `first` is aligned and by
        // `last`; each step at least halves what is left to the end of an aligned block, so a
        // range yields at most 2 * BITS - 2 networks.
        let mut length = A::BITS - range.first.trailing_zeros();
        while range.first.last_of(length) > range.last {
            length += 1;
        }
        let last = range.first.last_of(length);
        self.rest = last.next().and_then(|next| Range::new(next, range.last));
        Some((Range { first: range.first, last }, length))
    }
}
