//! The bytes that go to the kernel, and what is made of the bytes that come back.
//!
//! Four bytes a line, as `nft --debug=mnl` shows them. Lengths, types and flags of netlink are in the
//! byte order of the machine, so these bytes are those of a little-endian one.

#![cfg(target_endian = "little")]

use std::ffi::CString;
use std::net::IpAddr;

use netfilterd::ip::{PerFamily, Range};
use netfilterd::netlink::{Message, Reply, attributes, find, find_str};
use netfilterd::nftables::batch::{Batch, FinishedBatch};
use netfilterd::nftables::chains;
use netfilterd::nftables::elements::{self, Action};
use netfilterd::nftables::error::Error;
use netfilterd::nftables::key_type::KeyType::{V4, V6};
use netfilterd::nftables::layout::{Hash, SetKind};
use netfilterd::nftables::name::{Family, TableName};
use netfilterd::nftables::objects::{self, KernelSet};
use netfilterd::nftables::operation::Operation;
use netfilterd::nftables::transaction;

fn table() -> TableName {
    "inet t".parse().unwrap()
}

/// The messages of a batch, without its begin and end.
fn messages(batch: &FinishedBatch) -> Vec<Message<'_>> {
    let mut messages = Vec::new();
    let mut rest = batch.bytes();
    while let Some((message, behind)) = Message::parse(rest) {
        messages.push(message);
        rest = behind;
    }
    messages[1..messages.len() - 1].to_vec()
}

/// Compares with hexadecimal bytes; what is behind `#` in a line is a comment.
#[track_caller]
fn assert_bytes(bytes: &[u8], golden: &str) {
    let expected: Vec<u8> = golden
        .lines()
        .flat_map(|line| line.split('#').next().unwrap().split_whitespace())
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    let show =
        |bytes: &[u8]| bytes.chunks(4).map(|word| format!("{word:02x?}\n")).collect::<String>();
    assert_eq!(show(bytes), show(&expected));
}

fn v4(first: &str, last: &str) -> Range<u32> {
    let number = |text: &str| text.parse::<std::net::Ipv4Addr>().unwrap().into();
    Range::new(number(first), number(last)).unwrap()
}

fn v6(first: &str, last: &str) -> Range<u128> {
    let number = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().into();
    Range::new(number(first), number(last)).unwrap()
}

#[test]
fn the_parts_of_a_batch_have_its_messages_in_their_order_and_no_more_bytes_than_asked_for() {
    let ranges: Vec<Range<u32>> =
        (0..10_000).map(|i| Range::new(4 * i, 4 * i + 1).unwrap()).collect();
    let mut batch = Batch::new();
    objects::add_table(&mut batch, &table());
    elements::ranges(&mut batch, Action::Add, &table(), c"s", &ranges);
    let whole = batch.finish().unwrap();
    let of = |batch: &FinishedBatch| -> Vec<(u16, Vec<u8>)> {
        let content = |message: Message<'_>| {
            let attributes = message.attributes().flat_map(|attribute| attribute.value.to_vec());
            (message.kind, attributes.collect())
        };
        messages(batch).into_iter().map(content).collect()
    };
    // Eight messages: the table, six of 65,600 bytes with 1,638 ranges each, and one with the rest.
    for (most, expected) in [(usize::MAX, 1), (140_000, 3), (70_000, 7), (0, 8)] {
        let parts: Vec<FinishedBatch> =
            whole.parts(most).map(|part| part.finish().unwrap()).collect();
        assert_eq!(parts.len(), expected, "{most}");
        assert_eq!(parts.iter().flat_map(of).collect::<Vec<_>>(), of(&whole), "{most}");
        if most > 0 {
            assert!(parts.iter().all(|part| part.bytes().len() <= most), "{most}");
        }
        for part in &parts {
            // So that the message at fault is found by the number in the answer.
            for (number, message) in messages(part).iter().enumerate() {
                assert_eq!(message.sequence as usize, number + 1);
                let acknowledged = message.flags & libc::NLM_F_ACK as u16 != 0;
                assert_eq!(acknowledged, message.sequence == part.last());
            }
        }
    }
}

#[test]
fn a_batch_is_framed_and_only_its_last_message_and_its_end_are_acknowledged() {
    let mut batch = Batch::new();
    elements::flush(&mut batch, &table(), c"s");
    elements::flush(&mut batch, &table(), c"s");
    assert_bytes(
        batch.finish().unwrap().bytes(),
        "14 00 00 00  # BEGIN: 20 bytes
         10 00 01 00  # type NFNL_MSG_BATCH_BEGIN, flags REQUEST
         00 00 00 00  # sequence 0
         00 00 00 00  # port
         00 00 00 0a  # family unspecified, version 0, subsystem NFTABLES
         24 00 00 00  # a delete of elements that names none: a flush
         0e 0a 01 00  # NFT_MSG_DELSETELEM of NFTABLES, flags REQUEST
         01 00 00 00
         00 00 00 00
         01 00 00 00  # family inet
         06 00 01 00  # NFTA_SET_ELEM_LIST_TABLE
         74 00 00 00
         06 00 02 00  # NFTA_SET_ELEM_LIST_SET
         73 00 00 00
         24 00 00 00
         0e 0a 05 00  # flags REQUEST, ACK
         02 00 00 00
         00 00 00 00
         01 00 00 00
         06 00 01 00
         74 00 00 00
         06 00 02 00
         73 00 00 00
         14 00 00 00  # END
         11 00 05 00  # type NFNL_MSG_BATCH_END, flags REQUEST, ACK
         03 00 00 00
         00 00 00 00
         00 00 00 0a",
    );
}

#[test]
fn an_interval_is_its_first_address_and_the_one_behind_its_last() {
    let mut batch = Batch::new();
    elements::ranges(&mut batch, Action::Add, &table(), c"s", &[v4("10.0.0.0", "10.255.255.255")]);
    let batch = batch.finish().unwrap();
    assert_bytes(
        messages(&batch)[0].bytes,
        "50 00 00 00
         0c 0a 05 04  # NFT_MSG_NEWSETELEM, flags CREATE, REQUEST, ACK
         01 00 00 00
         00 00 00 00
         01 00 00 00
         06 00 01 00
         74 00 00 00
         06 00 02 00
         73 00 00 00
         2c 00 03 80  # NFTA_SET_ELEM_LIST_ELEMENTS, nested: 4 + 40 bytes
         10 00 01 80  # NFTA_LIST_ELEM, nested
         0c 00 01 80  # NFTA_SET_ELEM_KEY, nested
         08 00 01 00  # NFTA_DATA_VALUE
         0a 00 00 00  # 10.0.0.0
         18 00 01 80
         0c 00 01 80
         08 00 01 00
         0b 00 00 00  # 11.0.0.0
         08 00 03 00  # NFTA_SET_ELEM_FLAGS
         00 00 00 01  # NFT_SET_ELEM_INTERVAL_END",
    );
}

#[test]
fn an_interval_up_to_the_last_address_has_no_end_element() {
    let mut batch = Batch::new();
    elements::ranges(
        &mut batch,
        Action::Add,
        &table(),
        c"s",
        &[v4("255.255.255.254", "255.255.255.255")],
    );
    elements::ranges(&mut batch, Action::Add, &table(), c"s", &[Range::host(u128::MAX)]);
    let batch = batch.finish().unwrap();
    assert_bytes(
        &messages(&batch)[0].bytes[36..],
        "14 00 03 80
         10 00 01 80
         0c 00 01 80
         08 00 01 00
         ff ff ff fe",
    );
    assert_bytes(
        &messages(&batch)[1].bytes[36..],
        "20 00 03 80
         1c 00 01 80
         18 00 01 80
         14 00 01 00
         ff ff ff ff
         ff ff ff ff
         ff ff ff ff
         ff ff ff ff",
    );
}

#[test]
fn an_ipv6_interval_takes_64_bytes() {
    let mut batch = Batch::new();
    let range = v6("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff");
    elements::ranges(&mut batch, Action::Add, &table(), c"s", &[range]);
    let batch = batch.finish().unwrap();
    assert_bytes(
        &messages(&batch)[0].bytes[36..],
        "44 00 03 80
         1c 00 01 80
         18 00 01 80
         14 00 01 00
         20 01 0d b8
         00 00 00 00
         00 00 00 00
         00 00 00 00
         24 00 01 80
         18 00 01 80
         14 00 01 00
         20 01 0d b8
         00 00 00 01
         00 00 00 00
         00 00 00 00
         08 00 03 00
         00 00 00 01",
    );
}

#[test]
fn no_element_list_is_longer_than_its_length_can_say() {
    let hosts = |count: u32| (0..count).map(|i| Range::host(i * 2)).collect::<Vec<Range<u32>>>();
    for (count, lists) in
        [(0, &[][..]), (1, &[1]), (1638, &[1638]), (1639, &[1638, 1]), (3276, &[1638; 2])]
    {
        let mut batch = Batch::new();
        elements::ranges(&mut batch, Action::Add, &table(), c"s", &hosts(count));
        let batch = batch.finish().unwrap();
        let in_messages: Vec<usize> = messages(&batch)
            .iter()
            .map(|message| attributes(find(message.attributes(), 3).unwrap()).count() / 2)
            .collect();
        assert_eq!(in_messages, lists, "{count}");
        // An empty list of a delete would be a flush; of an add it is only useless.
        assert!(!in_messages.contains(&0));
    }
}

#[test]
fn an_attribute_that_is_too_long_keeps_the_batch_from_being_sent() {
    for (length, fits) in [(60_000, true), (65_531, true), (65_532, false), (70_000, false)] {
        let mut batch = Batch::new();
        batch.message(0, 0, Family::Inet, |message| {
            message.put(1, &vec![0; length]);
        });
        assert_eq!(batch.finish().is_ok(), fits, "{length}");
        let mut batch = Batch::new();
        batch.message(0, 0, Family::Inet, |message| {
            message.nest(1, |nested| {
                for _ in 0..2 {
                    nested.put(2, &vec![0; length / 2]);
                }
            });
        });
        assert_eq!(batch.finish().is_ok(), length < 65_500, "{length} nested");
    }
}

#[test]
fn the_table_has_a_comment_that_says_whose_it_is() {
    let mut batch = Batch::new();
    objects::add_table(&mut batch, &table());
    let batch = batch.finish().unwrap();
    let message = messages(&batch)[0];
    assert_eq!(message.kind_in(libc::NFNL_SUBSYS_NFTABLES), Some(0), "NFT_MSG_NEWTABLE");
    let userdata = find(message.attributes(), 6).unwrap();
    assert_eq!(userdata[0], 0, "NFTNL_UDATA_TABLE_COMMENT");
    assert_eq!(usize::from(userdata[1]), userdata.len() - 2);
    assert!(userdata[2..].starts_with(b"kept by netfilterd(8)"));
    assert_eq!(userdata.last(), Some(&0));
    // nft refuses longer comments than 128 bytes.
    assert!(userdata.len() - 2 <= 128);
}

#[test]
fn a_part_that_the_kernel_lacks_is_told_from_an_object_that_is_gone() {
    const ENOENT: i32 = 2;
    let set = KernelSet { name: c"drop6_g1".to_owned(), keys: V6, kind: SetKind::Interval };
    let mut batch = Batch::new();
    objects::add_counters(&mut batch, &table(), V6, |_| (7, 700));
    chains::add_rules(&mut batch, &table(), V6, &[set], Some(&[chains::interface(c"wan0")]));
    let batch = batch.finish().unwrap();
    let mut lacking = Vec::new();
    for sequence in 1..=batch.last() {
        let message = batch.message(sequence).unwrap();
        let reply = |errno, offset| Reply { sequence, errno, offset, text: None };
        let outcome = |errno, offset| transaction::outcome(&batch, &[reply(errno, offset)]);
        if message.kind_in(libc::NFNL_SUBSYS_NFTABLES) == Some(18) {
            // NFT_MSG_NEWOBJ: its table is created with it, so it is the counter itself.
            let error = outcome(ENOENT, None).unwrap_err();
            assert!(error.to_string().contains("load the module nft_counter"), "{error}");
            assert!(!error.retry_helps());
            continue;
        }
        // NFTA_RULE_EXPRESSIONS; the kernel points at one of the list.
        let rule = message.attributes().find(|it| it.kind == 4).unwrap();
        for expression in attributes(rule.value) {
            let name = find_str(attributes(expression.value), 1).unwrap();
            let offset = Message::ATTRIBUTES_AT + rule.at + 4 + expression.at;
            for offset in [offset, offset + 4] {
                let error = outcome(ENOENT, Some(offset as u32)).unwrap_err();
                let gone = ["lookup", "immediate"].contains(&name.as_str());
                assert_eq!(error.retry_helps(), gone, "{error}");
                let module = format!("load the module nft_{name}");
                assert_eq!(error.to_string().contains(&module), !gone, "{error}");
                let other = outcome(libc::ENOMEM, Some(offset as u32)).unwrap_err();
                assert!(!other.to_string().contains("load the module"), "{other}");
            }
            lacking.push(name);
        }
        // About the rule as a whole: its chain is gone.
        for offset in [None, Some(20), Some(0), Some(u32::MAX)] {
            assert!(outcome(ENOENT, offset).unwrap_err().retry_helps());
        }
    }
    for name in ["objref", "meta", "cmp", "payload", "lookup", "immediate"] {
        assert!(lacking.iter().any(|found| found == name), "{name}");
    }
}

#[test]
fn interval_sets_have_the_flag_and_no_size_and_hash_sets_a_size_and_no_flag() {
    let set = |name: &str, keys, kind| KernelSet { name: CString::new(name).unwrap(), keys, kind };
    let hash = |length| SetKind::Hash(Hash { length, size: 5000 });
    let prefilter = |length| SetKind::Prefilter(Hash { length, size: 65536 });
    // The kind of the key, its bytes, and whether the set has a size.
    let (address4, address6) = ((7, 4), (8, 16));
    let cases = [
        (V4, SetKind::Interval, address4, false),
        (V6, SetKind::Interval, address6, false),
        (V4, hash(24), address4, true),
        (V4, hash(32), address4, true),
        (V4, hash(16), address4, true),
        (V4, prefilter(16), (4, 2), false),
        (V6, hash(16), (4, 4), true),
        (V6, prefilter(16), (4, 2), false),
        (V6, prefilter(24), (4, 4), true),
        (V6, hash(32), (4, 4), true),
        (V6, hash(44), (4, 6), true),
        (V6, hash(64), (4, 8), true),
        (V6, hash(65), address6, true),
        (V6, hash(128), address6, true),
    ];
    let sets = cases.map(|(keys, kind, _, _)| set("s", keys, kind));
    let mut batch = Batch::new();
    objects::add_sets(&mut batch, &PerFamily { v4: table(), v6: table() }, &sets);
    let batch = batch.finish().unwrap();
    for (message, (keys, kind, key, is_sized)) in messages(&batch).iter().zip(cases) {
        let number = |kind| netfilterd::netlink::find_u32(message.attributes(), kind);
        assert_eq!(message.kind_in(libc::NFNL_SUBSYS_NFTABLES), Some(9), "NFT_MSG_NEWSET");
        assert_ne!(message.flags & libc::NLM_F_EXCL as u16, 0, "never one that is there");
        let (flags, room) = match kind {
            SetKind::Interval => (4, None),
            SetKind::Hash(hash) | SetKind::Prefilter(hash) => (0, is_sized.then_some(hash.size)),
        };
        assert_eq!(number(3).unwrap_or(0), flags, "NFTA_SET_FLAGS, NFT_SET_INTERVAL");
        assert_eq!(number(4), Some(key.0), "NFTA_SET_KEY_TYPE");
        assert_eq!(number(5), Some(key.1), "NFTA_SET_KEY_LEN");
        // Where the keys are no addresses, nft has to be told what they are.
        let userdata = find(message.attributes(), 13);
        assert_eq!(userdata.is_some(), key.0 == 4, "NFTA_SET_USERDATA of {kind:?}");
        let source = if keys == V4 { 96u32 } else { 64 };
        for value in userdata.map(|_| [source, 8 * key.1]).into_iter().flatten() {
            let number = [&[4][..], &value.to_ne_bytes()].concat();
            let is_there = userdata.unwrap().windows(5).any(|bytes| bytes == number);
            assert!(is_there, "{value} in {userdata:?}");
        }
        assert!(number(10).is_some(), "NFTA_SET_ID is mandatory");
        let size = find(message.attributes(), 9)
            .and_then(|desc| netfilterd::netlink::find_u32(attributes(desc), 1));
        assert_eq!(size, room, "NFTA_SET_DESC_SIZE");
    }
}

#[test]
fn a_key_of_a_hash_set_is_one_element_and_a_delete_names_what_an_add_named() {
    let mut batch = Batch::at_generation(0x01020304);
    elements::keys(&mut batch, Action::Delete, &table(), c"s", &[0x0a00_0000u32], 4);
    elements::ranges(&mut batch, Action::Delete, &table(), c"s", &[v4("10.0.0.0", "10.0.0.7")]);
    elements::ranges(&mut batch, Action::Add, &table(), c"s", &[v4("10.0.0.0", "10.0.0.7")]);
    let batch = batch.finish().unwrap();
    assert_bytes(
        &batch.bytes()[..28],
        "1c 00 00 00
         10 00 01 00
         00 00 00 00
         00 00 00 00
         00 00 00 0a
         08 00 01 00  # NFNL_BATCH_GENID
         01 02 03 04",
    );
    let messages = messages(&batch);
    assert_bytes(
        messages[0].bytes,
        "38 00 00 00
         0e 0a 01 00  # NFT_MSG_DELSETELEM
         01 00 00 00
         00 00 00 00
         01 00 00 00
         06 00 01 00
         74 00 00 00
         06 00 02 00
         73 00 00 00
         14 00 03 80
         10 00 01 80
         0c 00 01 80
         08 00 01 00
         0a 00 00 00",
    );
    assert_eq!(messages[1].attributes().count(), 3);
    let list = |message: &Message<'_>| find(message.attributes(), 3).unwrap().to_vec();
    assert_eq!(list(&messages[1]), list(&messages[2]));
}

#[test]
fn nothing_to_delete_is_no_message_for_that_would_be_a_flush() {
    let mut batch = Batch::new();
    for action in [Action::Add, Action::Delete] {
        elements::keys::<u32>(&mut batch, action, &table(), c"s", &[], 4);
        elements::ranges::<u128>(&mut batch, action, &table(), c"s", &[]);
    }
    assert!(messages(&batch.finish().unwrap()).is_empty());
}

#[test]
fn what_is_dumped_is_read_back_to_the_ranges() {
    let ranges = [
        v4("0.0.0.0", "0.0.0.9"),
        v4("10.0.0.0", "10.0.0.7"),
        v4("10.0.0.8", "10.0.0.8"),
        v4("255.0.0.0", "255.255.255.255"),
    ];
    let mut batch = Batch::new();
    elements::ranges(&mut batch, Action::Add, &table(), c"s", &ranges);
    let batch = batch.finish().unwrap();
    let mut dumped = elements::read::<u32>(&messages(&batch)[0]);
    // Kernels dump in the order of their trees, and may keep an end where the address space begins.
    dumped.reverse();
    dumped.push((0, true));
    assert_eq!(elements::intervals(&dumped), ranges);
}

#[test]
fn the_offset_of_an_error_leads_to_the_address_of_the_element() {
    let ranges = [v4("10.0.0.0", "10.0.0.7"), v4("192.0.2.9", "192.0.2.9")];
    let mut batch = Batch::new();
    elements::ranges(&mut batch, Action::Add, &table(), c"s", &ranges);
    let batch = batch.finish().unwrap();
    let message = messages(&batch)[0];
    let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    // The list begins at 36, its first element at 40; an interval has 16 and 24 bytes.
    for (offset, expected) in [
        (0, None),
        (20, None),
        (36, None),
        (40, address("10.0.0.0")),
        (44, address("10.0.0.0")),
        (56, address("10.0.0.7")),
        (80, address("192.0.2.9")),
        (96, address("192.0.2.9")),
    ] {
        assert_eq!(elements::address_at(&message, offset), expected, "{offset}");
    }
}

#[test]
fn an_extended_ack_is_read_to_its_offset_and_text() {
    let mut error = vec![];
    for word in [60u32, 0x0300_0002, 7, 0, -17i32 as u32, 100, 0x0005_0a0c, 7, 0] {
        error.extend_from_slice(&word.to_ne_bytes());
    }
    error.extend_from_slice(&[8, 0, 2, 0, 80, 0, 0, 0]);
    error.extend_from_slice(&[12, 0, 1, 0, b'o', b'v', b'e', b'r', b'l', b'a', b'p', 0]);
    error.extend_from_slice(&[0; 4]);
    let (message, rest) = Message::parse(&error).unwrap();
    assert!(rest.is_empty());
    let reply = Reply::parse(&message).unwrap();
    let text = Some("overlap".to_string());
    assert_eq!(reply, Reply { sequence: 7, errno: 17, offset: Some(80), text });
}

#[test]
fn whatever_comes_back_is_read_without_a_panic() {
    // A valid answer, damaged at random, and pure noise.
    let mut batch = Batch::new();
    objects::add_table(&mut batch, &table());
    elements::ranges(&mut batch, Action::Add, &table(), c"s", &[v4("10.0.0.0", "10.0.0.7")]);
    let valid = batch.finish().unwrap().bytes().to_vec();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..200_000 {
        let mut bytes = valid.clone();
        if round % 4 == 0 {
            bytes.iter_mut().for_each(|byte| *byte = random() as u8);
        } else {
            for _ in 0..1 + random() % 4 {
                let at = random() as usize % bytes.len();
                bytes[at] = random() as u8;
            }
        }
        bytes.truncate(random() as usize % (bytes.len() + 1));
        let mut rest = &bytes[..];
        while let Some((message, behind)) = Message::parse(rest) {
            assert!(behind.len() < rest.len(), "it goes on");
            rest = behind;
            let _ = Reply::parse(&message);
            let _ = message.resource();
            let _ = elements::address_at(&message, random() as u32 % 200);
            for attribute in message.attributes() {
                let _ = attributes(attribute.value).map(|inner| inner.value.len()).sum::<usize>();
            }
        }
    }
}

#[test]
fn what_exists_already_is_an_element_of_somebody_elses_or_a_set_that_is_just_being_filled() {
    let refused = |address: Option<&str>| {
        let operation = Operation::unnamed("x").into();
        let address = address.map(|address| address.parse().unwrap());
        Error::Refused { operation, errno: libc::EEXIST, text: None, address }.to_string()
    };
    let (set, element) = (refused(None), refused(Some("192.0.2.1")));
    assert!(element.contains("192.0.2.1") && set.contains("netfilterd"), "{element}\n{set}");
    // Each has a cause and a cure of its own.
    let cure = |text: &str| text.split_once("; ").map(|(_, cure)| cure.to_string());
    assert_ne!(cure(&element).unwrap(), cure(&set).unwrap());
}
