//! The pure parts, from the bytes of a list to the bytes of a batch.
//!
//! The input comes from a generator with a fixed seed, so that runs can be compared.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use netfilterd::list::List;
use netfilterd::mask::Mask;
use netfilterd::name::MANAGED_TABLE;
use netfilterd::nft::batch::Batch;
use netfilterd::nft::elements::{self, Action};
use netfilterd::range::{Range, RangeSet, RangeSets};

/// Networks of IPv4.
const MANY: usize = 1_000_000;
/// Networks of IPv6.
const FEW: usize = 100_000;

fn main() {
    divan::main();
}

/// The order in which a list has its lines.
#[derive(Clone, Copy, Debug)]
enum Order {
    Random,
    Sorted,
}

const ORDERS: [Order; 2] = [Order::Random, Order::Sorted];

/// SplitMix64: good enough to be in no order, and the same everywhere.
struct Generator(u64);

impl Generator {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Addresses and prefix lengths, hosts and /24 by turns.
fn entries4(order: Order) -> Vec<(u32, u8)> {
    let mut generator = Generator(4);
    let mut entries: Vec<_> = (0..MANY)
        .map(|_| {
            let number = generator.next();
            let address = number as u32;
            if number >> 63 == 0 { (address, 32) } else { (address & !0xff, 24) }
        })
        .collect();
    if let Order::Sorted = order {
        entries.sort_unstable();
    }
    entries
}

fn ranges4(order: Order) -> Vec<Range<u32>> {
    entries4(order).into_iter().map(|(address, length)| Range::network(address, length)).collect()
}

fn merged4() -> RangeSet<u32> {
    RangeSet::from_ranges(ranges4(Order::Sorted))
}

fn addresses6() -> Vec<u128> {
    let mut generator = Generator(6);
    (0..FEW)
        .map(|_| {
            u128::from(0x2000 << 48 | generator.next() >> 3) << 64 | u128::from(generator.next())
        })
        .collect()
}

/// Goes through all lines of a list.
fn scan(bencher: Bencher<'_, '_>, text: String, lines: usize) {
    let list = List::new("drop_ips", text.into_bytes());
    bencher.counter(ItemsCount::new(lines)).bench(|| {
        list.scan(
            |_, entry, _| {
                black_box(entry);
            },
            |line, _, _| panic!("line {line} was rejected"),
        )
    });
}

#[divan::bench(args = ORDERS)]
fn parse_v4(bencher: Bencher<'_, '_>, order: Order) {
    let mut text = String::new();
    for (address, length) in entries4(order) {
        let address = Ipv4Addr::from(address);
        match length {
            32 => writeln!(text, "{address}"),
            _ => writeln!(text, "{address}/{length}"),
        }
        .expect("a string takes everything");
    }
    scan(bencher, text, MANY);
}

/// The feeds that are the largest: a host and a count, and three columns that have to agree.
#[divan::bench]
fn parse_ipsum(bencher: Bencher<'_, '_>) {
    let mut text = String::new();
    for (address, length) in entries4(Order::Random) {
        let address = Ipv4Addr::from(address);
        writeln!(text, "{address}\t{length}").expect("a string takes everything");
    }
    scan(bencher, text, MANY);
}

#[divan::bench]
fn parse_dshield(bencher: Bencher<'_, '_>) {
    let mut text = String::new();
    for (address, _) in entries4(Order::Random) {
        let (first, last) = (Ipv4Addr::from(address & !0xff), Ipv4Addr::from(address | 0xff));
        writeln!(text, "{first}\t{last}\t24\t117\tEXAMPLE-NET\tUS\tabuse@example.com")
            .expect("a string takes everything");
    }
    scan(bencher, text, MANY);
}

#[divan::bench]
fn parse_v6(bencher: Bencher<'_, '_>) {
    let mut text = String::new();
    for address in addresses6() {
        writeln!(text, "{}", Ipv6Addr::from(address)).expect("a string takes everything");
    }
    scan(bencher, text, FEW);
}

#[divan::bench(args = ORDERS)]
fn merge_v4(bencher: Bencher<'_, '_>, order: Order) {
    let ranges = ranges4(order);
    bencher
        .counter(ItemsCount::new(MANY))
        .with_inputs(|| ranges.clone())
        .bench_values(RangeSet::from_ranges);
}

#[divan::bench]
fn merge_v6(bencher: Bencher<'_, '_>) {
    let ranges: Vec<_> = addresses6().into_iter().map(Range::host).collect();
    bencher
        .counter(ItemsCount::new(FEW))
        .with_inputs(|| ranges.clone())
        .bench_values(RangeSet::from_ranges);
}

#[divan::bench]
fn widen_to_24(bencher: Bencher<'_, '_>) {
    let sets = RangeSets { v4: merged4(), v6: RangeSet::default() };
    let mask = Mask { v4: Some(24), v6: None };
    bencher
        .counter(ItemsCount::new(sets.v4.len()))
        .with_inputs(|| sets.clone())
        .bench_values(|sets| mask.widen(sets));
}

#[divan::bench]
fn count_networks(bencher: Bencher<'_, '_>) {
    let set = merged4();
    bencher.counter(ItemsCount::new(set.len())).bench(|| black_box(&set).network_count());
}

#[divan::bench]
fn encode_v4(bencher: Bencher<'_, '_>) {
    // Every other /28: a million ranges that do not merge.
    let ranges: Vec<_> = (0..MANY as u32).map(|index| Range::network(index << 5, 28)).collect();
    let table = MANAGED_TABLE.parse().expect("the default is a name");
    bencher.counter(ItemsCount::new(MANY)).bench(|| {
        let mut batch = Batch::new();
        elements::ranges(&mut batch, Action::Add, &table, c"drop4_g1", &ranges);
        batch
    });
}
