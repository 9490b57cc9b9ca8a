//! Tables of routes of the internet: most of what they name is good.

use super::Refused;
use super::look::{Look, Text, is_any, is_network, is_number, is_place, split_once};

pub static KINDS: &[Refused] = &[
    Refused::new(
        "a BGP table (show ip bgp)",
        "lines that begin with *> or *, a network and the next hop, and the line BGP table version",
        "its routes lead to everybody, and nothing in it shows which networks are bad; write those that are \
         meant to a list, one a line",
        bgp_table,
    ),
    Refused::new(
        "a table of routes (show ip route)",
        "lines of a letter such as B or O, a network and [distance/metric]",
        "its routes lead to everybody, and nothing in it shows which networks are bad; write those that are \
         meant to a list, one a line",
        ip_routes,
    ),
    Refused::new(
        "a table of routes in columns",
        "a heading such as Prefix Next Hop or Destination Gateway, or a route of 0.0.0.0/0 or ::/0 with an \
         interface",
        "its routes lead to everybody, and nothing in it shows which networks are bad; write those that are \
         meant to a list, one a line",
        columns,
    ),
    Refused::new(
        "a table of routes of BIRD",
        "the line Table NAME:, and lines of a network, unicast or blackhole, and a protocol in brackets",
        "take the networks that are not routed: \
         awk '$2 ~ /^(blackhole|unreachable|prohibit)$/ {print $1}' FILE",
        bird,
    ),
    Refused::new(
        "a BGP table as bgpdump -m writes it",
        "lines of columns between | that begin with TABLE_DUMP2, TABLE_DUMP or BGP4MP",
        "its routes lead to everybody; take the networks of one AS, here of 64496: \
         awk -F'|' '$7 ~ /(^| )64496$/ {print $6}' FILE | sort -u",
        |text| {
            let kinds = ["TABLE_DUMP2", "TABLE_DUMP", "BGP4MP", "BGP4MP_ET"];
            Look::sign(
                text.fields(b'|').next().is_some_and(|first| is_any(first, &kinds))
                    && text.holds(b"|"),
            )
        },
    ),
];

/// The signs in front of a route, and what stands directly behind them.
fn behind_status<'a>(text: &Text<'a>) -> Option<&'a [u8]> {
    let word = text.word(0);
    let signs = word.iter().take_while(|byte| b"*>=sdhirRNSV".contains(byte)).count();
    (word.first() == Some(&b'*')).then(|| &word[signs..])
}

fn bgp_table(text: &Text<'_>) -> Look {
    let heads: [&[u8]; 4] =
        [b"BGP table version", b"Status codes:", b"Origin codes:", b"RPKI validation codes:"];
    let is_head = heads.iter().any(|head| text.text.trim_ascii_start().starts_with(head))
        || text.first_are(&[b"Network", b"Next", b"Hop"]);
    let is_route = behind_status(text).is_some_and(|rest| {
        if rest.is_empty() {
            is_place(text.word(1)) || is_place(text.word(2))
        } else {
            is_place(rest)
        }
    });
    // A long network has its next hop and its path on lines of their own.
    let is_behind = text.is_indented()
        && (is_place(text.word(0)) || is_number(text.word(0)) || text.line.error().is_some());
    let is_total = text.first_are(&[b"Displayed"]) || text.begins(b"Total number of prefixes");
    Look::sign(is_head || is_route).or_part(is_behind || is_total)
}

fn ip_routes(text: &Text<'_>) -> Look {
    let is_code =
        text.word(0).first().is_some_and(u8::is_ascii_uppercase) && text.word(0).len() <= 4;
    let at = text.words().iter().position(|word| is_network(word));
    let is_route = is_code && at.is_some_and(|at| (1..=3).contains(&at));
    let is_metric = text.words().iter().any(|word| {
        let inner = word.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]"));
        inner
            .and_then(|inner| split_once(inner, b'/'))
            .is_some_and(|(a, b)| is_number(a) && is_number(b))
    });
    let is_connected = text.holds(b"is directly connected") || text.holds(b"is subnetted");
    let is_part =
        text.begins(b"Codes:") || text.begins(b"Gateway of last resort") || text.is_indented();
    Look::sign(is_route && (is_metric || is_connected)).or_part(is_part && !text.is_entry())
}

fn bird(text: &Text<'_>) -> Look {
    let is_table =
        text.word(0) == b"Table" && text.word(1).ends_with(b":") && text.words().len() == 2;
    let kinds = ["unicast", "blackhole", "unreachable", "prohibit"];
    let is_kind =
        |index: usize| is_any(text.word(index), &kinds) && text.word(index + 1).starts_with(b"[");
    let is_route = is_place(text.word(0)) && is_kind(1) || text.is_indented() && is_kind(0);
    let is_hop = text.is_indented() && !text.is_entry();
    Look::sign(is_table || is_route).or_part(is_hop || text.begins(b"BIRD "))
}

fn columns(text: &Text<'_>) -> Look {
    let is_head = text.first_are(&[b"Prefix", b"Next", b"Hop"])
        || text.first_are(&[b"Destination", b"Gateway"])
        || text.first_are(&[b"Destination", b"Next", b"Hop"]);
    let is_everything = matches!(text.word(0), b"0.0.0.0/0" | b"::/0");
    let is_row = is_place(text.word(0)) && text.words().len() > 1;
    let is_default = is_everything && text.words().len() == 2 && is_interface(text.word(1));
    Look::sign(is_head || is_default).or_part(is_row || text.begins(b"Kernel IP"))
}

/// A name such as eth0, Null0 or GigabitEthernet0/0.
fn is_interface(word: &[u8]) -> bool {
    let letters = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    letters > 0
        && letters < word.len()
        && word[letters..].iter().all(|byte| byte.is_ascii_digit() || b"/.-".contains(byte))
}
