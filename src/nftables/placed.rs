//! Which kernel sets of the managed tables hold range sets: by a generation and rows, or by their names.

#![cfg(feature = "nftables")]

use crate::nftables::layout::{Hash, Row, Rows};
use crate::nftables::name::SetNames;
use crate::nftables::set_name::{Content, KernelSetName};

/// Which sets of the table the rules look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The generation in their names.
    pub(super) generation: u64,
    /// The rows of look-ups in them.
    pub rows: Rows,
}

impl Placed {
    /// The sets called `names`, in the order of look-up, by what stands in their names; `None` if they
    /// are not sets of one generation for lists that go into `bases`.
    pub fn by_names<'a>(names: impl Iterator<Item = &'a str>, bases: &SetNames) -> Option<Self> {
        let mut rows = Rows { v4: Row::NONE, v6: Row::NONE };
        let mut generation = None;
        for name in names {
            let parse = |base| KernelSetName::parse(name.as_bytes(), base);
            let (row, bits, name) = match (parse(&bases.v4), parse(&bases.v6)) {
                (Some(name), _) => (&mut rows.v4, u32::BITS, name),
                (None, Some(name)) => (&mut rows.v6, u128::BITS, name),
                (None, None) => return None,
            };
            match name.content {
                Content::Networks(length) | Content::Prefixes(length)
                    if u32::from(length) > bits =>
                {
                    return None;
                }
                Content::Ranges => row.interval = true,
                Content::Networks(length) => row.hashes.push(Hash { length, size: 0 }),
                Content::Prefixes(length) => row.prefilter = Some(Hash { length, size: 0 }),
            }
            if *generation.get_or_insert(name.generation) != name.generation {
                return None;
            }
        }
        // Without sets there are no rules, whatever the generation.
        Some(Placed { generation: generation.unwrap_or(0), rows })
    }
}
