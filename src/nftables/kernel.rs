//! Where kernels differ in what a packet meets while an interval set is changed.
//!
//! Newer ones look interval sets up in an array that each commit makes anew. Older ones look them
//! up in the tree that the commit works on: an element that begins nearer to the address hides the
//! one that holds it, also if it is not in force yet or any more. While a transaction moves an address
//! from one element to another, packets from that address pass there.

#![cfg(feature = "nftables")]

/// The first release that is known to have the array. It came with Linux 7.0, and was seen in
/// 6.18.44; which others have it is not known.
const ARRAY: (u32, u32, u32) = (6, 18, 44);

/// Whether an address can go from one element of an interval set to another, in one transaction,
/// with every packet judged right.
pub fn changes_ranges_safely() -> bool {
    // A release that cannot be found out is taken for an old one.
    nix::sys::utsname::uname()
        .is_ok_and(|names| names.release().to_str().is_some_and(release_changes_ranges_safely))
}

/// The same of a kernel by its release, as `uname -r` has it: 6.18.44.
pub fn release_changes_ranges_safely(release: &str) -> bool {
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let (major, minor, patch) = (next(), next(), next());
    major >= 7 || (major, minor) == (ARRAY.0, ARRAY.1) && patch >= ARRAY.2
}
