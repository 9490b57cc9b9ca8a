//! Lists of other things than addresses: names, places in the web, numbers of autonomous systems.

use super::Refused;
use super::look::{Look, Text, address, is_host, is_name, is_number};
use crate::list::verdict;

pub static KINDS: &[Refused] = &[
    Refused::new(
        "a list of URLs",
        "lines that begin with http://, https:// or ftp://",
        "a host has other pages, too; take the hosts that are addresses, if they are to be dropped: \
         sed -nE 's,^[a-z]+://\\[?([0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]+)\\]?(:[0-9]+)?(/.*)?$,\\1,p' FILE | sort -u",
        |text| {
            let schemes: [&[u8]; 4] = [b"http://", b"https://", b"ftp://", b"tcp://"];
            Look::sign(schemes.iter().any(|scheme| text.word(0).starts_with(scheme)))
        },
    ),
    Refused::new(
        "a hosts file",
        "lines of 0.0.0.0, 127.0.0.1, :: or another address of this host, and names",
        "the addresses in it are no bad ones, the names are; a resolver can refuse these names, and a \
         packet filter cannot",
        |text| {
            let own = [
                "0.0.0.0", "127.0.0.1", "127.0.1.1", "::", "::1", "255.255.255.255", "fe80::1%lo0",
                "ff00::0", "ff02::1", "ff02::2",
            ];
            let host = text.word(0);
            let is_named = is_name(text.word(1)) && text.word(1).iter().any(u8::is_ascii_alphabetic);
            let is_own = own.iter().any(|own| own.as_bytes() == host);
            Look::sign(is_own && is_named).or_part(is_host(host) && is_named && is_note(text))
        },
    ),
    Refused::new(
        "a hosts file, or a list of hosts with notes",
        "lines of an address and a word that no comment sign stands before",
        "in a hosts file the addresses are no bad ones; if the words are notes, take the addresses: \
         awk '{print $1}' FILE",
        |text| Look::sign(is_host(text.word(0)) && is_note(text)),
    ),
    Refused::new(
        "a list of filters of a blocker of advertisements",
        "lines such as ||ads.example^ and @@||good.example^, and comments after !",
        "it names hosts, which are not looked up; a resolver can refuse these names, and a packet filter cannot",
        |text| {
            let line = text.text;
            let is_filter = line.starts_with(b"||") || line.starts_with(b"@@");
            let is_head = text.begins(b"[Adblock");
            Look::sign(is_filter || is_head).or_part(text.begins(b"!") || is_line_of_names(text))
        },
    )
    .alone(),
    Refused::new(
        "a list of AS numbers",
        "lines of AS and a number, or of a number, or JSON with asn first",
        "a list needs the networks that they announce; the agent country selects them, with --as, from a \
         table such as ip2asn",
        as_number,
    )
    .alone(),
    Refused::new(
        "a list of names of hosts",
        "lines of a name with dots, or with *. in front",
        "names are not looked up, since the answer changes and other names have the same address; a resolver \
         can refuse these names, or get a list of addresses",
        |text| {
            let is_filter = text.begins(b"||") && text.words().len() == 1;
            Look::sign(is_line_of_names(text)).or_part(is_filter)
        },
    )
    .alone(),
    Refused::new(
        "UTF-16 without a mark (little end first)",
        "a NUL byte behind each letter",
        "convert it to UTF-8: iconv -f UTF-16LE -t UTF-8 FILE",
        |text| {
            // Behind the first line the second half of the LF comes first, and the line looks like one of
            // the other order.
            let behind = text.text.strip_prefix(b"\0");
            let is_part = behind.is_some_and(|behind| is_wide(behind, 1) || matches!(behind, b"" | b"\r"));
            Look::sign(is_wide(text.text, 1)).or_part(is_part)
        },
    ),
    Refused::new(
        "UTF-16 without a mark (big end first)",
        "a NUL byte before each letter",
        "convert it to UTF-8: iconv -f UTF-16BE -t UTF-8 FILE",
        |text| Look::sign(is_wide(text.text, 0)).or_part(text.text == b"\0"),
    ),
    Refused::new(
        "binary data",
        "control characters",
        "get the list as text, one entry a line",
        |text| {
            let control = |byte: &&u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
            let count = text.text.iter().filter(control).count();
            Look::sign(count * 20 > text.text.len()).or_part(std::str::from_utf8(text.text).is_err())
        },
    )
    .alone(),
];

/// Whether words stand behind an address that are not its verdict.
fn is_note(text: &Text<'_>) -> bool {
    let begins =
        text.word(1).first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
    let rest = text.text.trim_ascii_start();
    let rest = rest.get(text.word(0).len()..).unwrap_or_default();
    let holds_other = text.words().iter().skip(1).any(|word| address(word).is_some());
    begins && text.word(1) != b"until" && verdict::denies(rest).is_none() && !holds_other
}

/// A name with dots, perhaps with a sign for all names below it, and a comment.
fn is_line_of_names(text: &Text<'_>) -> bool {
    let name = text.word(0);
    let name = name.strip_prefix(b"*.").or(name.strip_prefix(b".")).unwrap_or(name);
    let name = name.strip_suffix(b".").unwrap_or(name);
    let is_alone = text.words().get(1).is_none_or(|word| word.starts_with(b"#"));
    let is_top = name.last().is_some_and(u8::is_ascii_alphabetic);
    // No address with something behind it.
    let is_named = name.split(|byte| *byte == b'.').take(3).any(|label| !is_number(label));
    is_alone && name.contains(&b'.') && is_name(name) && is_top && is_named
}

/// `AS64496`, or the number alone, with whatever text behind it; or a record about one in JSON.
fn as_number(text: &Text<'_>) -> Look {
    if text.begins(b"{\"asn\":") {
        return Look::Sign;
    }
    let word = text.word(0);
    let named = word.get(..2).filter(|prefix| prefix.eq_ignore_ascii_case(b"AS"));
    let number = if named.is_some() { &word[2..] } else { word };
    let number = number.strip_suffix(b",").unwrap_or(number);
    let is_metadata = text.begins(b"{\"type\":\"metadata\"");
    let names_host = text.words().iter().any(|word| address(word).is_some());
    Look::sign(
        is_number(number)
            && number.len() <= 10
            && !names_host
            && (named.is_some() || !text.is_indented()),
    )
    .or_part(is_metadata)
}

/// Whether all bytes at every second place, from this one on, are NUL, and no others.
fn is_wide(line: &[u8], from: usize) -> bool {
    let nuls = line.iter().skip(from).step_by(2);
    let others = line.iter().skip(1 - from).step_by(2);
    line.len() > 1 && nuls.clone().all(|byte| *byte == 0) && others.clone().all(|byte| *byte != 0)
}
