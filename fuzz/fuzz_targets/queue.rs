//! Queue mode: packets are judged as by a naive reading of them, and each gets the verdict that the
//! messages to the kernel say.

#![no_main]

use std::num::NonZeroU32;
use std::sync::Arc;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use netfilterd::ip::{Range, RangeSet};
use netfilterd::netlink::{HEADER, Message, message_kind};
use netfilterd::nfqueue::Options;
use netfilterd::nfqueue::index::Index;
use netfilterd::nfqueue::judge::{Interfaces, Judge, Judgement, Judgements, Lists};
use netfilterd::nfqueue::message::{Incoming, Packet, Verdict, Verdicts};

fuzz_target!(|data: &[u8]| {
    let input = &mut Unstructured::new(data);
    let _ = check(input);
});

fn check(input: &mut Unstructured<'_>) -> Result<()> {
    let (networks4, networks6) = (networks::<u32>(input, 32)?, networks::<u128>(input, 128)?);
    let only = input.arbitrary::<bool>()?.then_some([2, input.int_in_range(0..=4u32)?]);
    let options = Options {
        queues: 0..=0,
        max_length: 1,
        fail_open: input.arbitrary()?,
        mark_accept: NonZeroU32::new(input.int_in_range(0..=2)?),
        mark_drop: NonZeroU32::new(input.int_in_range(0..=2)?),
    };
    let bytes = datagram(input)?;
    let mut packets = Vec::new();
    let mut rest = &bytes[..];
    while let Some((message, behind)) = Message::parse(rest) {
        rest = behind;
        let incoming = Incoming::parse(&message);
        assert_eq!(naive_packet(&message), packet_of(&incoming));
        packets.extend(packet_of(&incoming));
    }
    let judge = Judge {
        lists: Arc::new(Lists {
            v4: Index::new(RangeSet::from_ranges(
                networks4.iter().map(|&(at, length)| Range::network(at, length)).collect(),
            )),
            v6: Index::new(RangeSet::from_ranges(
                networks6.iter().map(|&(at, length)| Range::network(at, length)).collect(),
            )),
        }),
        interfaces: only.map_or(Interfaces::All, |only| Interfaces::Only(only.to_vec())),
    };
    let listed = |address: &[u8]| match address.try_into().map(u32::from_be_bytes) {
        Ok(address) => networks4
            .iter()
            .any(|&(at, length)| length == 0 || (address ^ at) >> (32 - u32::from(length)) == 0),
        Err(_) => address.try_into().map(u128::from_be_bytes).is_ok_and(|address| {
            let same = |&(at, length): &(u128, u8)| {
                length == 0 || (address ^ at) >> (128 - u32::from(length)) == 0
            };
            networks6.iter().any(same)
        }),
    };
    let mut judgements = Judgements::default();
    let judgements = judge.judge(&packets, &mut judgements);
    assert_eq!(judgements.len(), packets.len());
    for (packet, judgement) in packets.iter().zip(judgements) {
        assert_eq!(*judgement, naive_judgement(packet, only, &listed), "{packet:?}");
    }
    verdicts_arrive(&options, &packets, judgements);
    Ok(())
}

/// Few, and with addresses that packets may have: the bytes of both are mostly alike.
fn networks<A: From<u32> + std::ops::Shl<u32, Output = A>>(
    input: &mut Unstructured<'_>,
    bits: u8,
) -> Result<Vec<(A, u8)>> {
    (0..input.int_in_range(0..=3)?)
        .map(|_| {
            let high = A::from(input.arbitrary::<u32>()?);
            Ok((high << (u32::from(bits) - 32), input.int_in_range(0..=bits)?))
        })
        .collect()
}

/// Messages with the right lengths, of attributes with the right lengths, mostly.
fn datagram(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    if input.ratio(1, 8)? {
        return Ok(input.bytes(input.len())?.to_vec());
    }
    let mut bytes = Vec::new();
    while !input.is_empty() {
        let error = libc::NLMSG_ERROR as u16;
        let packet = message_kind(libc::NFNL_SUBSYS_QUEUE, libc::NFQNL_MSG_PACKET);
        let kind = *input.choose(&[packet, packet, packet, packet, error, 0])?;
        let mut payload = vec![0; 4];
        for _ in 0..input.int_in_range(0..=6)? {
            let kind = input.int_in_range(0..=12u16)?;
            let most = if i32::from(kind) == libc::NFQA_PAYLOAD { 48 } else { 8 };
            let length = input.int_in_range(0..=most)?.min(input.len());
            payload.extend_from_slice(&(4 + length as u16).to_ne_bytes());
            payload.extend_from_slice(&kind.to_ne_bytes());
            payload.extend_from_slice(input.bytes(length)?);
            payload.resize(payload.len().next_multiple_of(4), 0);
        }
        bytes.extend_from_slice(&((HEADER + payload.len()) as u32).to_ne_bytes());
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&[0; 10]);
        bytes.extend_from_slice(&payload);
    }
    Ok(bytes)
}

fn packet_of<'a>(incoming: &Incoming<'a>) -> Option<Packet<'a>> {
    match incoming {
        Incoming::Packet(packet) => Some(*packet),
        Incoming::Reply(_) | Incoming::Malformed => None,
    }
}

/// The last attribute of each kind counts; one that is too short makes the message none.
fn naive_packet<'a>(message: &Message<'a>) -> Option<Packet<'a>> {
    if message.bytes[4..6] != 0x0300u16.to_ne_bytes() {
        return None;
    }
    let all: Vec<(i32, &[u8])> =
        message.attributes().map(|attribute| (attribute.kind.into(), attribute.value)).collect();
    let last = |kind: i32| all.iter().rev().find(|(its, _)| *its == kind).map(|(_, value)| *value);
    let number = |value: &[u8]| u32::from_be_bytes([value[0], value[1], value[2], value[3]]);
    let numbers = [libc::NFQA_MARK, libc::NFQA_IFINDEX_INDEV, libc::NFQA_IFINDEX_OUTDEV];
    let too_short = |(kind, value): &(i32, &[u8])| {
        numbers.contains(kind) && value.len() < 4
            || *kind == libc::NFQA_PACKET_HDR && value.len() < 6
    };
    let header = last(libc::NFQA_PACKET_HDR).filter(|_| !all.iter().any(too_short))?;
    Some(Packet {
        id: number(header),
        family: match (header[4], header[5]) {
            (0x08, 0x00) => libc::AF_INET as u8,
            (0x86, 0xdd) => libc::AF_INET6 as u8,
            _ => 0,
        },
        mark: last(libc::NFQA_MARK).map_or(0, number),
        interface_in: last(libc::NFQA_IFINDEX_INDEV).map_or(0, number),
        interface_out: last(libc::NFQA_IFINDEX_OUTDEV).map_or(0, number),
        header: last(libc::NFQA_PAYLOAD).unwrap_or_default(),
    })
}

fn naive_judgement(
    packet: &Packet<'_>,
    only: Option<[u32; 2]>,
    listed: &impl Fn(&[u8]) -> bool,
) -> Judgement {
    // 0 is no interface, 1 is loopback.
    let judged = |index: u32| index > 1 && only.is_none_or(|only| only.contains(&index));
    let (comes_in, goes_out) = (judged(packet.interface_in), judged(packet.interface_out));
    if !comes_in && !goes_out {
        return Judgement::Accept;
    }
    let ip = packet.header;
    let (source, destination) = match (i32::from(packet.family), ip.first().map(|byte| byte / 16)) {
        (libc::AF_INET, Some(4)) if ip.len() >= 20 => (&ip[12..16], &ip[16..20]),
        (libc::AF_INET6, Some(6)) if ip.len() >= 40 => (&ip[8..24], &ip[24..40]),
        _ => return Judgement::Unreadable,
    };
    if comes_in && listed(source) || goes_out && listed(destination) {
        Judgement::Drop
    } else {
        Judgement::Accept
    }
}

/// What the kernel does: a batch verdict decides for each packet that waits up to its number.
fn verdicts_arrive(options: &Options, packets: &[Packet<'_>], judgements: &[Judgement]) {
    let mut verdicts = Verdicts::new(0);
    let wanted: Vec<(libc::c_int, u32)> = packets
        .iter()
        .zip(judgements)
        .zip(1..)
        .map(|((packet, judgement), id)| {
            let verdict = options.verdict(options.drops(*judgement), packet);
            let drops = match judgement {
                Judgement::Accept => false,
                Judgement::Drop => true,
                Judgement::Unreadable => !options.fail_open,
            };
            let code = if drops { libc::NF_DROP } else { libc::NF_ACCEPT };
            let mark = if drops { options.mark_drop } else { options.mark_accept };
            let repeats = mark.filter(|mark| mark.get() != packet.mark);
            let naive = match repeats {
                Some(mark) => Verdict { code: libc::NF_REPEAT, mark: Some(mark) },
                None => Verdict { code, mark: None },
            };
            assert_eq!(verdict, naive);
            verdicts.push(id, verdict);
            (verdict.code, verdict.mark.map_or(0, NonZeroU32::get))
        })
        .collect();
    let mut given = vec![None; packets.len()];
    let mut rest = verdicts.bytes();
    while let Some((message, behind)) = Message::parse(rest) {
        rest = behind;
        let kind = message.kind_in(libc::NFNL_SUBSYS_QUEUE);
        let (mut code, mut id, mut mark) = (0, 0, 0);
        for attribute in message.attributes() {
            let number = |at: usize| {
                u32::from_be_bytes(attribute.value[at..at + 4].try_into().expect("four bytes"))
            };
            match i32::from(attribute.kind) {
                libc::NFQA_VERDICT_HDR => (code, id) = (number(0) as libc::c_int, number(4)),
                libc::NFQA_MARK => mark = number(0),
                other => panic!("attribute {other}"),
            }
        }
        let batch = kind == Some(libc::NFQNL_MSG_VERDICT_BATCH);
        for (place, number) in given.iter_mut().zip(1..) {
            if place.is_none() && (number == id || batch && number <= id) {
                *place = Some((code, mark));
            }
        }
    }
    assert_eq!(given, wanted.into_iter().map(Some).collect::<Vec<_>>());
}
