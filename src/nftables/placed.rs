//! Which kernel sets of the managed tables hold range sets: by a generation and shapes, or by their names.

#![cfg(feature = "nftables")]

use crate::nftables::layout::{Hash, Shape, Shapes};
use crate::nftables::name::SetNames;
use crate::nftables::set_name::KernelSetName;

/// Which sets of the table the rules look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The generation in their names.
    pub(super) generation: u64,
    /// Their shapes.
    pub shapes: Shapes,
}

impl Placed {
    /// The sets called `names`, by what stands in their names; `None` if they are not sets of one
    /// generation for lists that go into `bases`.
    pub fn by_names<'a>(names: impl Iterator<Item = &'a str>, bases: &SetNames) -> Option<Self> {
        let none = Shape { hash: None, interval: false };
        let mut shapes = Shapes { v4: none, v6: none };
        let mut generation = None;
        for name in names {
            let parse = |base| KernelSetName::parse(name.as_bytes(), base);
            let (shape, name) = match (parse(&bases.v4), parse(&bases.v6)) {
                (Some(name), _) => (&mut shapes.v4, name),
                (None, Some(name)) => (&mut shapes.v6, name),
                (None, None) => return None,
            };
            match name.length {
                Some(length) => shape.hash = Some(Hash { length, size: 0 }),
                None => shape.interval = true,
            }
            if *generation.get_or_insert(name.generation) != name.generation {
                return None;
            }
        }
        // Without sets there are no rules, whatever the generation.
        Some(Placed { generation: generation.unwrap_or(0), shapes })
    }
}
