//! Tables of the whole internet: nothing in them is bad, and an agent selects from them.

use super::Refused;
use super::look::{Look, Text, address, is_any, is_host, is_network, is_number, is_place};

pub static KINDS: &[Refused] = &[
    Refused::new(
        "a table of a regional internet registry (delegated)",
        "lines of columns between |, such as apnic|CN|ipv4|1.0.1.0|256|20110414|allocated",
        "it has the networks of all countries; select some with the agent country: \
         /usr/local/lib/netfilterd/agents/country --country CN FILE",
        delegated,
    ),
    Refused::new(
        "a table of MaxMind (GeoLite2 or GeoIP2 blocks)",
        "a header that begins with network,geoname_id or network,autonomous_system_number",
        "it has the networks of all countries or AS numbers; select some with the agent country, which \
         takes the ZIP file as it is downloaded and says with --help what else it takes",
        maxmind,
    ),
    Refused::new(
        "a table of DB-IP",
        "lines of a first address, a last address and two letters of a country, or the number and name of an AS",
        "it has the networks of all countries; select some with the agent country: \
         /usr/local/lib/netfilterd/agents/country --country CN FILE",
        dbip,
    ),
    Refused::new(
        "a table of IPinfo",
        "a header with start_ip,end_ip or network, and country",
        "it has the networks of all countries; select some with the agent country: \
         /usr/local/lib/netfilterd/agents/country --country CN FILE",
        ipinfo,
    ),
    Refused::new(
        "a table of IP2Location",
        "lines of two addresses as numbers in quotes, and two letters of a country",
        "it has the networks of all countries; select some with the agent country: \
         /usr/local/lib/netfilterd/agents/country --country CN FILE",
        ip2location,
    ),
    Refused::new(
        "a table of the networks of AS numbers (ip2asn)",
        "lines of a first address, a last address, the number of an AS, and two letters of a country",
        "it has all networks of the internet; select those of an AS or a country with the agent country: \
         /usr/local/lib/netfilterd/agents/country --as 64496 FILE",
        ip2asn,
    ),
    Refused::new(
        "a table of the networks of AS numbers (prefix2as)",
        "lines of an address, a prefix length and the number of an AS",
        "it has all networks of the internet; take those of an AS: \
         awk '$3 == 64496 {print $1 \"/\" $2}' FILE",
        prefix2as,
    ),
];

/// Two capital letters, as a country has them; also `-`, `*` and nothing, which tables have for none.
fn is_country(text: &[u8]) -> bool {
    matches!(text, [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase())
        || matches!(text, b"-" | b"*" | b"")
}

fn is_a_country(text: &[u8]) -> bool {
    text.len() == 2 && is_country(text)
}

fn is_pair(first: &[u8], last: &[u8]) -> bool {
    match (address(first), address(last)) {
        (Some(first), Some(last)) => first.is_ipv4() == last.is_ipv4() && first <= last,
        _ => false,
    }
}

fn delegated(text: &Text<'_>) -> Look {
    let mut fields = text.text.split(|byte| *byte == b'|');
    let mut next = || fields.next().unwrap_or_default();
    let (registry, country, family, start, size) = (next(), next(), next(), next(), next());
    let registries = ["afrinic", "apnic", "arin", "iana", "lacnic", "ripencc"];
    let is_record = is_any(registry, &registries)
        && is_country(country)
        && is_any(family, &["ipv4", "ipv6", "asn"])
        && (start == b"*" || is_host(start) || is_number(start));
    let is_head = is_any(country, &registries) && !registry.is_empty() && is_number(start);
    let is_head = is_head && registry.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    Look::sign(is_record && (start == b"*" || is_number(size))).or_part(is_head)
}

fn maxmind(text: &Text<'_>) -> Look {
    let head = text.begins(b"network,geoname_id,")
        || text.begins(b"network,autonomous_system_number,")
        || text.begins(b"\xef\xbb\xbfnetwork,geoname_id,");
    let mut fields = text.fields(b',');
    Look::sign(head).or_part(fields.next().is_some_and(is_network) && fields.next().is_some())
}

fn dbip(text: &Text<'_>) -> Look {
    if text.is_csv_head() {
        return Look::Contrary;
    }
    let mut fields = text.fields(b',');
    let mut next = || fields.next().unwrap_or_default();
    let (first, last, third) = (next(), next(), next());
    let is_named = next().iter().any(u8::is_ascii_alphabetic);
    let third = is_a_country(third) || is_number(third) && is_named;
    Look::sign(third && is_pair(first, last))
}

fn ipinfo(text: &Text<'_>) -> Look {
    let begins = |beginnings: &[&[u8]]| beginnings.iter().any(|beginning| text.begins(beginning));
    let head = begins(&[b"start_ip,end_ip,", b"\"start_ip\",\"end_ip\",", b"network,country,"])
        && (text.holds(b"country") || text.holds(b"asn"))
        && (text.holds(b"continent") || text.holds(b"asn") || text.holds(b"join_key"));
    let mut fields = text.fields(b',');
    let first = fields.next().unwrap_or_default();
    Look::sign(head).or_part(is_place(first) && fields.next().is_some())
}

fn ip2location(text: &Text<'_>) -> Look {
    let is_quoted = text.begins(b"\"");
    let mut fields = text.fields(b',');
    let mut next = || fields.next().unwrap_or_default();
    let (first, last, country) = (next(), next(), next());
    Look::sign(is_quoted && is_number(first) && is_number(last) && is_country(country))
}

fn ip2asn(text: &Text<'_>) -> Look {
    let mut fields = text.text.split(|byte| *byte == b'\t');
    let mut next = || fields.next().unwrap_or_default();
    let (first, last, number, country) = (next(), next(), next(), next());
    let is_none = matches!(country, b"None" | b"Unknown");
    let is_row = is_pair(first, last) && is_number(number);
    Look::sign(is_row && (is_none || is_a_country(country)))
}

fn prefix2as(text: &Text<'_>) -> Look {
    let [host, length, systems] = text.words() else { return Look::Other };
    let is_length = is_number(length) && length.len() <= 3;
    let is_systems = systems.iter().all(|byte| byte.is_ascii_digit() || b"_,".contains(byte));
    Look::sign(is_host(host) && is_length && is_systems && systems.len() > 1)
}
