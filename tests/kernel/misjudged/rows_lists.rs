//! Lists for which a certain row of look-ups is chosen, and sources around what changes in them.
//!
//! Both families are alike: a prefix is what a prefilter may tell apart, and 256 units make it up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::judge::Probe;
use super::lists::Family;

/// How long the prefixes and units of a list are.
#[derive(Clone, Copy)]
pub struct Space {
    pub family: Family,
    /// Bits of a prefix. Its units have eight more.
    pub prefix: u8,
}

impl Space {
    pub const V4: Space = Space { family: Family::V4, prefix: 16 };
    pub const V6: Space = Space { family: Family::V6, prefix: 32 };
    /// Units of /32: their keys are compared as numbers, as those of a prefilter are.
    pub const WIDE6: Space = Space { family: Family::V6, prefix: 24 };

    /// The first address of a unit, or one so far from it.
    fn address(self, prefix: u32, unit: u32, offset: i64) -> IpAddr {
        match self.family {
            Family::V4 => {
                let first = prefix.wrapping_shl(16).wrapping_add(unit << 8);
                Ipv4Addr::from_bits(first.wrapping_add_signed(offset as i32)).into()
            }
            Family::V6 => {
                let first = u128::from(prefix) << (128 - self.prefix);
                let unit = u128::from(unit) << (120 - self.prefix);
                Ipv6Addr::from_bits((first + unit).wrapping_add_signed(offset.into())).into()
            }
        }
    }

    /// The prefix of a number, of which there are 48,000 of IPv4 and 32,000 of IPv6; none of them is one of a
    /// site.
    fn prefix(self, number: u32) -> u32 {
        match self.family {
            // From 32.0.0.0 on, without what is special.
            Family::V4 => {
                let private = [0xac10..0xac20, 0xc0a8..0xc0a9, 0x6440..0x6480];
                let others = [0x7f00..0x8000, 0xa9fe..0xa9ff, 0xc612..0xc614];
                let documents = [0xc000..0xc001, 0xc633..0xc634, 0xcb00..0xcb01];
                let mut special = [private, others, documents].concat();
                special.sort_by_key(|prefixes| prefixes.start);
                let mut prefix = 0x2000 + number;
                for special in special {
                    if prefix >= special.start {
                        prefix += special.end - special.start;
                    }
                }
                prefix
            }
            // All over 256 blocks of /16, and each in another /24.
            Family::V6 => {
                let first = 0x2800 + number % 256;
                self.wide(first, number / 256)
            }
        }
    }

    /// The prefix with these first 16 bits and these eight behind them.
    fn wide(self, first: u32, behind: u32) -> u32 {
        ((first << 8) + behind) << (self.prefix - 24)
    }

    /// One of the prefixes of a site, of which each has four. Those of IPv4 share a byte of a bitmap.
    fn of_site(self, site: Site, which: u32) -> u32 {
        match self.family {
            Family::V4 => ((20 + which) << 8) + 4 * site as u32,
            Family::V6 => self.wide(0x2600 + which, 4 * site as u32),
        }
    }

    fn unit(self, prefix: u32, unit: u32) -> String {
        format!("{}/{}\n", self.address(prefix, unit, 0), self.prefix + 8)
    }

    fn host(self, prefix: u32, unit: u32, offset: i64) -> String {
        format!("{}\n", self.address(prefix, unit, offset))
    }

    fn range(self, prefix: u32, first: (u32, i64), last: (u32, i64)) -> String {
        let [first, last] = [first, last].map(|(unit, offset)| self.address(prefix, unit, offset));
        format!("{first}-{last}\n")
    }
}

/// What most of a list is: so many entries, spread over so many prefixes.
#[derive(Clone, Copy)]
pub enum Crowd {
    Units(u32, u32),
    Hosts(u32, u32),
    /// Ranges that no network of a common length is.
    Ranges(u32, u32),
}

impl Crowd {
    /// The entries. Of so many one is another one in the second list.
    pub fn entries(self, space: Space, one_in: u32, second: bool) -> String {
        let (Crowd::Units(count, prefixes)
        | Crowd::Hosts(count, prefixes)
        | Crowd::Ranges(count, prefixes)) = self;
        let entry = |i: u32| {
            let (prefix, block) = (space.prefix(i % prefixes), 4 * (i / prefixes));
            let moved = if second && i % one_in == 0 { 1 } else { 0 };
            match self {
                Crowd::Units(..) => space.unit(prefix, block % 256 + 2 * moved),
                // Beside the units, and never beside each other.
                Crowd::Hosts(..) => {
                    space.host(prefix, block % 256 + 1, (9 + 4 * (block / 256) + 2 * moved).into())
                }
                // Away from the units. One that moves has no address of where it was.
                Crowd::Ranges(..) => {
                    let unit = (block + 128) % 256 + 2 * moved;
                    let (first, last) = (3 + i64::from(i % 60), 90 + i64::from(i % 40));
                    space.range(prefix, (unit, first), (unit + 1, last))
                }
            }
        };
        (0..count).map(entry).collect()
    }
}

/// What there is to be misjudged, each in prefixes of its own.
#[derive(Clone, Copy, Debug)]
pub enum Site {
    /// A unit that stays, the only one of its prefix. Units of other prefixes come and go.
    Alone,
    /// A unit that stays, while all others of its prefix come and go: other ones in one prefix, all or
    /// none in another.
    Among,
    /// A unit that stays, while all others of its prefix come and go with the prefix as a whole.
    Whole,
    /// A unit that stays, and becomes part of a longer range and of a shorter one.
    Stretching,
    /// A host that stays, in a range that becomes longer and shorter.
    Shrinking,
    /// A host that stays between two that are not listed.
    Between,
    /// A host that is listed in a unit, and by itself.
    Moving,
}

impl Site {
    /// The entries that decide about the sources.
    pub fn entries(self, space: Space, second: bool) -> String {
        let prefix = |which| space.of_site(self, which);
        let unit = |which, unit| space.unit(prefix(which), unit);
        let units = |which, first: u32, count: u32| -> String {
            (0..count).map(|i| unit(which, first + 2 * i)).collect()
        };
        let host = |offset| space.host(prefix(0), 9, offset);
        match (self, second) {
            (Site::Alone, false) => unit(0, 5) + &unit(3, 5),
            (Site::Alone, true) => unit(0, 5) + &unit(1, 5) + &unit(2, 5),
            (Site::Among, false) => units(0, 0, 20) + &unit(0, 128) + &unit(1, 128),
            (Site::Among, true) => {
                units(0, 60, 20) + &unit(0, 128) + &units(1, 2, 20) + &unit(1, 128)
            }
            (Site::Whole, false) => unit(0, 77),
            (Site::Whole, true) => {
                format!("{}/{}\n", space.address(prefix(0), 0, 0), space.prefix)
            }
            (Site::Stretching, false) => unit(0, 100) + &space.range(prefix(1), (9, 3), (9, 90)),
            (Site::Stretching, true) => {
                unit(0, 99)
                    + &unit(0, 100)
                    + &unit(0, 101)
                    + &space.range(prefix(1), (9, 7), (9, 70))
            }
            (Site::Shrinking, false) => unit(0, 100),
            (Site::Shrinking, true) => space.range(prefix(0), (100, 5), (100, 9)),
            (Site::Between, false) => host(5) + &host(7),
            (Site::Between, true) => host(7) + &host(9),
            (Site::Moving, false) => unit(0, 100),
            (Site::Moving, true) => space.host(prefix(0), 100, 7),
        }
    }

    /// The sources: of listed networks the first and the last address, where a mistake by one shows.
    pub fn probes(self, space: Space) -> Vec<Probe> {
        let listed: &[(u32, u32, i64)] = match self {
            Site::Alone => &[(0, 5, 0), (0, 6, -1)],
            Site::Among => &[(0, 128, 7), (1, 128, 7)],
            Site::Whole => &[(0, 77, 0), (0, 78, -1)],
            Site::Stretching => &[(0, 100, 0), (0, 101, -1), (1, 9, 7), (1, 9, 70)],
            Site::Shrinking => &[(0, 100, 7)],
            Site::Between => &[(0, 9, 7)],
            Site::Moving => &[(0, 100, 7)],
        };
        let unlisted: &[(u32, u32, i64)] = match self {
            Site::Alone => &[(0, 4, 7), (1, 9, 7), (3, 9, 7)],
            Site::Among => &[(0, 1, 7), (0, 200, 7), (1, 1, 7)],
            Site::Whole => &[(0, 256, 0)],
            Site::Stretching => &[(0, 98, 7), (0, 102, 0), (1, 9, 2), (1, 9, 91)],
            Site::Shrinking => &[(0, 99, 7)],
            Site::Between => &[(0, 9, 6), (0, 9, 8)],
            Site::Moving => &[(0, 101, 0)],
        };
        let probe = |is_listed| {
            move |&(which, unit, offset): &(u32, u32, i64)| Probe {
                address: space.address(space.of_site(self, which), unit, offset),
                is_listed,
                what: format!("{self:?}"),
            }
        };
        listed.iter().map(probe(true)).chain(unlisted.iter().map(probe(false))).collect()
    }
}
