//! The same measurement of ways that are wrong: it shows that the other tests would notice.

use netfilterd::ip::{PerFamily, RangeSets};
use netfilterd::nftables::Connection;
use netfilterd::nftables::batch::Batch;
use netfilterd::nftables::chains;
use netfilterd::nftables::elements::{self, Action};
use netfilterd::nftables::kernel;
use netfilterd::nftables::key_type::KeyType;
use netfilterd::nftables::layout::{Hash, LaidOut, Row, Rows, SetElements};
use netfilterd::nftables::name::{SetNames, TableName, Tables};
use netfilterd::nftables::objects::{self, KernelSet};

use super::judge::*;
use super::lists::{Change, both, parsed, probes};
use super::rows_lists::{Site, Space};

/// New interval sets are created, filled and taken into use in one transaction. It looks atomic,
/// and for rules it is. But where interval sets are looked up in an array of their own, made for
/// each transaction, that array is published at the end of the commit, when the rules have
/// switched already: until then the new sets are empty. Older kernels look the tree itself up,
/// and there it does no harm.
#[test]
#[ignore = "needs root: network namespaces"]
fn a_set_that_is_filled_and_taken_into_use_in_one_transaction_lets_packets_through() {
    let _alone = alone();
    let wire = wire_of_probes(&probes());
    let lists = both(Change::Complete).map(parsed);
    let tables = Tables::managed();
    // A connection belongs to the thread that opened it.
    let outcome = wire.inside.within(|| {
        let mut connection = Connection::open().unwrap();
        let (mut turn, mut old) = (0, Vec::new());
        let mut reload = || {
            let new = kernel_sets(turn as u64);
            let batch = everything_at_once(&tables, &new, &lists[turn % 2], &old);
            connection.commit(batch).unwrap();
            (turn, old) = (turn + 1, new);
        };
        reload();
        measure(&wire, &probes(), Share::few(), reload)
    });
    println!("fill and use in one transaction: {}", outcome.summary());
    if kernel::changes_ranges_safely() {
        assert!(outcome.let_through() > 0, "a way known to be wrong where there is the array");
    } else {
        println!("whether that is wrong on this kernel is not known");
    }
}

/// The two sets of a generation.
fn kernel_sets(generation: u64) -> Vec<KernelSet> {
    named(&Rows::INTERVAL, generation)
}

fn named(rows: &Rows, generation: u64) -> Vec<KernelSet> {
    let names = SetNames { v4: "drop4".parse().unwrap(), v6: "drop6".parse().unwrap() };
    KernelSet::all(&names, rows, generation)
}

/// The transaction that should have been two: `kernel_sets` are filled and looked up from now on,
/// and `old` ones go.
fn everything_at_once(
    tables: &PerFamily<TableName>,
    kernel_sets: &[KernelSet],
    sets: &RangeSets,
    old: &[KernelSet],
) -> Batch {
    let mut batch = Batch::new();
    for keys in KeyType::ALL {
        objects::add_table(&mut batch, keys.of(tables));
        objects::add_counters(&mut batch, keys.of(tables), keys, |_| (0, 0));
    }
    objects::add_sets(&mut batch, tables, kernel_sets);
    let [v4, v6] = kernel_sets else { panic!("one for each family") };
    elements::ranges(&mut batch, Action::Add, &tables.v4, &v4.name, sets.v4.ranges());
    elements::ranges(&mut batch, Action::Add, &tables.v6, &v6.name, sets.v6.ranges());
    for (keys, set) in KeyType::ALL.into_iter().zip(kernel_sets) {
        chains::switch(&mut batch, keys.of(tables), keys, std::slice::from_ref(set), None);
    }
    for set in old {
        objects::delete_set(&mut batch, set.keys.of(tables), &set.name);
    }
    batch
}

/// A prefix leaves the prefilter and comes back, each in a transaction of its own, while a network that
/// begins with it is listed all the time.
#[test]
#[ignore = "needs root: network namespaces"]
fn a_prefix_that_is_deleted_and_added_again_lets_packets_through() {
    let row = Row { prefilter: Some(hash(16)), hashes: vec![hash(24)], interval: false };
    let outcome = changed_by_hand(row, Site::Alone, |held, change| {
        for action in [Action::Delete, Action::Add] {
            let prefilter = &held[0];
            change(&[(action, prefilter)]);
        }
    });
    println!("a prefix is deleted and added: {}", outcome.summary());
    assert!(outcome.let_through() > 0, "packets come between two transactions");
}

/// An address moves from one hash set to another one that is looked up before, and back, each time in one
/// transaction. A packet that is looked up in the first set before the commit and in the last one after
/// it is found in neither. The sets between them make that way longer.
#[test]
#[ignore = "needs root: network namespaces"]
fn an_address_that_moves_to_a_hash_set_before_its_own_lets_packets_through() {
    let hashes = (1..=32).rev().filter(|&length| length != 24).chain([24]).map(hash).collect();
    let row = Row { prefilter: None, hashes, interval: false };
    let outcome = changed_by_hand(row, Site::Moving, |held, change| {
        let last = held.last().unwrap();
        let first = (held[0].0.clone(), vec![last.1[0] + 7]);
        change(&[(Action::Delete, last), (Action::Add, &first)]);
        change(&[(Action::Delete, &first), (Action::Add, last)]);
    });
    println!("an address moves between hash sets: {}", outcome.summary());
    assert!(outcome.let_through() > 0, "packets are looked up in two generations");
}

/// A set and the keys in it.
type Filled = (KernelSet, Vec<u32>);

/// Makes changes in one transaction.
type Commit<'a> = dyn FnMut(&[(Action, &Filled)]) + 'a;

fn hash(length: u8) -> Hash {
    Hash { length, size: 1 << 10 }
}

/// Judges packets from around a site while `reload` changes the sets of a row that hold the site's first
/// list, and leaves them as they were.
fn changed_by_hand(
    row: Row,
    site: Site,
    mut reload: impl FnMut(&[Filled], &mut Commit<'_>) + Send,
) -> Outcome {
    let _alone = alone();
    let listed = parsed(site.entries(Space::V4, false));
    let contains = |probe: &Probe| listed.contains(probe.address) == probe.is_listed;
    let probes: Vec<Probe> = site.probes(Space::V4).into_iter().filter(contains).collect();
    let wire = wire_of_probes(&probes);
    let table = Tables::managed().v4;
    let rows = Rows { v4: row, v6: Row::NONE };
    let sets = named(&rows, 1);
    let laid_out = LaidOut::new(&listed.v4, &rows.v4);
    let filled = |set: &KernelSet| match laid_out.elements_of(set.kind) {
        SetElements::Keys(keys, _) => (set.clone(), keys.to_vec()),
        SetElements::Ranges(_) => panic!("a row of hash sets"),
    };
    let held: Vec<Filled> = sets.iter().map(filled).collect();
    wire.inside.within(|| {
        let mut connection = Connection::open().unwrap();
        let mut batch = Batch::new();
        objects::add_table(&mut batch, &table);
        objects::add_counters(&mut batch, &table, KeyType::V4, |_| (0, 0));
        objects::add_sets(&mut batch, &Tables::managed(), &sets);
        chains::switch(&mut batch, &table, KeyType::V4, &sets, None);
        connection.commit(batch).unwrap();
        let mut change = |changes: &[(Action, &Filled)]| {
            let mut batch = Batch::new();
            for (action, (set, keys)) in changes {
                let bytes = set.kind.key_bytes(32).into();
                elements::keys(&mut batch, *action, &table, &set.name, keys, bytes);
            }
            connection.commit(batch).unwrap();
        };
        let all: Vec<_> = held.iter().map(|held| (Action::Add, held)).collect();
        change(&all);
        measure(&wire, &probes, Share::few(), || reload(&held, &mut change))
    })
}
