//! The names of the kernel sets in the managed tables.
//!
//! Each begins with the name that was asked for with `--set4` or `--set6` and ends in a generation,
//! which is another one for each rebuild: `drop4_g7` holds ranges, `drop4_24_g7` networks of length
//! 24, `drop4_first16_g7` the first 16 bits of what other sets hold. They are written and read here and
//! nowhere else. The sets of a script have the same names without a generation: `drop4_24`.

use std::ffi::CString;

use super::layout::SetKind;
use super::name::SetName;

/// What stands before the number of bits that a prefilter holds.
const FIRST: &str = "first";

/// What a kernel set of a managed table holds and since when, as its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelSetName {
    /// What it holds.
    pub content: Content,
    /// The generation.
    pub generation: u64,
}

/// What a kernel set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Ranges.
    Ranges,
    /// Networks of a prefix length.
    Networks(u8),
    /// The first bits of addresses, as many as this.
    Prefixes(u8),
}

impl From<SetKind> for Content {
    fn from(kind: SetKind) -> Self {
        match kind {
            SetKind::Prefilter(hash) => Content::Prefixes(hash.length),
            SetKind::Hash(hash) => Content::Networks(hash.length),
            SetKind::Interval => Content::Ranges,
        }
    }
}

impl Content {
    /// The name without a generation, for a list that goes into `base`.
    pub fn name(self, base: &SetName) -> String {
        match self {
            Content::Ranges => base.to_string(),
            Content::Networks(length) => format!("{base}_{length}"),
            Content::Prefixes(length) => format!("{base}_{FIRST}{length}"),
        }
    }
}

impl KernelSetName {
    /// The name of the set, for a list that goes into `base`.
    pub fn format(self, base: &SetName) -> CString {
        let KernelSetName { content, generation } = self;
        // A set's name has no NUL, so nothing is ever cut off here.
        CString::new(format!("{}_g{generation}", content.name(base))).unwrap_or_default()
    }

    /// Reads a name, if it is one of a set for lists that go into `base`: with a generation, and
    /// perhaps a length. Zeros may stand before a number.
    pub fn parse(name: &[u8], base: &SetName) -> Option<Self> {
        let rest = name.strip_prefix(base.as_str().as_bytes())?;
        let (content, generation) = std::str::from_utf8(rest).ok()?.rsplit_once("_g")?;
        let content = match (content.strip_prefix('_'), content.is_empty()) {
            (None, true) => Content::Ranges,
            (None, false) => return None,
            (Some(content), _) => match content.strip_prefix(FIRST) {
                Some(length) => Content::Prefixes(length.parse().ok()?),
                None => Content::Networks(content.parse().ok()?),
            },
        };
        Some(KernelSetName { content, generation: generation.parse().ok()? })
    }
}

/// Whether a kernel set for lists that go into `one` could have the name of a set for the other: one
/// name is the other and what looks like a length or a generation.
pub fn are_confusable(one: &SetName, other: &SetName) -> bool {
    let looks_like = |base: &SetName, name: &SetName| {
        let kernel_set = KernelSetName { content: Content::Ranges, generation: 1 }.format(name);
        [name.as_str().as_bytes(), kernel_set.as_bytes()]
            .iter()
            .any(|name| KernelSetName::parse(name, base).is_some())
    };
    one == other || looks_like(one, other) || looks_like(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ip::{Range, RangeSet};
    use crate::nftables::layout::Census;

    #[test]
    fn names_are_confusable_if_kernel_sets_of_both_could_have_one_name() {
        for one in bases() {
            for other in bases() {
                let of = |base: &SetName| -> Vec<CString> {
                    let own = CString::new(base.as_str()).unwrap();
                    names().map(|name| name.format(base)).chain([own]).collect()
                };
                let (of_one, of_other) = (of(&one), of(&other));
                let shared = of_one.iter().any(|name| of_other.contains(name));
                assert_eq!(are_confusable(&one, &other), shared, "{one} {other}");
            }
        }
    }

    fn bases() -> impl Iterator<Item = SetName> {
        let names = [
            "drop4",
            "drop6",
            "_x",
            "a/b-c_d.e",
            "drop4_24",
            "drop4_g7",
            "x_g",
            "x",
            "x_24_g7",
            "x_first16",
        ];
        names.into_iter().map(|name| name.parse().unwrap())
    }

    /// With and without a length, of generations of all sizes.
    fn names() -> impl Iterator<Item = KernelSetName> {
        let sizes = (0..64).map(|shift| 0x9e37_79b9_7f4a_7c15 >> shift);
        let contents = [
            Content::Ranges,
            Content::Networks(0),
            Content::Networks(9),
            Content::Networks(24),
            Content::Networks(128),
            Content::Prefixes(0),
            Content::Prefixes(16),
        ];
        sizes.chain([0, 7, u64::MAX]).flat_map(move |generation| {
            contents.map(|content| KernelSetName { content, generation })
        })
    }

    #[test]
    fn the_longest_name_that_can_be_given_leaves_room_for_what_comes_behind_it() {
        let longest = (1..256).rev().find_map(|length| "x".repeat(length).parse::<SetName>().ok());
        let base = longest.unwrap();
        let mut contents = vec![Content::Ranges, Content::Networks(128)];
        let lists = RangeSet::from_ranges(vec![Range::host(1u128)]);
        let prefilters = Census::of(&lists).prefixes.into_iter();
        contents.extend(prefilters.map(|(length, _)| Content::Prefixes(length)));
        let names = contents.into_iter().map(|content| {
            KernelSetName { content, generation: 9_999_999_999_999_999 }.format(&base)
        });
        // With its NUL the kernel takes 256 bytes.
        assert_eq!(names.map(|name| name.as_bytes_with_nul().len()).max(), Some(256));
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
    fn what_is_read_is_written_as_it_was_but_for_zeros_before_a_number() {
        let base: SetName = "drop4".parse().unwrap();
        // Every short rest of the letters that a name can have.
        let letters = b"_g0179x";
        let (mut read, mut same) = (0, 0);
        for length in 0..=5u32 {
            for number in 0..letters.len().pow(length) {
                let rest =
                    (0..length).map(|at| letters[number / letters.len().pow(at) % letters.len()]);
                let name: Vec<u8> = b"drop4".iter().copied().chain(rest).collect();
                let Some(parsed) = KernelSetName::parse(&name, &base) else { continue };
                let written = parsed.format(&base);
                // Only zeros before a number are lost, and such a name is longer.
                assert!(written.as_bytes() == name || written.as_bytes().len() < name.len());
                assert_eq!(KernelSetName::parse(written.as_bytes(), &base), Some(parsed));
                read += 1;
                same += u32::from(written.as_bytes() == name);
            }
        }
        // Generations of one to three of the digits 0, 1, 7 and 9, and those of one behind a length
        // of one. Without a zero in front: 4, 12 and 48 of them, and the same 16.
        assert_eq!((read, same), (4 + 16 + 64 + 16, 4 + 12 + 48 + 16));
    }

    #[test]
    fn zeros_before_a_number_count_for_nothing() {
        let base: SetName = "drop4".parse().unwrap();
        let read = |name: &str| KernelSetName::parse(name.as_bytes(), &base);
        let set = |content, generation| Some(KernelSetName { content, generation });
        assert_eq!(read("drop4_024_g1"), set(Content::Networks(24), 1));
        assert_eq!(read("drop4_24_g01"), set(Content::Networks(24), 1));
        assert_eq!(read("drop4_first016_g1"), set(Content::Prefixes(16), 1));
        assert_eq!(read("drop4_g007"), set(Content::Ranges, 7));
    }

    #[test]
    fn names_of_other_sets_are_not_read() {
        let base: SetName = "drop4".parse().unwrap();
        for name in [
            "",
            "drop",
            "drop4",
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
            "drop4_first_g1",
            "drop4_firstx_g1",
            "drop4_first256_g1",
            "drop4_16first_g1",
            "drop4first16_g1",
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
