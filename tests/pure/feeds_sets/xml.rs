//! Sets in XML.

use netfilterd::list::format::NotAList;
use netfilterd::list::parse_error::Reason::{
    self, Narrower, NotAnAddress, NotXml, TrailingText, Verdict,
};
use netfilterd::list::{List, ListError};

use super::{has_no_entry, has_several, holds, of_sets, read, refusal};

/// A set of these members, as ipset shows it.
fn set(name: &str, of: &str, members: &str) -> String {
    format!(
        "<ipset name=\"{name}\">\n<type>{of}</type>\n<revision>7</revision>\n<header><family>inet</family>\
         <maxelem>65536</maxelem><timeout>0</timeout><counters/><comment/></header>\n<members>\n{members}\n\
         </members>\n</ipset>\n"
    )
}

fn document(sets: &str) -> String {
    format!("<ipsets>\n{sets}</ipsets>\n")
}

/// A set of firewalld.
fn firewalld(of: &str, elements: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- x -->\n<ipset type=\"{of}\">\n{elements}\n</ipset>\n"
    )
}

#[test]
fn the_members_of_a_set_are_entries() {
    let members = "<member><elem>192.0.2.0/25</elem><timeout>299</timeout><packets>0</packets>\
                   <comment>\"evil host\"</comment></member>\n<member>\n<elem> 198.51.100.7 </elem>\n</member>\n\
                   <member><elem>192.0.2.64/26</elem><timeout>0</timeout><nomatch/></member>";
    holds(&document(&set("bad", "hash:net", members)), &["192.0.2.0/26", "198.51.100.7/32"]);
}

#[test]
fn the_entries_of_firewalld_are_entries() {
    let entries = "<short>bad</short><description>a &lt; b &#38; c</description>\n<option name=\"family\" \
                   value=\"inet\"/>\n<entry>192.0.2.7</entry>\n<entry>198.51.100.0/24</entry>";
    holds(&firewalld("hash:net", entries), &["192.0.2.7/32", "198.51.100.0/24"]);
    let name = NotAList::AllowSet { name: "My whitelist".into() };
    assert_eq!(refusal(&firewalld("hash:net", &entries.replace("bad", "My whitelist"))), name);
}

#[test]
fn several_sets_are_refused_unless_one_is_chosen() {
    let member = |address: &str| format!("<member><elem>{address}</elem></member>");
    let two = document(
        &[set("a", "hash:ip", &member("192.0.2.7")), set("b", "bitmap:ip", &member("192.0.2.8"))]
            .concat(),
    );
    has_several(&two, &["a", "b"]);
    of_sets(&two, &["b"], &["192.0.2.8/32"]);
}

#[test]
fn what_is_no_address_is_rejected_where_it_stands() {
    let rejected = |text: &str| -> (Vec<String>, Vec<(u64, Reason)>) {
        let (held, rejected) = read(text, &[]).expect("it is a list");
        (held, rejected.into_iter().map(|(line, _, reason)| (line, reason)).collect())
    };
    let entries = "<entry>192.0.2.7</entry>\n<entry>example.org</entry>\n<entry>192.0.2.1,tcp:80</entry>\n\
                   <entry>192.0.2.1 192.0.2.2</entry>\n<entry/>";
    let wanted = [(5, NotAnAddress), (6, Narrower), (7, TrailingText), (8, NotAnAddress)];
    let (held, found) = rejected(&firewalld("hash:net", entries));
    assert_eq!((held, &found[..]), (vec!["192.0.2.7/32".to_string()], &wanted[..]));
    let members = "<member><elem>192.0.2.7</elem></member>\n<member><elem>192.0.2.8</elem><comment>\"whitelisted\"\
                   </comment></member>";
    let (held, found) = rejected(&document(&set("bad", "hash:ip", members)));
    assert_eq!((held, found), (vec!["192.0.2.7/32".to_string()], vec![(8, Verdict)]));
    has_no_entry(&firewalld("hash:ip,port", "<entry>192.0.2.7</entry>"));
    has_no_entry(&firewalld("foo", "<entry>192.0.2.7</entry>"));
    let member = "<member><elem>192.0.2.0</elem></member>";
    has_no_entry(
        &document(&set("bad", "hash:ip", member)).replace("<comment/>", "<netmask>24</netmask>"),
    );
}

#[test]
fn a_document_that_is_not_whole_or_declares_entities_has_no_entry() {
    let whole = firewalld("hash:net", "<entry>192.0.2.7</entry>");
    let deep = "<x>".repeat(100_000);
    for text in [
        &whole[..whole.len() - 4],
        &whole.replace("</entry>", "</entries>"),
        &whole.replace("192.0.2.7", "&x;"),
        &whole.replace("<entry>", "<!DOCTYPE ipset [<!ENTITY x \"192.0.2.7\">]><entry>"),
        &whole.replace("<entry>", &format!("{deep}<entry>")),
        &format!("{whole}<ipset/>"),
        &format!("{whole}192.0.2.9\n"),
    ] {
        match read(text, &[]) {
            Err(ListError::NoEntry { first, .. }) => assert_eq!(first.reason, NotXml, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn what_is_missing_at_the_end_is_missing_on_the_last_line() {
    let whole = firewalld("hash:net", "<entry>192.0.2.7</entry>");
    let text = whole.replace("</ipset>", "");
    let lines = text.lines().count() as u64;
    for end in ["", "\n"] {
        match read(&format!("{}{end}", text.trim_end_matches('\n')), &[]) {
            Err(ListError::NoEntry { first, .. }) => assert!(first.line <= lines, "{}", first.line),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_document_shows_by_itself_whether_it_is_whole() {
    let xml = firewalld("hash:net", "<entry>192.0.2.7</entry>");
    let json = "{\"nftables\": [{\"set\": {\"family\": \"inet\", \"table\": \"t\", \"name\": \"bad\", \
                \"type\": \"ipv4_addr\", \"handle\": 1, \"elem\": [\"192.0.2.7\"]}}]}";
    for text in [xml.trim_end(), json] {
        assert!(!List::new("test", text.as_bytes().to_vec()).is_unfinished(), "{text}");
        holds(text, &["192.0.2.7/32"]);
    }
}
