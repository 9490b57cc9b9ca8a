//! The pure parts, from the bytes of a list to the bytes of a batch.
//!
//! The input comes from a generator with a fixed seed, so that runs can be compared.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use netfilterd::ip::mask::Mask;
use netfilterd::ip::{Address, Range, RangeSet, RangeSets};
use netfilterd::list::List;
use netfilterd::nfqueue::index::Index;
use netfilterd::nftables::batch::Batch;
use netfilterd::nftables::elements::{self, Action};
use netfilterd::nftables::name::Tables;

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
    let table = Tables::managed().v4;
    bencher.counter(ItemsCount::new(MANY)).bench(|| {
        let mut batch = Batch::new();
        elements::ranges(&mut batch, Action::Add, &table, c"drop4_g1", &ranges);
        batch
    });
}

/// A list, and the addresses that are looked up in it: that many.
#[derive(Clone, Copy, Debug)]
struct Asked {
    networks: usize,
    spread: Spread,
    found: bool,
    overlap: Overlap,
}

const ADDRESSES: usize = 1 << 16;

/// Where the networks lie, and the addresses.
#[derive(Clone, Copy, Debug)]
enum Spread {
    /// All over the family, or what is in use of it.
    Even,
    /// In four networks /8 of IPv4, or /32 of IPv6.
    Dense,
}

/// Whether a look-up can begin before the last one has ended, which hides the time that memory
/// takes: as when many packets wait, or as when they come one by one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Overlap {
    Overlapping,
    InTurn,
}

/// How many addresses are looked up side by side by what can do so, as many as packets are received
/// at once.
const ABREAST: usize = 64;

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Asked { networks, spread, found, overlap } = self;
        let found = if *found { "hit" } else { "miss" };
        write!(f, "{networks} {spread:?} {found} {overlap:?}")
    }
}

const ASKED: [Asked; 12] = {
    let lists = [(10, Spread::Even), (MANY, Spread::Even), (MANY, Spread::Dense)];
    let mut asked =
        [Asked { networks: 0, spread: Spread::Even, found: false, overlap: Overlap::InTurn }; 12];
    let mut number = 0;
    while number < asked.len() {
        let (networks, spread) = lists[number / 4];
        let overlap = if number & 1 == 0 { Overlap::InTurn } else { Overlap::Overlapping };
        asked[number] = Asked { networks, spread, found: number & 2 == 2, overlap };
        number += 1;
    }
    asked
};

/// An address of IPv4 in the spread.
fn spread4(spread: Spread, generator: &mut Generator) -> u32 {
    let number = generator.next();
    match spread {
        Spread::Even => number as u32,
        Spread::Dense => [31, 45, 103, 185][number as usize >> 62] << 24 | number as u32 >> 8,
    }
}

fn spread6(spread: Spread, generator: &mut Generator) -> u128 {
    let high = match spread {
        Spread::Even => 0x2000 << 48 | generator.next() >> 3,
        Spread::Dense => {
            let number = generator.next();
            [0x2001_0db8, 0x2400_cb00, 0x2a00_1450, 0x2c0f_f248][number as usize >> 62] << 32
                | number as u32 as u64
        }
    };
    u128::from(high) << 64 | u128::from(generator.next())
}

/// The set, and what is looked up in it.
fn set_and_addresses<A: Address>(
    asked: Asked,
    length: u8,
    spread: impl Fn(Spread, &mut Generator) -> A,
) -> (RangeSet<A>, Vec<A>) {
    let mut generator = Generator(2009);
    let ranges =
        (0..asked.networks).map(|_| Range::network(spread(asked.spread, &mut generator), length));
    let ranges: Vec<_> = ranges.collect();
    let set = RangeSet::from_ranges(ranges.clone());
    let mut addresses = Vec::with_capacity(ADDRESSES);
    while addresses.len() < ADDRESSES {
        let address = if asked.found {
            ranges[generator.next() as usize % ranges.len()].last()
        } else {
            spread(asked.spread, &mut generator)
        };
        if set.contains(address) == asked.found {
            addresses.push(address);
        }
    }
    (set, addresses)
}

fn look_up<A: Address + Sync>(
    bencher: Bencher<'_, '_>,
    asked: Asked,
    addresses: &[A],
    contains: impl Fn(A) -> bool + Sync,
) {
    bencher.counter(ItemsCount::new(ADDRESSES)).bench(|| {
        let addresses = &addresses[..ADDRESSES];
        match asked.overlap {
            Overlap::Overlapping => addresses.iter().filter(|&&address| contains(address)).count(),
            Overlap::InTurn => {
                // Which address comes next depends, for all that the processor knows, on the last.
                let (mask, mut last, mut found) = (black_box(0), 0, 0);
                for number in 0..ADDRESSES {
                    last = usize::from(contains(addresses[number ^ (last & mask)]));
                    found += last;
                }
                found
            }
        }
    });
}

/// Overlapping look-ups the way the index itself has them.
fn look_up_abreast<A: Address + Sync>(
    bencher: Bencher<'_, '_>,
    asked: Asked,
    addresses: &[A],
    index: &Index<A>,
) {
    if asked.overlap == Overlap::InTurn {
        return look_up(bencher, asked, addresses, |address| {
            let mut found = false;
            index.find_each(&[address], |_| found = true);
            found
        });
    }
    bencher.counter(ItemsCount::new(ADDRESSES)).bench(|| {
        let mut found = 0;
        for addresses in addresses.chunks(ABREAST) {
            index.find_each(addresses, |_| found += 1);
        }
        found
    });
}

#[divan::bench(args = ASKED)]
fn contains_v4_index(bencher: Bencher<'_, '_>, asked: Asked) {
    let (set, addresses) = sample4(asked);
    look_up_abreast(bencher, asked, &addresses, &Index::new(set));
}

#[divan::bench(args = ASKED)]
fn contains_v4_search(bencher: Bencher<'_, '_>, asked: Asked) {
    let (set, addresses) = sample4(asked);
    look_up(bencher, asked, &addresses, |address| set.contains(address));
}

#[divan::bench(args = ASKED)]
fn contains_v4_table(bencher: Bencher<'_, '_>, asked: Asked) {
    let (set, addresses) = sample4(asked);
    let table = Table::new(set);
    look_up(bencher, asked, &addresses, |address| table.contains(address));
}

#[divan::bench(args = ASKED)]
fn contains_v6_index(bencher: Bencher<'_, '_>, asked: Asked) {
    let (set, addresses) = sample6(asked);
    look_up_abreast(bencher, asked, &addresses, &Index::new(set));
}

#[divan::bench(args = ASKED)]
fn contains_v6_search(bencher: Bencher<'_, '_>, asked: Asked) {
    let (set, addresses) = sample6(asked);
    look_up(bencher, asked, &addresses, |address| set.contains(address));
}

fn sample4(asked: Asked) -> (RangeSet<u32>, Vec<u32>) {
    // Where they lie densely, a /24 each would be all there is.
    let length = match asked.spread {
        Spread::Even => 24,
        Spread::Dense => 30,
    };
    set_and_addresses(asked, length, spread4)
}

fn sample6(asked: Asked) -> (RangeSet<u128>, Vec<u128>) {
    let length = match asked.spread {
        Spread::Even => 48,
        Spread::Dense => 60,
    };
    set_and_addresses(asked, length, spread6)
}

/// What [`Index`] competes with: for each value of the leading 16 bits, where its ranges begin. The
/// ranges from there to where the next begin are searched.
struct Table {
    begins: Vec<u32>,
    set: RangeSet<u32>,
}

impl Table {
    fn new(set: RangeSet<u32>) -> Self {
        let begins = (0..=1_u64 << 16)
            .map(|bits| set.ranges().partition_point(|range| u64::from(range.first()) < bits << 16))
            .map(|begin| begin as u32)
            .collect();
        Table { begins, set }
    }

    fn contains(&self, address: u32) -> bool {
        let bits = (address >> 16) as usize;
        // The one before may reach into it.
        let begin = (self.begins[bits] as usize).saturating_sub(1);
        let ranges = &self.set.ranges()[begin..self.begins[bits + 1] as usize];
        match ranges.partition_point(|range| range.first() <= address) {
            0 => false,
            count => address <= ranges[count - 1].last(),
        }
    }
}
