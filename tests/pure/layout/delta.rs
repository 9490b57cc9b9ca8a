//! A delta, carried out as the kernel does, leads from what is held to what is desired.

use kit::random::Random;
use netfilterd::ip::change::Change;
use netfilterd::ip::{Range, RangeSet};
use netfilterd::nftables::layout::{LaidOut, Row, Rows};
use netfilterd::nftables::plan::{Delta, Differing};

use super::kernel::Kernel;
use super::{Family, Part, for_seeds, hash, sets_of};

/// Carries a delta out, deletes first, and holds what it leads to against what is desired.
#[track_caller]
pub fn leads_to<A: Family>(
    differing: &Differing<A>,
    held: &RangeSet<A>,
    desired: &RangeSet<A>,
    row: &Row,
) {
    let of = |laid_out: &LaidOut<'_, A>| Kernel::of(laid_out, row);
    let (before, after) = (of(&LaidOut::new(held, row)), of(&LaidOut::new(desired, row)));
    let mut kernel = before.clone();
    kernel.delete(&differing.deleted);
    kernel.add(&differing.added);
    assert_eq!(kernel, after, "{row}: {held:?} to {desired:?}");
    // What is both held and desired is not touched.
    assert!(!of(&differing.deleted).meets(&after), "{row}: deleted, and there again");
    assert!(!of(&differing.added).meets(&before), "{row}: added, and there before");
    // What is reported is the difference of the addresses, however it is laid out.
    let difference = Change {
        added: desired.subtract(held).network_count(),
        removed: held.subtract(desired).network_count(),
    };
    assert_eq!(A::delta(differing.clone()).change(), difference, "{row}: {held:?} to {desired:?}");
}

fn a_delta_leads_to_what_is_desired<A: Family>(random: &mut Random) {
    for _ in 0..30 {
        let part = Part::random::<A>(random);
        let held = part.set(random);
        let desired = part.changed(&held, random);
        let row = part.row_for(&[&held, &desired], random);
        let differing = Differing::between(&held, &desired, &row);
        leads_to(&differing, &held, &desired, &row);
        // From the sets of both families to the delta of one.
        let (sets, others) = (A::sets(held), A::sets(desired));
        let delta = Delta::between(&sets, &others, &A::rows(row));
        assert_eq!(delta, A::delta(differing));
    }
}

#[test]
fn a_delta_changes_what_differs_and_nothing_else() {
    for_seeds(
        25,
        a_delta_leads_to_what_is_desired::<u32>,
        a_delta_leads_to_what_is_desired::<u128>,
    );
}

#[test]
fn a_prefix_stays_as_long_as_any_of_it_is_listed() {
    let row = Row {
        prefilter: Some(hash(16, 65536)),
        hashes: vec![hash(24, 100), hash(32, 100)],
        interval: true,
    };
    let changed = |held: &[&str], desired: &[&str]| {
        let (held, desired) = (sets_of(held).v4, sets_of(desired).v4);
        let differing = Differing::between(&held, &desired, &row);
        leads_to(&differing, &held, &desired, &row);
        (differing.deleted.prefixes.len(), differing.added.prefixes.len())
    };
    // Another network of it, in the same set or another; a host; a range that begins before it or ends
    // behind it.
    assert_eq!(changed(&["10.0.0.0/24", "10.0.2.0/24"], &["10.0.2.0/24"]), (0, 0));
    assert_eq!(changed(&["10.0.0.0/24", "10.0.2.7"], &["10.0.2.7"]), (0, 0));
    assert_eq!(changed(&["10.0.0.0/24", "9.0.0.0-10.0.1.0"], &["9.0.0.0-10.0.1.0"]), (0, 0));
    assert_eq!(changed(&["10.0.0.0/24", "10.0.255.9-11.0.0.0"], &["10.0.255.9-11.0.0.0"]), (0, 0));
    // One that comes as the other is removed.
    assert_eq!(changed(&["10.0.0.0/24"], &["10.0.2.0/24"]), (0, 0));
    assert_eq!(changed(&["10.0.0.0/24"], &["10.0.0.0/25"]), (0, 0));
    // The last of it, and the first.
    assert_eq!(changed(&["10.0.0.0/24", "10.1.0.0/24"], &["10.1.0.0/24"]), (1, 0));
    assert_eq!(changed(&["10.1.0.0/24"], &["10.0.0.0/24", "10.1.0.0/24"]), (0, 1));
    assert_eq!(changed(&["10.0.0.0/14"], &["10.0.0.0/15", "10.3.255.255"]), (1, 0));
    assert_eq!(changed(&["255.255.255.255"], &["0.0.0.0"]), (1, 1));
}

#[test]
fn a_range_that_grows_shrinks_merges_or_splits_is_told_from_one_that_comes_or_goes() {
    let changes = |held: &[&str], desired: &[&str]| {
        let (held, desired) = (sets_of(held), sets_of(desired));
        Delta::between(&held, &desired, &Rows::INTERVAL).changes_ranges()
    };
    let held = &["10.0.0.0/24", "10.0.2.0/24", "2001:db8::/32"];
    assert!(!changes(held, held));
    assert!(!changes(held, &["10.0.0.0/24", "10.0.4.0/24", "2001:db8::/32", "::1"]));
    assert!(!changes(held, &["192.0.2.7"]), "nothing of it stays");
    assert!(changes(held, &["10.0.0.0/23", "10.0.4.0/24"]));
    assert!(changes(held, &["10.0.2.0/25"]));
    assert!(changes(held, &["10.0.0.0/22"]));
    assert!(changes(&["10.0.0.0/22"], held));
    assert!(changes(held, &["2001:db8::/33"]));
    // Networks of a hash set are each by itself, however long the range is; so are those of a prefilter.
    let row = Row { prefilter: Some(hash(16, 99)), hashes: vec![hash(24, 99)], interval: true };
    let rows = Rows { v4: row, v6: Row::INTERVAL };
    let (held, desired) = (sets_of(&["10.0.0.0/24"]), sets_of(&["10.0.0.0/22"]));
    assert!(!Delta::between(&held, &desired, &rows).changes_ranges());
    // Beside them, a range that grows is one that does.
    let (held, desired) = (sets_of(&["10.0.0.1-10.0.0.2"]), sets_of(&["10.0.0.1-10.0.0.3"]));
    assert!(Delta::between(&held, &desired, &rows).changes_ranges());
}

#[test]
fn a_delta_counts_networks_however_they_are_laid_out() {
    let change = |held: &[&str], desired: &[&str], row: &Row| {
        let rows = Rows { v4: row.clone(), v6: row.clone() };
        Delta::between(&sets_of(held), &sets_of(desired), &rows).change()
    };
    let hashes = vec![hash(32, 9999)];
    let cut = Row { prefilter: Some(hash(16, 99)), hashes, interval: false };
    for row in [&Row::INTERVAL, &cut] {
        let more = change(&["10.0.0.0/24"], &["10.0.0.0/24", "10.0.1.0/24"], row);
        assert_eq!(more, Change { added: 1, removed: 0 }, "{row}");
        let fewer = change(&["10.0.0.0/24"], &["10.0.0.0/26", "10.0.0.128/25"], row);
        assert_eq!(fewer, Change { added: 0, removed: 1 }, "{row}");
        assert_eq!(change(&["10.0.0.1"], &["10.0.0.1"], row), Change::default());
    }
    let both = change(&["10.0.0.1", "2001:db8::1"], &["10.0.0.2", "2001:db8::2"], &Row::INTERVAL);
    assert_eq!(both, Change { added: 2, removed: 2 });
}

#[test]
fn a_delta_of_ranges_leaves_those_alone_that_are_in_both() {
    let (held, desired) = (sets_of(&["10.0.0.0/24", "10.0.4.0/24"]), sets_of(&["10.0.4.0/24"]));
    let differing = Differing::between(&held.v4, &desired.v4, &Row::INTERVAL);
    let range = |text: &[&str]| -> Vec<Range<u32>> { sets_of(text).v4.ranges().to_vec() };
    assert_eq!(*differing.deleted.ranges, range(&["10.0.0.0/24"]));
    assert!(differing.added.ranges.is_empty());
}

#[cfg(feature = "nftables")]
#[test]
fn a_kernel_that_is_not_known_to_change_ranges_safely_is_taken_for_one_that_does_not() {
    use netfilterd::nftables::kernel::release_changes_ranges_safely;
    let safely = ["6.18.44", "6.18.45-1-arch", "7.0.0", "7.1.0-rc2", "10.3"];
    let not = ["6.1.0-56-cloud-amd64", "6.18.43", "6.18", "6.17.99", "6.19.50", "5.10.0", "", "x"];
    for release in safely {
        assert!(release_changes_ranges_safely(release), "{release}");
    }
    for release in not {
        assert!(!release_changes_ranges_safely(release), "{release}");
    }
}
