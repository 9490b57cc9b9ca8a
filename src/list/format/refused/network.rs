//! What programs of a host show of its network: rules, connections, routes and neighbours.

use super::Refused;
use super::look::{Look, Text, is_any, is_host, is_number, is_place};

pub static KINDS: &[Refused] = &[
    Refused::new(
        "the output of iptables -L",
        "a line that begins with Chain, and the heading target prot opt source destination",
        "it does not show all conditions of a rule; iptables-save shows them, and its output can be read",
        iptables,
    ),
    Refused::new(
        "the output of ufw status",
        "the heading To Action From, and rows with ALLOW, DENY, LIMIT or REJECT in the second column",
        "take the sources of the rules that deny everything from them: \
         awk '{sub(/ *#.*/, \"\")} sub(/^(\\[ *[0-9]+\\] )?Anywhere( \\(v6\\))? +(DENY|REJECT)( IN)? +/, \"\") && NF == 1 && $1 != \"Anywhere\"' FILE",
        ufw,
    ),
    Refused::new(
        "the output of fail2ban-client status, which names jails and no addresses",
        "lines with Number of jail: or Jail list:",
        "get the addresses of all jails from fail2ban-client banned, whose output can be read",
        |text| {
            let is_jails = text.holds(b"Number of jail:") || text.holds(b"Jail list:");
            Look::sign(is_jails).or_part(text.words() == [b"Status"])
        },
    ),
    Refused::new(
        "a table of connections (conntrack)",
        "lines with src= and dst=, sport= and dport=",
        "nothing in it shows which of them are bad; the agent conntrack-summary selects hosts with many",
        |text| {
            let has = |name: &[u8]| text.words().iter().any(|word| word.starts_with(name));
            Look::sign(has(b"src=") && has(b"dst=") && !has(b"SRC="))
        },
    ),
    Refused::new(
        "a table of connections (ss or netstat)",
        "the heading State Recv-Q Send-Q or Proto Recv-Q Send-Q, and rows of a state and ports",
        "nothing in it shows which of them are bad; write the addresses that are meant to a list, one a line",
        sockets,
    ),
    Refused::new(
        "a table of neighbours (ip neigh or arp)",
        "lines of an address, dev, an interface and lladdr, or the heading Address HWtype HWaddress",
        "these hosts are on this network, and nothing in it shows which of them are bad",
        neighbours,
    ),
    Refused::new(
        "a table of routes (ip route)",
        "lines of a network with via, dev, proto, scope or metric, or of blackhole and a network",
        "take the networks that are not routed: \
         awk '$1 ~ /^(blackhole|unreachable|prohibit)$/ && $2 != \"default\" {print $2}' FILE",
        ip_route,
    ),
    Refused::new(
        "the output of whois",
        "lines such as inetnum:, NetRange: or CIDR: with networks",
        "it names a network and those above it; take the ranges and then remove those that are too wide: \
         sed -nE 's/^(inetnum|inet6num|NetRange): +//p' FILE",
        whois,
    ),
    Refused::new(
        "objects of a routing registry (whois)",
        "lines such as route: or route6: with networks",
        "take the networks: sed -nE 's/^route6?: +//p' FILE",
        |text| {
            let is_route = matches!(text.word(0), b"route:" | b"route6:") && is_place(text.word(1));
            Look::sign(is_route).or_part(is_attribute(text))
        },
    ),
];

const TARGETS: &[&str] =
    &["tcp", "udp", "all", "icmp", "icmpv6", "ipv6-icmp", "sctp", "esp", "ah", "0", "6", "17"];

fn iptables(text: &Text<'_>) -> Look {
    let is_chain = text.word(0) == b"Chain" && text.word(2).starts_with(b"(");
    let is_head = text.holds(b"target") && text.holds(b"prot") && text.holds(b"source");
    let is_rule = text
        .words()
        .windows(2)
        .any(|pair| is_any(pair[0], TARGETS) && is_any(pair[1], &["--", "-f", "!f"]));
    // ip6tables shows nothing under opt.
    let is_rule6 = text
        .words()
        .windows(3)
        .any(|words| is_any(words[0], TARGETS) && words[1..].iter().all(|word| is_place(word)));
    Look::sign(is_chain || is_head).or_part(is_rule || is_rule6)
}

fn ufw(text: &Text<'_>) -> Look {
    let is_head = text.first_are(&[b"To", b"Action", b"From"]);
    let verdicts = ["ALLOW", "DENY", "LIMIT", "REJECT"];
    let place = text.words().iter().position(|word| is_any(word, &verdicts));
    let is_rule = place.is_some_and(|place| {
        // The columns are apart, and something stands on both sides.
        let is_apart = text.text.windows(2).any(|pair| pair == b"  ");
        let mut source = text.words()[place + 1..].iter();
        let is_source = source
            .find(|word| !is_any(word, &["IN", "OUT", "FWD"]))
            .is_some_and(|word| *word == b"Anywhere" || is_place(word));
        let is_end = source.next().is_none_or(|word| {
            is_any(word, &["(v6)", "on", "(log)", "(log-all)", "(out)"])
                || is_number(word)
                || word.starts_with(b"#")
                || word.ends_with(b"/tcp")
                || word.ends_with(b"/udp")
        });
        (1..=5).contains(&place) && is_apart && is_source && is_end
    });
    let is_part = text.begins(b"Status: ")
        || text.begins(b"Logging: ")
        || text.begins(b"Default: ")
        || text.begins(b"New profiles: ")
        || text.begins(b"--  ");
    Look::sign(is_head || is_rule).or_part(is_part)
}

fn sockets(text: &Text<'_>) -> Look {
    let is_head = text.has(b"Recv-Q") && text.has(b"Send-Q");
    let states = [
        "ESTAB",
        "SYN-RECV",
        "SYN-SENT",
        "TIME-WAIT",
        "CLOSE-WAIT",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "LAST-ACK",
        "CLOSING",
        "LISTEN",
        "UNCONN",
        "tcp",
        "tcp6",
        "udp",
        "udp6",
        "tcpLISTEN",
        "raw",
        "unix",
    ];
    let is_row = is_any(text.word(0), &states)
        && (is_number(text.word(1)) || is_any(text.word(1), &states))
        && is_number(text.word(2));
    Look::sign(is_head || is_row && text.words().iter().any(|word| is_socket(word)))
        .or_part(is_row || text.begins(b"Active Internet connections"))
}

/// An address or a star with a port behind it.
fn is_socket(word: &[u8]) -> bool {
    let Some(colon) = memchr::memrchr(b':', word) else { return false };
    let (host, port) = (&word[..colon], &word[colon + 1..]);
    let host = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
    let host = host.split(|byte| *byte == b'%').next().unwrap_or_default();
    (is_host(host) || matches!(host, b"*" | b"::")) && (port == b"*" || !port.is_empty())
}

fn neighbours(text: &Text<'_>) -> Look {
    let is_row = is_host(text.word(0))
        && (text.word(1) == b"dev" && (text.has(b"lladdr") || text.words().len() <= 5)
            || text.word(1) == b"ether");
    let is_head = text.first_are(&[b"Address", b"HWtype"]);
    Look::sign(is_row || is_head)
}

fn ip_route(text: &Text<'_>) -> Look {
    let kinds = [
        "blackhole",
        "unreachable",
        "prohibit",
        "throw",
        "local",
        "broadcast",
        "unicast",
        "multicast",
    ];
    let named = usize::from(is_any(text.word(0), &kinds));
    let target = text.word(named);
    let is_target = target == b"default" || is_place(target);
    let words =
        ["via", "dev", "proto", "scope", "metric", "src", "table", "nhid", "pref", "mtu", "onlink"];
    let is_route = is_any(text.word(named + 1), &words) || named == 1 && text.words().len() == 2;
    let is_hop = text.is_indented() && matches!(text.word(0), b"nexthop");
    Look::sign(is_target && is_route).or_part(is_hop)
}

fn whois(text: &Text<'_>) -> Look {
    let names = ["inetnum:", "inet6num:", "NetRange:", "CIDR:"];
    let is_range = is_any(text.word(0), &names)
        && text.words()[1..].iter().any(|word| is_place(word.strip_suffix(b",").unwrap_or(word)));
    Look::sign(is_range).or_part(is_attribute(text))
}

/// `name: value`, or a remark of the server.
fn is_attribute(text: &Text<'_>) -> bool {
    let name = text.word(0);
    let is_name = name.strip_suffix(b":").is_some_and(|name| {
        name.first().is_some_and(u8::is_ascii_alphabetic)
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-/".contains(byte))
    });
    is_name || text.begins(b"%") || text.is_indented() && !text.is_entry()
}
