//! What is known to be no list.

use super::*;

// What is no list

#[track_caller]
fn looks_like(text: impl AsRef<[u8]>, wanted: Suspect) {
    match list::parse(&[List::new("list", text.as_ref().to_vec())]) {
        Err(ListError::LooksLike { suspect, .. }) => assert_eq!(suspect, wanted),
        other => panic!("{}: {:?}", text.as_ref().escape_ascii(), other.map(|read| read.sets)),
    }
}

#[test]
fn a_page_is_no_list_even_if_an_address_stands_on_a_line_of_it() {
    let page = "<!DOCTYPE html>\n<html><body><pre>\nYour address is\n203.0.113.7\n</pre>\n";
    looks_like(page, Suspect::Markup);
    looks_like("\n  <html><head></head></html>\n", Suspect::Markup);
    looks_like("<?xml version=\"1.0\"?>\n<Error>AccessDenied</Error>\n", Suspect::Markup);
    looks_like("\u{feff}<!-- nothing -->\n", Suspect::Markup);
}

#[test]
fn packed_data_is_named_with_what_unpacks_it() {
    for (magic, tool) in [
        (&b"\x1f\x8b\x08\0"[..], "gzip -d"),
        (b"\xfd7zXZ\0\0", "xz -d"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd -d"),
        (b"BZh91AY", "bzip2 -d"),
        (b"PK\x03\x04\x14", "unzip"),
    ] {
        looks_like([magic, b"\n192.0.2.7\n"].concat(), Suspect::Packed(tool));
    }
    looks_like(b"%PDF-1.7\n", Suspect::Pdf);
}

#[test]
fn utf16_is_named_with_or_without_its_mark() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    looks_like(wide("\u{feff}192.0.2.7\n"), Suspect::Utf16);
    looks_like(wide("192.0.2.7\r\n192.0.2.9\r\n"), Suspect::Utf16);
    let big: Vec<u8> = "192.0.2.7\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    looks_like(big, Suspect::Utf16);
    looks_like([0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 9, 9, 9, 9], Suspect::Binary);
    looks_like([1, 2, 3, 4, 5, 6, 7, 8], Suspect::Binary);
}

#[test]
fn lists_of_other_things_than_addresses_are_named() {
    looks_like(
        "# hosts\n0.0.0.0 ads.example\n0.0.0.0 more.example\n::1 localhost\n",
        Suspect::Hosts,
    );
    looks_like("ads.example\n||more.example^\n*.org.example\n", Suspect::Names);
    looks_like("AS64496\nAS64497 # somebody\nAS64511 Somebody Else\n", Suspect::AsNumbers);
    looks_like("64496\n64497\n", Suspect::AsNumbers);
}

#[test]
fn what_looks_like_nothing_known_is_refused_with_its_first_line() {
    let error = list::parse(&[List::new("list", b"what is this\nand this\n".to_vec())]);
    assert!(matches!(error, Err(ListError::NoEntry { .. })));
}

#[test]
fn one_entry_among_names_is_a_list_with_rejected_lines() {
    let read = list::parse(&[List::new("list", b"ads.example\n192.0.2.7\nx.example\n".to_vec())]);
    assert_eq!(read.expect("a list").report.rejected_lines(), 2);
}
