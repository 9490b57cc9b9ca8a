//! What the kernel answers and tells, or whoever sends in its place: nothing ends the program, and
//! nothing is found that is not there.

#![no_main]

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use netfilterd::ip::{Range, RangeSet};
use netfilterd::netlink::{self, Message};
use netfilterd::netlink::{link, route};
use netfilterd::nftables::batch::{Batch, FinishedBatch};
use netfilterd::nftables::elements::{self, Action, Key};
use netfilterd::nftables::error::Error;
use netfilterd::nftables::monitor::{Notifications, Transaction};
use netfilterd::nftables::name::{SetNames, TableName};
use netfilterd::nftables::{inspect, transaction};

fuzz_target!(|data: &[u8]| {
    let input = &mut Unstructured::new(data);
    let _ = check(input);
});

fn check(input: &mut Unstructured<'_>) -> Result<()> {
    let offset: u32 = input.int_in_range(0..=400)?;
    let bytes = datagram(input)?;
    let messages = messages(&bytes);
    for message in &messages {
        attributes_are_those_of_a_naive_reading(message);
        ask_everybody(message, offset);
    }
    replies_are_to_messages(&bytes);
    each_transaction_has_an_end(&bytes, &messages);
    Ok(())
}

/// Bytes as they are, or in frames with the right length, which chance would seldom hit.
fn datagram(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    if input.arbitrary()? {
        return Ok(input.bytes(input.len())?.to_vec());
    }
    let mut bytes = Vec::new();
    while !input.is_empty() {
        let kind = *input.choose(&KINDS)?;
        let (flags, sequence) = (input.arbitrary::<u16>()?, input.int_in_range(0..=9u32)?);
        let length = input.int_in_range(0..=120usize)?.min(input.len());
        let payload = input.bytes(length)?;
        bytes.extend_from_slice(&(netlink::HEADER as u32 + length as u32).to_ne_bytes());
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&sequence.to_ne_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    Ok(bytes)
}

const fn nft(kind: libc::c_int) -> u16 {
    netlink::message_kind(libc::NFNL_SUBSYS_NFTABLES, kind)
}

const KINDS: [u16; 14] = [
    libc::NLMSG_ERROR as u16,
    libc::NLMSG_DONE as u16,
    nft(libc::NFT_MSG_NEWGEN),
    nft(libc::NFT_MSG_NEWTABLE),
    nft(libc::NFT_MSG_NEWSET),
    nft(libc::NFT_MSG_NEWCHAIN),
    nft(libc::NFT_MSG_NEWRULE),
    nft(libc::NFT_MSG_NEWSETELEM),
    nft(libc::NFT_MSG_DELSETELEM),
    libc::RTM_NEWLINK,
    libc::RTM_NEWADDR,
    libc::RTM_NEWROUTE,
    libc::RTM_DELROUTE,
    0,
];

/// The messages, by steps that are computed here.
fn messages(bytes: &[u8]) -> Vec<Message<'_>> {
    let (mut found, mut rest, mut at) = (Vec::new(), bytes, 0);
    while let Some((message, behind)) = Message::parse(rest) {
        let length = u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
        assert!(length >= netlink::HEADER);
        assert_eq!(message.bytes, &bytes[at..at + length]);
        assert_eq!(message.kind.to_ne_bytes(), bytes[at + 4..at + 6]);
        assert_eq!(message.sequence.to_ne_bytes(), bytes[at + 8..at + 12]);
        at = bytes.len().min(at + length.next_multiple_of(4));
        assert_eq!(behind, &bytes[at..]);
        found.push(message);
        rest = behind;
    }
    found
}

fn attributes_are_those_of_a_naive_reading(message: &Message<'_>) {
    let payload = message.bytes.get(netlink::HEADER + netlink::GENERIC..).unwrap_or(&[]);
    let mut at = 0;
    for attribute in message.attributes() {
        let length = usize::from(u16::from_ne_bytes([payload[at], payload[at + 1]]));
        let kind = u16::from_ne_bytes([payload[at + 2], payload[at + 3]]) & 0x3fff;
        assert_eq!((attribute.at, attribute.kind), (at, kind));
        assert_eq!(attribute.value, &payload[at + 4..at + length]);
        at += length.div_ceil(4) * 4;
    }
    // It ended for a reason: there is no header any more, or one that leads out of the message.
    if let Some(header) = payload.get(at..at + 4) {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        assert!(length < 4 || at + length > payload.len());
    }
}

fn table() -> TableName {
    "ip netfilterd".parse().expect("a name")
}

fn ask_everybody(message: &Message<'_>, offset: u32) {
    let table = table();
    let _ = (message.family(), message.resource(), netlink::Reply::parse(message));
    let _ = inspect::read_table(message);
    let _ = inspect::read_set(message, &table);
    let _ = inspect::read_chain(message, &table);
    let _ = inspect::read_rule(message, &table);
    let _ = elements::address_at(message, offset);
    intervals_are_a_range_set(&elements::read::<u32>(message));
    intervals_are_a_range_set(&elements::read::<u128>(message));
    let _ = (link::link(message), route::own(message));
    let _ = (route::matters(message, |_| false), route::NextHop::of(message));
    if let Some(route) = route::Route::of(message) {
        // Each hop takes some of the message.
        assert!(route.hops().count() <= message.bytes.len());
        assert!(!route.is_default() || route.is_unicast());
        assert!(!route.is_on_link() || route.hops().all(|hop| hop.gateway.is_none()));
        let _ = (route.destination(), route.object());
    }
}

/// Each begins where an element does. Those of a kernel are disjoint; of other elements, a range
/// set can be made all the same.
fn intervals_are_a_range_set<A: Key>(elements: &[(A, bool)]) {
    let intervals = elements::intervals(elements);
    for range in &intervals {
        assert!(range.first() <= range.last());
        assert!(elements.contains(&(range.first(), false)));
    }
    let _ = RangeSet::from_ranges(intervals);
}

fn batch() -> FinishedBatch {
    let mut batch = Batch::new();
    let table = table();
    elements::flush(&mut batch, &table, c"drop4_g1");
    let ranges = [Range::network(0xc000_0200u32, 24), Range::network(u32::MAX, 24)];
    elements::ranges(&mut batch, Action::Add, &table, c"drop4_g1", &ranges);
    elements::keys(&mut batch, Action::Delete, &table, c"drop6_64_g1", &[1u128 << 64, 2 << 64], 8);
    batch.finish().expect("a batch that can be sent")
}

fn replies_are_to_messages(bytes: &[u8]) {
    let batch = batch();
    let Ok(replies) = transaction::read_replies(netlink::messages(bytes)) else { return };
    let refused = replies.iter().find(|reply| reply.errno != 0);
    match (transaction::outcome(&batch, &replies), refused) {
        (Ok(()), None) => assert!(replies.iter().any(|reply| reply.sequence >= batch.last())),
        (Err(Error::OutcomeUnknown { .. }), None) => {}
        (Err(error @ Error::Refused { .. }), Some(reply)) => {
            assert_eq!(error.errno(), Some(reply.errno));
            assert!(!error.to_string().is_empty());
        }
        (outcome, reply) => panic!("{outcome:?} of {reply:?}"),
    }
}

fn each_transaction_has_an_end(bytes: &[u8], messages: &[Message<'_>]) {
    let kinds = messages.iter().map(|message| message.kind_in(libc::NFNL_SUBSYS_NFTABLES));
    let ends = kinds.filter(|kind| *kind == Some(libc::NFT_MSG_NEWGEN)).count();
    let [v4, v6] = ["drop4", "drop6"].map(|name| name.parse().expect("a name"));
    let read = |sets: Option<SetNames>| -> Vec<Transaction> {
        let mut notifications = Notifications::new(vec![table()], sets);
        let read = |message| notifications.read(&message);
        let transactions: Vec<Transaction> = netlink::messages(bytes).filter_map(read).collect();
        assert_eq!(transactions.len(), ends);
        transactions.iter().for_each(|transaction| drop(transaction.by.to_string()));
        transactions
    };
    // Who asks for less hears of less.
    for (all, some) in read(None).iter().zip(read(Some(SetNames { v4, v6 }))) {
        assert_eq!((all.generation, &all.by), (some.generation, &some.by));
        assert!(!all.touched.is_empty() || some.touched.is_empty());
    }
}
