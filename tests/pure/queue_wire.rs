//! Queue mode without a kernel: the bytes of its messages, what it makes of what comes in, and who
//! is dropped.

use std::num::NonZeroU32;
use std::sync::Arc;

use netfilterd::ip::{Address, Range, RangeSet};
use netfilterd::netlink::Message;
use netfilterd::nfqueue::Options;
use netfilterd::nfqueue::index::Index;
use netfilterd::nfqueue::judge::{Interfaces, Judge, Judgement, Judgements, Lists};
use netfilterd::nfqueue::message::{self, Incoming, Packet, Verdict, Verdicts};
use netfilterd::nfqueue::packet::{Addresses, is_neighbour_discovery};

/// Bytes as the kernel gets them, eight to a line.
fn hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(8).map(|line| {
        let line: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        line.join(" ") + "\n"
    });
    lines.collect()
}

fn options(fail_open: bool) -> Options {
    Options { queues: 0..=0, max_length: 1000, fail_open, mark_accept: None, mark_drop: None }
}

/// These tests know little-endian machines; what netlink has in the host's order is fixed there.
#[cfg(target_endian = "little")]
#[test]
fn a_queue_is_bound_and_configured_in_one_message() {
    // Length, type (subsystem 3, config), flags (request, ack), sequence, port; family, version,
    // queue 0x0102.
    let head = "40 00 00 00 02 03 05 00\n01 00 00 00 00 00 00 00\n00 00 01 02 ";
    // Command bind; 41 bytes of the packet, padded; 1,000 packets; mask and flags: fail open and
    // GSO.
    let body = "08 00 01 00\n01 00 00 00 09 00 02 00\n00 00 00 29 02 00 00 00\n\
                08 00 03 00 00 00 03 e8\n08 00 04 00 00 00 00 05\n08 00 05 00 00 00 00 05\n";
    assert_eq!(hex(&message::bind(0x0102, &options(true))), format!("{head}{body}"));
    let closed = hex(&message::bind(0x0102, &options(false)));
    assert_eq!(closed, format!("{head}{body}").replace("05 00 00 00 00 05", "05 00 00 00 00 04"));
}

#[cfg(target_endian = "little")]
#[test]
fn a_queue_is_given_up_and_asked_for_in_a_message_each() {
    let unbind = "1c 00 00 00 02 03 05 00\n03 00 00 00 00 00 00 00\n00 00 00 09 08 00 01 00\n\
                  02 00 00 00\n";
    assert_eq!(hex(&message::unbind(9)), unbind);
    let ping = "14 00 00 00 02 03 05 00\n02 00 00 00 00 00 00 00\n00 00 00 09\n";
    assert_eq!(hex(&message::ping(9)), ping);
}

const ACCEPT: Verdict = Verdict { code: 1, mark: None };
const DROP: Verdict = Verdict { code: 0, mark: None };

#[cfg(target_endian = "little")]
#[test]
fn equal_verdicts_in_a_row_are_one_message_and_a_single_one_is_another_kind() {
    let mut verdicts = Verdicts::new(5);
    for id in 1..=3 {
        verdicts.push(id, ACCEPT);
    }
    verdicts.push(4, DROP);
    let repeat = Verdict { code: 4, mark: NonZeroU32::new(0x1_0000) };
    verdicts.push(5, repeat);
    verdicts.push(6, repeat);
    let accept_up_to_3 = "20 00 00 00 03 03 01 00\n00 00 00 00 00 00 00 00\n\
                          00 00 00 05 0c 00 02 00\n00 00 00 01 00 00 00 03\n";
    let drop_4 = "20 00 00 00 01 03 01 00\n00 00 00 00 00 00 00 00\n\
                  00 00 00 05 0c 00 02 00\n00 00 00 00 00 00 00 04\n";
    let repeat_up_to_6 = "28 00 00 00 03 03 01 00\n00 00 00 00 00 00 00 00\n\
                          00 00 00 05 0c 00 02 00\n00 00 00 04 00 00 00 06\n\
                          08 00 03 00 00 01 00 00\n";
    assert_eq!(hex(verdicts.bytes()), format!("{accept_up_to_3}{drop_4}{repeat_up_to_6}"));
    verdicts.clear();
    assert_eq!(verdicts.bytes(), b"");
    verdicts.push(7, DROP);
    assert_eq!(hex(verdicts.bytes()), drop_4.replace("04\n", "07\n"));
}

/// The kernel's reading of verdicts: which packet gets which. A single verdict decides one packet,
/// a batch all that wait up to its number.
fn carried_out(mut waiting: Vec<u32>, mut bytes: &[u8]) -> Vec<(u32, i32)> {
    let mut decided = Vec::new();
    while let Some((message, rest)) = Message::parse(bytes) {
        bytes = rest;
        let attribute = message.attributes().next().unwrap();
        let code = i32::from_be_bytes(attribute.value[..4].try_into().unwrap());
        let id = u32::from_be_bytes(attribute.value[4..].try_into().unwrap());
        let is_batch = message.kind & 0xff == 3;
        // Numbers begin again after the last one: later is what lies less than half of all ahead.
        let meant = |other: &u32| {
            if is_batch { (*other).wrapping_sub(id) as i32 <= 0 } else { *other == id }
        };
        waiting.retain(|other| {
            let is_meant = meant(other);
            if is_meant {
                decided.push((*other, code));
            }
            !is_meant
        });
    }
    assert!(waiting.is_empty(), "undecided: {waiting:?}");
    decided
}

#[test]
fn however_verdicts_follow_each_other_each_packet_gets_its_own() {
    let mut random = Random(1);
    for round in 0..2_000 {
        let first = if round % 2 == 0 { 1 } else { u32::MAX - 5 };
        let codes: Vec<i32> = (0..random.below(40)).map(|_| random.below(3) as i32 / 2).collect();
        let ids = |i: usize| first.wrapping_add(i as u32);
        let mut verdicts = Verdicts::new(0);
        for (i, &code) in codes.iter().enumerate() {
            verdicts.push(ids(i), Verdict { code, mark: None });
        }
        let waiting = (0..codes.len()).map(ids).collect();
        let wanted: Vec<_> = codes.iter().enumerate().map(|(i, &code)| (ids(i), code)).collect();
        assert_eq!(carried_out(waiting, verdicts.bytes()), wanted);
    }
}

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// A message about a packet, as the kernel makes it for one that came in by interface 3.
fn packet_message() -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 9];
    let mut put = |kind: u16, value: &[u8]| {
        bytes.extend((4 + value.len() as u16).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    };
    put(1, &[0, 0, 0, 42, 0x08, 0x00, 0]);
    put(5, &[0, 0, 0, 3]);
    put(3, &[0, 1, 0, 0]);
    put(9, &[0, 6, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0]);
    put(10, &v4_header([192, 0, 2, 1], [192, 0, 2, 2]));
    let length = bytes.len() as u32;
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}

fn v4_header(source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
    let mut header = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
    header.extend(source);
    header.extend(destination);
    header
}

fn incoming(bytes: &[u8]) -> Incoming<'_> {
    let (message, _) = Message::parse(bytes).expect("a whole message");
    Incoming::parse(&message)
}

#[test]
fn a_packet_is_read_with_all_that_a_verdict_depends_on() {
    let bytes = packet_message();
    let Incoming::Packet(packet) = incoming(&bytes) else { panic!("no packet") };
    let header = v4_header([192, 0, 2, 1], [192, 0, 2, 2]);
    let wanted = Packet {
        id: 42,
        family: 2,
        mark: 0x1_0000,
        interface_in: 3,
        interface_out: 0,
        header: &header,
    };
    assert_eq!(packet, wanted);
}

#[test]
fn whatever_the_kernel_sends_nothing_panics() {
    let good = packet_message();
    let mut random = Random(7);
    let (mut packets, mut others) = (0, 0);
    for _ in 0..200_000 {
        let mut bytes = good.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.next() as u8;
        }
        bytes.truncate(random.below(bytes.len() as u64 + 1) as usize);
        let Some((message, _)) = Message::parse(&bytes) else {
            others += 1;
            continue;
        };
        match Incoming::parse(&message) {
            Incoming::Packet(packet) => {
                let _ = judged(&everything_of_v4(), &packet);
                packets += 1;
            }
            _ => others += 1,
        }
    }
    assert!(packets > 1_000 && others > 1_000, "{packets} packets, {others} others");
}

#[test]
fn a_message_without_a_number_is_no_packet() {
    let mut bytes = packet_message();
    // The kind of the first attribute, the header with the number.
    bytes[22] = 99;
    assert_eq!(incoming(&bytes), Incoming::Malformed);
    let mut bytes = packet_message();
    bytes[4] = 77;
    assert_eq!(incoming(&bytes), Incoming::Malformed, "some other type of message");
}

fn everything_of_v4() -> Judge {
    judge("0.0.0.0/0", Interfaces::All)
}

fn judge(list: &str, interfaces: Interfaces) -> Judge {
    let list = netfilterd::list::List::new("list", list.into());
    let sets = netfilterd::list::parse(&[list]).unwrap().sets;
    let lists = Lists { v4: Index::new(sets.v4), v6: Index::new(sets.v6) };
    Judge { lists: Arc::new(lists), interfaces }
}

fn judged(judge: &Judge, packet: &Packet<'_>) -> Judgement {
    judge.judge(&[*packet], &mut Judgements::default())[0]
}

#[test]
fn packets_that_are_judged_together_are_judged_each_for_itself() {
    let judge = judge("192.0.2.1\n2001:db8::1\n", Interfaces::All);
    let mut random = Random(5);
    let v6 = |last: u8| {
        let mut header = vec![0x60, 0, 0, 0, 0, 0, 59, 64];
        header.extend((0x2001_0db8 << 96 | u128::from(last)).to_be_bytes());
        header.extend([0; 16]);
        header
    };
    let headers: Vec<(i32, Vec<u8>)> = vec![
        (2, v4_header([192, 0, 2, 1], [192, 0, 2, 9])),
        (2, v4_header([192, 0, 2, 9], [192, 0, 2, 1])),
        (10, v6(1)),
        (10, v6(2)),
        (2, vec![0x45]),
    ];
    let interfaces = [(2, 0), (0, 2), (2, 3), (1, 0)];
    let mut room = Judgements::default();
    for _ in 0..500 {
        let packets: Vec<Packet<'_>> = (0..random.below(70))
            .map(|_| {
                let (family, header) = &headers[random.below(5) as usize];
                packet(*family, interfaces[random.below(4) as usize], header)
            })
            .collect();
        let each: Vec<Judgement> = packets.iter().map(|packet| judged(&judge, packet)).collect();
        assert_eq!(judge.judge(&packets, &mut room), each);
    }
}

fn packet(family: i32, interfaces: (u32, u32), header: &[u8]) -> Packet<'_> {
    let (interface_in, interface_out) = interfaces;
    Packet { id: 1, family: family as u8, mark: 0, interface_in, interface_out, header }
}

#[test]
fn a_packet_is_judged_by_where_it_comes_from_and_where_it_goes_to() {
    use Judgement::{Accept, Drop};
    let listed = judge("192.0.2.1\n2001:db8::1\n", Interfaces::All);
    let (bad, good) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    // By which interfaces: in, out; 0 is none, 1 loopback.
    for (interfaces, from_bad, to_bad) in [
        ((2, 0), Drop, Accept),
        ((0, 2), Accept, Drop),
        ((2, 3), Drop, Drop),
        ((1, 0), Accept, Accept),
        ((0, 1), Accept, Accept),
        ((1, 2), Accept, Drop),
        ((2, 1), Drop, Accept),
        ((0, 0), Accept, Accept),
    ] {
        let v4 = |from, to| judged(&listed, &packet(2, interfaces, &v4_header(from, to)));
        assert_eq!(v4(bad, good), from_bad, "{interfaces:?}");
        assert_eq!(v4(good, bad), to_bad, "{interfaces:?}");
        assert_eq!(v4(good, good), Accept, "{interfaces:?}");
        let v6 = |from: u128, to: u128| {
            let mut header = vec![0x60, 0, 0, 0, 0, 0, 59, 64];
            header.extend(from.to_be_bytes());
            header.extend(to.to_be_bytes());
            judged(&listed, &packet(10, interfaces, &header))
        };
        let (bad, good) = (0x2001_0db8 << 96 | 1, 0x2001_0db8 << 96 | 2);
        assert_eq!(v6(bad, good), from_bad, "{interfaces:?}");
        assert_eq!(v6(good, bad), to_bad, "{interfaces:?}");
        assert_eq!(v6(good, good), Accept, "{interfaces:?}");
    }
}

#[test]
fn only_the_interfaces_that_are_meant_are_looked_at() {
    let only = |indices: &[u32]| judge("0.0.0.0/0", Interfaces::Only(indices.to_vec()));
    let header = v4_header([192, 0, 2, 1], [192, 0, 2, 2]);
    for (indices, interfaces, wanted) in [
        (&[4][..], (4, 0), Judgement::Drop),
        (&[4], (0, 4), Judgement::Drop),
        (&[4], (5, 0), Judgement::Accept),
        (&[4], (5, 4), Judgement::Drop),
        (&[4, 5], (6, 5), Judgement::Drop),
        (&[1], (1, 0), Judgement::Accept),
        (&[], (4, 0), Judgement::Accept),
    ] {
        let verdict = judged(&only(indices), &packet(2, interfaces, &header));
        assert_eq!(verdict, wanted, "{indices:?} {interfaces:?}");
        // What nobody looks at need not be readable.
        let unread = judged(&only(indices), &packet(2, interfaces, &[]));
        assert_eq!(unread == Judgement::Unreadable, wanted == Judgement::Drop);
    }
}

#[test]
fn what_is_no_ip_header_is_unreadable_and_neither_listed_nor_unlisted() {
    let v4 = v4_header([192, 0, 2, 1], [192, 0, 2, 2]);
    let mut v6 = vec![0x60; 40];
    for (family, header) in
        [(2, &v4[..19]), (2, &[]), (2, &v6), (10, &v6[..39]), (10, &v4), (7, &v4), (0, &v6)]
    {
        assert_eq!(Addresses::parse(family, header), None, "{family} {header:?}");
        let judged = judged(&everything_of_v4(), &packet(family.into(), (2, 0), header));
        assert_eq!(judged, Judgement::Unreadable);
    }
    assert!(Addresses::parse(2, &v4).is_some());
    assert!(Addresses::parse(10, &v6).is_some());
    v6.push(0);
    assert!(Addresses::parse(10, &v6).is_some(), "what follows does not matter");
}

#[test]
fn neighbour_discovery_is_four_types_with_the_greatest_hop_limit_right_behind_the_header() {
    // Version 6, next header, hop limit, two addresses, and the type of the message.
    let packet = |version: u8, next: u8, hop_limit: u8, kind: u8| {
        let mut packet = vec![0; 41];
        (packet[0], packet[6], packet[7], packet[40]) = (version << 4, next, hop_limit, kind);
        packet
    };
    for kind in 0..=255 {
        let is = is_neighbour_discovery(&packet(6, 58, 255, kind));
        assert_eq!(is, [133, 134, 135, 136].contains(&kind), "{kind}");
    }
    for other in [
        packet(6, 58, 254, 135),
        packet(6, 58, 0, 135),
        // Fragments, hop-by-hop options, UDP.
        packet(6, 44, 255, 135),
        packet(6, 0, 255, 135),
        packet(6, 17, 255, 135),
        packet(4, 58, 255, 135),
        // What is cut off before the type.
        packet(6, 58, 255, 135)[..40].to_vec(),
        Vec::new(),
    ] {
        assert!(!is_neighbour_discovery(&other), "{other:?}");
    }
    assert!(is_neighbour_discovery(&[packet(6, 58, 255, 135), vec![9; 7]].concat()));
}

/// Whether an address is in the set, asked for alone.
fn holds<A: Address>(index: &Index<A>, address: A) -> bool {
    let mut found = false;
    index.find_each(&[address], |_| found = true);
    found
}

/// The index against a walk through all ranges, for sets of many sizes around the edges of its
/// blocks, and for addresses around the edges of the ranges.
fn agrees<A: Address + std::fmt::Debug>(random: &mut Random, address: impl Fn(u64) -> A) {
    for size in [0, 1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257, 272, 4095, 4096, 4097, 5000] {
        let ranges = (0..size).map(|_| {
            let first = address(random.next());
            let length = A::BITS - random.below(10) as u8;
            Range::network(first, length)
        });
        let set = RangeSet::from_ranges(ranges.collect());
        let index = Index::new(set.clone());
        assert_eq!(index.set(), &set);
        // Of large sets, which the naive way takes long for, the edges of some ranges.
        let some = set.ranges().iter().step_by(1 + set.len() / 300);
        let edges = some.flat_map(|range| {
            let (first, last) = (range.first(), range.last());
            [first.previous(), Some(first), Some(last), last.next()]
        });
        let mut asked: Vec<A> = edges.flatten().collect();
        asked.extend([A::MAX.first_of(0), A::MAX]);
        asked.extend((0..100).map(|_| address(random.next())));
        for asked in asked {
            let naive = set.ranges().iter().any(|range| range.contains(asked));
            assert_eq!(holds(&index, asked), naive, "{asked:?} in {size} ranges");
        }
    }
}

#[test]
fn the_index_finds_what_is_in_the_set_and_nothing_else() {
    let mut random = Random(3);
    agrees::<u32>(&mut random, |number| number as u32);
    // Close together, as in a real list of one provider's networks.
    agrees::<u32>(&mut random, |number| 0x0a00_0000 | number as u32 & 0xffff);
    agrees::<u128>(&mut random, |number| u128::from(number) << 64 | u128::from(number));
    agrees::<u128>(&mut random, |number| 0x2001_0db8 << 96 | u128::from(number & 0xfffff));
}

#[test]
fn the_ends_of_the_address_space_are_addresses_like_others() {
    let whole = Index::new(RangeSet::from_ranges(vec![Range::network(0u32, 0)]));
    assert!(holds(&whole, 0) && holds(&whole, u32::MAX) && holds(&whole, 1 << 31));
    let ends = [Range::host(0u32), Range::host(u32::MAX)];
    let ends = Index::new(RangeSet::from_ranges(ends.to_vec()));
    assert!(holds(&ends, 0) && holds(&ends, u32::MAX));
    assert!(!holds(&ends, 1) && !holds(&ends, u32::MAX - 1));
}
