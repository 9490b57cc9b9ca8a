//! The names of the kernel sets in the managed table.
//!
//! Each begins with the name that was asked for with `--set4` or `--set6` and ends in a generation,
//! which is another one for each rebuild: `drop4_g7` holds ranges, `drop4_24_g7` networks of length
//! 24. They are written and read here and nowhere else.

use std::ffi::CString;

use super::name::SetName;

/// What a kernel set of the managed table holds and since when, as its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelSetName {
    /// The prefix length of the networks in a hash set; an interval set has none.
    pub length: Option<u8>,
    /// The generation.
    pub generation: u64,
}

impl KernelSetName {
    /// The name of the set, for a list that goes into `base`.
    pub fn format(self, base: &SetName) -> CString {
        let KernelSetName { length, generation } = self;
        let name = match length {
            Some(length) => format!("{base}_{length}_g{generation}"),
            None => format!("{base}_g{generation}"),
        };
        // A set's name has no NUL, so nothing is ever cut off here.
        CString::new(name).unwrap_or_default()
    }

    /// Reads a name, if it is one of a set for lists that go into `base`: one that
    /// [`KernelSetName::format`] makes, or `base` alone, which is how the script of `netfilterd print
    /// --format nft` calls its sets. That one counts as an interval set of generation 0.
    pub fn parse(name: &[u8], base: &SetName) -> Option<Self> {
        let rest = name.strip_prefix(base.as_str().as_bytes())?;
        if rest.is_empty() {
            return Some(KernelSetName { length: None, generation: 0 });
        }
        let (length, generation) = std::str::from_utf8(rest).ok()?.rsplit_once("_g")?;
        let length = match length.strip_prefix('_') {
            Some(length) => Some(length.parse().ok()?),
            None if length.is_empty() => None,
            None => return None,
        };
        let parsed = KernelSetName { length, generation: generation.parse().ok()? };
        // Numbers can be written in other ways, with zeros in front: such a name is not ours.
        (parsed.format(base).as_bytes() == name).then_some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bases() -> impl Iterator<Item = SetName> {
        let names = ["drop4", "drop6", "_x", "a/b-c_d.e", "drop4_24", "drop4_g7", "x_g", "x_24_g7"];
        names.into_iter().map(|name| name.parse().unwrap())
    }

    /// With and without a length, of generations of all sizes.
    fn names() -> impl Iterator<Item = KernelSetName> {
        let sizes = (0..64).map(|shift| 0x9e37_79b9_7f4a_7c15 >> shift);
        let lengths = [None, Some(0), Some(9), Some(24), Some(128)];
        sizes
            .chain([0, u64::MAX])
            .flat_map(move |generation| lengths.map(|length| KernelSetName { length, generation }))
    }

    #[test]
    fn what_is_written_is_read_again() {
        for base in bases() {
            for name in names() {
                let written = name.format(&base);
                assert_eq!(
                    KernelSetName::parse(written.as_bytes(), &base),
                    Some(name),
                    "{written:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_read_is_written_as_it_was() {
        let base: SetName = "drop4".parse().unwrap();
        // Every short rest of the letters that a name can have.
        let letters = b"_g0179x+";
        let mut read = 0;
        for length in 0..=5u32 {
            for number in 0..letters.len().pow(length) {
                let rest =
                    (0..length).map(|at| letters[number / letters.len().pow(at) % letters.len()]);
                let name: Vec<u8> = b"drop4".iter().copied().chain(rest).collect();
                if let Some(parsed) = KernelSetName::parse(&name, &base) {
                    let bare = KernelSetName { length: None, generation: 0 };
                    let same = parsed.format(&base).as_bytes() == name;
                    assert!(same || parsed == bare && name == b"drop4", "{parsed:?}");
                    read += 1;
                }
            }
        }
        // The name itself; 64 generations of up to three digits of 0, 1, 7 and 9 without one in
        // front that is 0; and 16 of one digit behind a length of one.
        assert_eq!(read, 81);
    }

    #[test]
    fn names_of_other_sets_are_not_read() {
        let base: SetName = "drop4".parse().unwrap();
        for name in [
            "",
            "drop",
            "drop6_g1",
            "drop4x",
            "drop4_",
            "drop4_g",
            "drop4_gx",
            "drop4g1",
            "drop4_x_g1",
            "drop4_24",
            "drop4__g1",
            "drop4_256_g1",
            "drop4_24_25_g1",
            "drop4_024_g1",
            "drop4_24_g01",
            "drop4_g+1",
            "drop4_g18446744073709551616",
            "drop4_g1 ",
            " drop4_g1",
            "drop4_g1\u{e4}",
        ] {
            assert_eq!(KernelSetName::parse(name.as_bytes(), &base), None, "{name:?}");
        }
        assert_eq!(KernelSetName::parse(b"drop4_g\xff", &base), None);
    }
}
