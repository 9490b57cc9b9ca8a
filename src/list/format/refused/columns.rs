//! Columns of which nothing says what they mean, and forms that mean another thing than an address.

use super::Refused;
use super::look::{
    Look, Text, address, is_any, is_host, is_name, is_network, is_number, is_place, is_wildcard,
    split_once, v4,
};
use crate::list::format::text::unquoted;
use crate::list::grammar::{Form, Found};

pub static KINDS: &[Refused] = &[
    Refused::new(
        "a list of addresses with ports",
        "lines of an address, a colon and a number",
        "a port of a host is meant, and other programs of the host may be good; take the hosts, if they are \
         to be dropped: sed -nE 's/^\\[?([0-9a-fA-F.:]+)\\]?:[0-9]+([^0-9].*)?$/\\1/p' FILE",
        |text| Look::sign(!text.is_entry() && is_socket(text.word(0))),
    ),
    Refused::new(
        "a CSV table of addresses with ports",
        "lines of columns between commas, of which one has an address, a colon and a number",
        "a port of a host is meant, and other programs of the host may be good; take the hosts, if they are \
         to be dropped: sed -nE 's/^(.*,)? *\"?([0-9.]+):[0-9]+\"?(,.*)?$/\\2/p' FILE",
        |text| {
            if text.is_csv_head() {
                return Look::Contrary;
            }
            let is_table = text.holds(b",");
            let mut fields = text.fields(b',');
            Look::sign(is_table && fields.any(|field| is_socket(field) && field.contains(&b'.')))
        },
    ),
    Refused::new(
        "addresses in which the dots were changed (defanged)",
        "addresses with [.], (.), [dot] or [:], or hxxp://",
        "change them back: \
         sed -E 's/\\[(:+)\\]/\\1/g; s/(\\[|\\()(\\.|dot)(\\]|\\))/./g' FILE",
        |text| {
            let marks: [&[u8]; 5] = [b"[.]", b"(.)", b"[dot]", b"[:]", b"hxxp"];
            Look::sign(marks.iter().any(|mark| text.holds(mark)))
        },
    ),
    Refused::new(
        "ranges with a dash that is not the one of ASCII",
        "lines of two addresses with an en dash or another long dash between them",
        "write the dash of ASCII: awk '{print $1 \"-\" $3}' FILE",
        |text| {
            let dashes = ["–", "—", "−", "‐", "‑"];
            let [first, dash, last] = text.words() else { return Look::Other };
            Look::sign(is_any(dash, &dashes) && is_host(first) && is_host(last))
        },
    ),
    Refused::new(
        "a list of reputations of Suricata (iprep)",
        "lines of an address, a number of a category from 1 to 60 and a score up to 127, with commas",
        "only the category and the score show whether an address is bad; take those of one category with a \
         high score: awk -F, '$2 == 1 && $3 >= 50 {print $1}' FILE",
        |text| {
            let mut fields = text.text.split(|byte| *byte == b',');
            let mut next = || fields.next().unwrap_or_default();
            let (place, category, score, rest) = (next(), next(), next(), next());
            let below = |text: &[u8], most: u8| {
                let number =
                    std::str::from_utf8(text).ok().and_then(|text| text.parse::<u8>().ok());
                number.is_some_and(|number| number <= most)
            };
            Look::sign(
                is_place(place) && below(category, 60) && below(score, 127) && rest.is_empty(),
            )
        },
    ),
    Refused::new(
        "a map of HAProxy (addresses with a value each)",
        "lines of an address or network and a value, of which one is 0",
        "only the value shows whether an address is bad; take those with the value that drops, here 1: \
         awk '$2 == \"1\" {print $1}' FILE",
        |text| {
            let [place, value] = text.words() else { return Look::Other };
            // A larger number is a count.
            let is_value = *value == b"1" || is_name(value) && !is_number(value);
            // Of no address at all it may be the length.
            let is_sign = *value == b"0" && *place != b"0.0.0.0" && *place != b"::";
            Look::sign(is_place(place) && is_sign).or_part(is_place(place) && is_value)
        },
    ),
    Refused::new(
        "a zone of a name server with a policy (RPZ)",
        "names that end in rpz-ip, rpz-client-ip, rpz-nsip or rpz-nsdname, and CNAME",
        "its networks are those of answers to clients; take the IPv4 networks that it refuses: \
         awk '$1 ~ /\\.rpz-ip$/ && $NF == \".\" && split($1, p, \".\") == 6 {print p[5] \".\" p[4] \".\" p[3] \".\" p[2] \"/\" p[1]}' FILE",
        |text| {
            let name = text.word(0);
            let ends: [&[u8]; 4] = [b".rpz-ip", b".rpz-client-ip", b".rpz-nsip", b".rpz-nsdname"];
            let is_policy = ends.iter().any(|end| name.ends_with(end)) && text.has(b"CNAME");
            Look::sign(is_policy).or_part(is_zone_line(text) != Look::Other)
        },
    ),
    Refused::new(
        "a zone of a name server",
        "lines such as $TTL, $ORIGIN, and records with SOA, NS, A or CNAME",
        "its addresses are those of names, and nothing in it shows which are bad; write the addresses that \
         are meant to a list, one a line",
        is_zone_line,
    ),
    Refused::new(
        "questions to a list in DNS (7.100.51.198.dnsbl.example)",
        "names that begin with the four octets of an address in reverse order",
        "turn the octets round: awk -F. '{print $4 \".\" $3 \".\" $2 \".\" $1}' FILE",
        |text| {
            let labels: Vec<&[u8]> = text.word(0).split(|byte| *byte == b'.').collect();
            let is_octet = |label: &&[u8]| {
                (1..=3).contains(&label.len()) && label.iter().all(u8::is_ascii_digit)
            };
            let is_question = labels.len() >= 6
                && labels[..4].iter().all(is_octet)
                && labels[4..].iter().any(|label| label.iter().any(u8::is_ascii_alphabetic));
            Look::sign(is_question && text.words().len() == 1)
        },
    ),
    Refused::new(
        "a table in Markdown",
        "lines between |, with a line of dashes below the heading",
        "take its first column: \
         awk -F'|' '{gsub(/[ `]/, \"\", $2)} $2 ~ /[.:]/ && $2 ~ /^[0-9a-fA-F.:\\/]+$/ {print $2}' FILE",
        |text| {
            let line = text.text.trim_ascii();
            let is_row = line.starts_with(b"|") && line.ends_with(b"|") && line.len() > 2;
            let is_rule = line.iter().all(|byte| b"|-: ".contains(byte)) && text.holds(b"--");
            Look::sign(is_row && is_rule).or_part(is_row || text.begins(b"#"))
        },
    ),
];

pub static LIKELY_KINDS: &[Refused] = &[
    Refused::new(
        "two columns of addresses, which may be ranges or hosts",
        "lines of two addresses with a blank, a comma or a semicolon between them",
        "if they are the first and the last of ranges: \
         awk -F'[ ,;\\t]+' '{print $1 \"-\" $2}' FILE, or if all are hosts: \
         awk -F'[ ,;\\t]+' '{print $1; print $2}' FILE",
        two_columns,
    ),
    Refused::new(
        "a list of addresses that are cut short (198.51.100)",
        "lines of one to three numbers with dots",
        "such an address is a host for some programs, and a network for others; if three numbers are a \
         network: sed -E 's/^([0-9]+\\.[0-9]+\\.[0-9]+)\\.?$/\\1.0\\/24/' FILE",
        |text| {
            let [word] = text.words() else { return Look::Other };
            let word = word.strip_suffix(b".").unwrap_or(word);
            let labels = word.split(|byte| *byte == b'.');
            let is_octet = |label: &[u8]| {
                std::str::from_utf8(label).is_ok_and(|label| label.parse::<u8>().is_ok())
            };
            let count = word.iter().filter(|byte| **byte == b'.').count();
            Look::sign((1..=2).contains(&count) && labels.into_iter().all(is_octet))
        },
    )
    .alone(),
    Refused::new(
        "rules of Shorewall",
        "lines of ACCEPT, DROP, REJECT or DNAT and two zones",
        "a rule means more than an address, such as a port; write the addresses that are to be dropped to a \
         list, one a line",
        shorewall,
    ),
];

/// An address with a port.
fn is_socket(word: &[u8]) -> bool {
    let word = word.strip_suffix(b",").unwrap_or(word);
    let Some(colon) = memchr::memrchr(b':', word) else { return false };
    let (host, port) = (&word[..colon], &word[colon + 1..]);
    let is_port = is_number(port) && port.len() <= 5;
    let inner = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]"));
    is_port && (v4(host).is_some() || inner.is_some_and(is_host))
}

fn two_columns(text: &Text<'_>) -> Look {
    if text.is_csv_head() {
        return Look::Contrary;
    }
    if text.is_entry()
        || matches!(text.line.found, Ok(Found::LeadingEntry(ref entry)) if entry.form != Form::Host)
    {
        return Look::Other;
    }
    let is_sign = |byte: &u8| b" ,;\t".contains(byte);
    let mut columns = text.text.split(is_sign).filter(|column| !column.is_empty()).map(unquoted);
    let mut next = || columns.next().unwrap_or_default();
    let (first, second, third) = (next(), next(), next());
    let is_pair = match (address(first), address(second)) {
        (Some(first), Some(second)) => first.is_ipv4() == second.is_ipv4(),
        _ => false,
    };
    // A netmask behind an address is a form of its own, and so is a wildcard mask.
    let is_mask = v4(second).is_some_and(|mask| {
        let mask = u32::from(mask);
        mask.leading_ones() >= 8 && mask.leading_ones() + mask.trailing_zeros() >= 32
    });
    let is_mask = is_mask || is_wildcard(second);
    // A length behind them would say which of both it is.
    Look::sign(is_pair && !is_mask && !is_place(third) && !is_number(third))
}

fn is_zone_line(text: &Text<'_>) -> Look {
    let kinds = ["SOA", "NS", "A", "AAAA", "CNAME", "TXT", "MX", "PTR", "SRV", "CAA"];
    let is_record = text.words().iter().skip(usize::from(!text.is_indented())).take(4);
    let is_record = is_record.clone().any(|word| is_any(word, &kinds));
    let is_head = matches!(text.word(0), b"$TTL" | b"$ORIGIN" | b"$INCLUDE");
    let is_sign =
        is_head || text.words().iter().take(4).any(|word| is_any(word, &["SOA", "CNAME"]));
    let numbers =
        text.is_indented() && text.words().iter().all(|word| is_number(word) || *word == b")");
    Look::sign(is_sign && (is_head || is_record)).or_part(is_record || numbers)
}

fn shorewall(text: &Text<'_>) -> Look {
    let action = text.word(0);
    let action = split_once(action, b'(').map_or(action, |(action, _)| action);
    let action = split_once(action, b':').map_or(action, |(action, _)| action);
    let actions = ["ACCEPT", "DROP", "REJECT", "DNAT", "REDIRECT", "CONTINUE", "WHITELIST", "LOG"];
    let is_zone = |word: &[u8]| {
        let zone = split_once(word, b':').map_or(word, |(zone, _)| zone);
        let zone = zone.strip_prefix(b"$").unwrap_or(zone);
        zone.first().is_some_and(u8::is_ascii_alphabetic)
            && zone.iter().all(u8::is_ascii_alphanumeric)
    };
    let is_section = matches!(text.word(0), b"?SECTION" | b"SECTION");
    let is_rule = is_any(action, &actions) && is_zone(text.word(1)) && is_zone(text.word(2));
    Look::sign(is_rule && !is_network(text.word(1))).or_part(is_section)
}
