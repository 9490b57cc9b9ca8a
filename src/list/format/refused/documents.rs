//! Documents and packed data. What begins so is no list, whatever stands on its lines: an error page may
//! well have an address on a line of its own.

use memchr::memmem;

use super::Refused;
use super::look::{Look, is_number};
use crate::list::format::not_a_list::Kind;

pub static KINDS: &[Refused] = &[Refused::new(
    "a patch (diff)",
    "lines that begin with diff, ---, +++ or @@",
    "it has the changes of a file and not the file; apply it with patch, and read what comes of it",
    |text| {
        let is_hunk = text.begins(b"@@ -")
            && text.words().get(1..).is_some_and(|words| words.contains(&&b"@@"[..]));
        let heads: [&[u8]; 4] = [b"diff --git ", b"index ", b"new file mode ", b"\\ No newline"];
        let is_change = matches!(text.text.first(), Some(b'+' | b'-' | b' '));
        Look::sign(is_hunk || text.begins(heads[0]))
            .or_part(is_change || heads.iter().any(|head| text.begins(head)))
    },
)];

const fn kind(what: &'static str, cure: &'static str) -> Kind {
    Kind { what, cure }
}

/// What a file is by its first bytes, and what these are. The order is that of the manual page; how each is
/// found stands in [`by_first_bytes`].
pub static BY_FIRST_BYTES: [(Kind, &str); 22] = [
    (kind("packed data (gzip)", "unpack it: gzip -dc FILE"), "its first bytes"),
    (kind("packed data (xz)", "unpack it: xz -dc FILE"), "its first bytes"),
    (kind("packed data (zstd)", "unpack it: zstd -dc FILE"), "its first bytes"),
    (kind("packed data (bzip2)", "unpack it: bzip2 -dc FILE"), "its first bytes"),
    (kind("packed data (lz4)", "unpack it: lz4 -dc FILE"), "its first bytes"),
    (kind("packed data (zip)", "unpack it: unzip -p FILE"), "its first bytes"),
    (
        kind("packed data (7z)", "unpack it with 7z x, and read the list that comes out"),
        "its first bytes",
    ),
    (
        kind("packed data (rar)", "unpack it with unrar x, and read the list that comes out"),
        "its first bytes",
    ),
    (kind("UTF-32", "convert it to UTF-8: iconv -f UTF-32 -t UTF-8 FILE"), "its first bytes"),
    (kind("UTF-16", "convert it to UTF-8: iconv -f UTF-16 -t UTF-8 FILE"), "its first bytes"),
    (kind("a PDF document", "get the list as text, one entry a line"), "its first bytes"),
    (
        kind(
            "a list of PeerGuardian in binary form (P2B)",
            "get it as text, which has the name P2P (name:first-last) and can be read",
        ),
        "its first bytes",
    ),
    (
        kind(
            "a capture of packets (pcap)",
            "nothing in it shows which hosts are bad; write the addresses that are meant to a list, one a line",
        ),
        "its first bytes",
    ),
    (
        kind(
            "a database of SQLite",
            "select the column with the addresses with sqlite3, and read what it writes",
        ),
        "its first bytes",
    ),
    (
        kind(
            "a database of MaxMind (mmdb)",
            "it has the networks of all countries; get the same table as CSV, from which the agent country selects",
        ),
        "the mark of MaxMind near its end",
    ),
    (
        kind(
            "a page (HTML)",
            "a server has answered with a page, perhaps with an error; open the address in a browser, and get the list itself",
        ),
        "a first tag such as <!DOCTYPE html> or <html>",
    ),
    (
        kind(
            "an error in XML from a server",
            "open the address in a browser, and get the list itself",
        ),
        "the element Error",
    ),
    (
        kind(
            "an OpenIOC document (XML)",
            "take its addresses: sed -nE 's,.*<Content type=\"IP\">([^<]*)</Content>.*,\\1,p' FILE",
        ),
        "the element ioc or OpenIOC",
    ),
    (
        kind(
            "a STIX document (XML)",
            "an indicator may be over, or be a part of a pattern; write the addresses that are meant to a list, one a line",
        ),
        "an element of the name space stix",
    ),
    (
        kind(
            "a zone or policy of firewalld (XML)",
            "it lets pass more than it drops; make an ipset of firewalld of the networks, which can be read",
        ),
        "the element zone, policy or service",
    ),
    (
        kind("a document in XML", "write the addresses that are meant to a list, one a line"),
        "another element of XML than those that are read",
    ),
    (
        kind(
            "a mail",
            "save what is attached to it; if the list is its text, take that: sed '1,/^[[:space:]]*$/d' FILE",
        ),
        "a first line such as Return-Path: or Received:",
    ),
];

/// What data begins with, and the number of its kind.
const MAGIC: [(&[u8], usize); 21] = [
    (b"\x1f\x8b", 0),
    (b"\xfd7zXZ\0", 1),
    (b"\x28\xb5\x2f\xfd", 2),
    (b"BZh", 3),
    (b"\x04\x22\x4d\x18", 4),
    (b"PK\x03\x04", 5),
    (b"7z\xbc\xaf\x27\x1c", 6),
    (b"Rar!\x1a\x07", 7),
    (b"\xff\xfe\0\0", 8),
    (b"\0\0\xfe\xff", 8),
    (b"\xff\xfe", 9),
    (b"\xfe\xff", 9),
    (b"%PDF-", 10),
    (b"\xff\xff\xff\xffP2B", 11),
    (b"\xd4\xc3\xb2\xa1", 12),
    (b"\xa1\xb2\xc3\xd4", 12),
    (b"\x0a\x0d\x0d\x0a", 12),
    (b"SQLite format 3\0", 13),
    (b"Return-Path: <", 21),
    (b"Received: from ", 21),
    (b"Delivered-To: ", 21),
];

/// What stands near the end of a database of MaxMind, and how near.
const MMDB: (&[u8], usize) = (b"\xab\xcd\xefMaxMind.com", 128 << 10);

/// Sections of a configuration of Apache.
const APACHE: [&str; 17] = [
    "RequireAll",
    "RequireAny",
    "RequireNone",
    "Files",
    "FilesMatch",
    "Directory",
    "DirectoryMatch",
    "Location",
    "LocationMatch",
    "IfModule",
    "IfDefine",
    "IfVersion",
    "VirtualHost",
    "Limit",
    "LimitExcept",
    "If",
    "Proxy",
];

/// How far into a document its first element is looked for.
const HEAD: usize = 4 << 10;

/// What a file is by its first bytes, if no list begins with them.
pub fn by_first_bytes(text: &[u8]) -> Option<&'static Kind> {
    let found = MAGIC.iter().find(|(magic, _)| text.starts_with(magic)).map(|(_, index)| *index);
    let found = found.or_else(|| {
        let is_tree = text.first().is_some_and(|byte| *byte < b'\t');
        let end = &text[text.len().saturating_sub(MMDB.1)..];
        (is_tree && memmem::find(end, MMDB.0).is_some()).then_some(14)
    });
    let found = found.or_else(|| markup(text));
    found.and_then(|index| BY_FIRST_BYTES.get(index)).map(|(kind, _)| kind)
}

/// The number of the kind of a document that begins with a tag, a declaration or a comment.
fn markup(text: &[u8]) -> Option<usize> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    let head = &text[..text.len().min(HEAD)];
    if !is_tag(head) {
        return None;
    }
    let declared_html =
        head.get(..14).is_some_and(|head| head.eq_ignore_ascii_case(b"<!DOCTYPE html"));
    let name = first_element(head);
    let is_name =
        |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    if declared_html
        || is_name(&["html", "head", "body", "pre", "p", "h1", "table", "title", "div"])
    {
        return Some(15);
    }
    // These are read, and sections of Apache are no XML.
    if is_name(&["ipset", "ipsets"]) || is_name(&APACHE) {
        return None;
    }
    let index = match () {
        () if is_name(&["Error"]) => 16,
        () if is_name(&["ioc", "OpenIOC"]) => 17,
        () if name.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"stix:")) => 18,
        () if is_name(&["zone", "policy", "service"]) => 19,
        () => 20,
    };
    Some(index)
}

/// A tag, a declaration or a comment. `<<<<<<<` is none, and the priority of a line of syslog neither.
fn is_tag(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b"<") else { return false };
    let is_priority = rest.split(|byte| *byte == b'>').next().is_some_and(is_number);
    !is_priority
        && rest.first().is_some_and(|byte| byte.is_ascii_alphabetic() || b"!?/".contains(byte))
}

/// The name of the first element of a document, behind declarations and comments.
fn first_element(mut text: &[u8]) -> &[u8] {
    loop {
        let end: &[u8] = match text {
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            [b'<', b'?', ..] => b"?>",
            [b'<', b'!', ..] => b">",
            [b'<', rest @ ..] => {
                let length = rest.iter().take_while(|byte| !b" \t\r\n/>".contains(byte)).count();
                return &rest[..length];
            }
            _ => return b"",
        };
        let Some(at) = memmem::find(text, end) else { return b"" };
        text = text[at + end.len()..].trim_ascii_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_by_its_first_bytes_is_that_of_its_number() {
        for (text, what) in [
            (&b"\x1f\x8b\x08"[..], "packed data (gzip)"),
            (b"\xff\xfe\0\0", "UTF-32"),
            (b"\xff\xfe1\0", "UTF-16"),
            (b"\xff\xff\xff\xffP2B\x03", "a list of PeerGuardian in binary form (P2B)"),
            (b"SQLite format 3\0", "a database of SQLite"),
            (b"\0\0\x01\xab\xcd\xefMaxMind.com", "a database of MaxMind (mmdb)"),
            (b"<!-- x --><HTML>", "a page (HTML)"),
            (b"<?xml version='1.0'?>\n<Error>", "an error in XML from a server"),
            (b"<?xml version='1.0'?>\n<ioc xmlns=''>", "an OpenIOC document (XML)"),
            (b"<stix:STIX_Package>", "a STIX document (XML)"),
            (b"<zone target='DROP'>", "a zone or policy of firewalld (XML)"),
            (b"<rss>", "a document in XML"),
            (b"Received: from x", "a mail"),
        ] {
            assert_eq!(by_first_bytes(text).map(|kind| kind.what), Some(what));
        }
        for text in
            [&b"<?xml version='1.0'?>\n<ipset type='hash:ip'>"[..], b"<<<<<<< HEAD", b"192.0.2.7"]
        {
            assert_eq!(by_first_bytes(text), None);
        }
    }
}
