//! What the lists ask for: read, parsed, widened, merged and judged.
//!
//! Joins the pure parts in the one order that every command uses, so that `check` runs what the
//! daemon runs. Knows nothing of the kernel.

use std::net::IpAddr;

use crate::guard::Guards;
use crate::list::{self, Contents, Entry, List, ListError, Source};
use crate::mask::{Mask, Widened};
use crate::range::RangeSets;

/// Which lists, and what is made of them.
#[derive(Clone, Debug)]
pub struct Request {
    /// The lists, in their order.
    pub sources: Vec<Source>,
    /// To which prefix lengths entries are widened.
    pub mask: Mask,
    /// Of which families anything is wanted.
    pub families: Families,
}

/// The families that a table sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families {
    /// IPv4.
    pub v4: bool,
    /// IPv6.
    pub v6: bool,
}

impl Families {
    /// Both of them.
    pub const BOTH: Families = Families { v4: true, v6: true };
}

/// What the lists ask for.
pub struct Wanted {
    /// The range sets to put in force.
    pub sets: RangeSets,
    /// Networks of IPv4 in them.
    pub networks4: u64,
    /// The same for IPv6.
    pub networks6: u64,
    /// Addresses that only widening brought in, of IPv4.
    pub added4: u128,
    /// The same for IPv6.
    pub added6: u128,
    /// Networks of a family that is not wanted.
    pub left_out: u64,
    /// What each list held, and which lines were rejected. Its sets have moved to
    /// [`Wanted::sets`].
    pub contents: Contents,
    lists: Vec<List>,
    mask: Mask,
}

impl Wanted {
    /// Reads and merges the lists. Every list must be readable.
    pub fn read(request: &Request) -> Result<Self, ListError> {
        let lists = list::read(&request.sources)?;
        let mut contents = list::parse(&lists)?;
        let mut listed = std::mem::take(&mut contents.sets);
        let mut left_out = 0;
        if !request.families.v4 {
            left_out += std::mem::take(&mut listed.v4).network_count();
        }
        if !request.families.v6 {
            left_out += std::mem::take(&mut listed.v6).network_count();
        }
        let Widened { sets, added4, added6 } = request.mask.widen(listed);
        Ok(Wanted {
            networks4: sets.v4.network_count(),
            networks6: sets.v6.network_count(),
            sets,
            left_out,
            added4,
            added6,
            contents,
            lists,
            mask: request.mask,
        })
    }

    /// Whether the guards let this be put in force.
    pub fn judge(&self, guards: &Guards) -> Result<(), crate::guard::Refusal> {
        guards.judge(self.networks4 + self.networks6, self.contents.rejected())
    }

    /// Goes through the lists again and calls `found` with the entries that each of `addresses`
    /// comes from: the address, then the entry. Costs as much as parsing all lists.
    pub fn trace(&self, addresses: &[IpAddr], mut found: impl FnMut(IpAddr, Origin<'_>)) {
        for list in &self.lists {
            list.scan(
                |line, entry| {
                    for &address in addresses {
                        if let Some(origin) = self.origin(list, line, entry, address) {
                            found(address, origin);
                        }
                    }
                },
                |_, _, _| {},
            );
        }
    }

    fn origin<'a>(
        &self,
        list: &'a List,
        line: u64,
        entry: Entry,
        address: IpAddr,
    ) -> Option<Origin<'a>> {
        let widened = match (entry, address) {
            (Entry::V4(range), IpAddr::V4(address)) => {
                let wide = self.mask.widen4(range);
                wide.contains(address.into()).then_some(wide != range)?
            }
            (Entry::V6(range), IpAddr::V6(address)) => {
                let wide = self.mask.widen6(range);
                wide.contains(address.into()).then_some(wide != range)?
            }
            _ => return None,
        };
        Some(Origin { list: list.name(), line, entry, widened })
    }

    /// The first entry that `address` comes from, as `FILE:LINE`.
    pub fn first_origin(&self, address: IpAddr) -> Option<String> {
        let mut first = None;
        self.trace(&[address], |_, origin| {
            first.get_or_insert_with(|| format!("{}:{}", origin.list, origin.line));
        });
        first
    }
}

/// An entry that an address comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The list, by name.
    pub list: &'a str,
    /// The line, from 1.
    pub line: u64,
    /// The entry as it is written.
    pub entry: Entry,
    /// Whether the mask made it wider than that.
    pub widened: bool,
}
