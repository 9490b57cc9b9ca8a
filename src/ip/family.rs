//! A pair of values, one for each family.

use std::ops::Add;

/// A value for IPv4 and one for IPv6. Their types differ if they hold addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerFamily<T, U = T> {
    /// The value for IPv4.
    pub v4: T,
    /// The value for IPv6.
    pub v6: U,
}

/// For each family, whether it counts.
pub type Families = PerFamily<bool>;

impl Families {
    /// Both families count, as in a table of family inet.
    pub const BOTH: Families = PerFamily { v4: true, v6: true };
}

impl<T: Default, U: Default> PerFamily<T, U> {
    /// What is of `families`, and what is of the others. In the place of what is not there stands the
    /// default, which for sets is an empty one.
    pub fn split(self, families: Families) -> (Self, Self) {
        let mut ours = PerFamily::default();
        let mut others = PerFamily::default();
        *(if families.v4 { &mut ours.v4 } else { &mut others.v4 }) = self.v4;
        *(if families.v6 { &mut ours.v6 } else { &mut others.v6 }) = self.v6;
        (ours, others)
    }
}

impl<T> PerFamily<T> {
    /// The sum of both values.
    pub fn sum(self) -> T
    where
        T: Add<Output = T>,
    {
        self.v4 + self.v6
    }
}
