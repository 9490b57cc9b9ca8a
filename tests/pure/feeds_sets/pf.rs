//! Tables of pf.conf.

use netfilterd::list::format::NotAList;
use netfilterd::list::parse_error::Reason::{NotAnAddress, NotOfTheFormat, TrailingText};

use super::{accepts, has_several, holds, holds_but, of_sets, refusal};

#[test]
fn the_elements_of_a_table_are_entries_and_exceptions() {
    holds(
        "table <bad> persist { 192.0.2.7, 198.51.100.0/24 }\n",
        &["192.0.2.7/32", "198.51.100.0/24"],
    );
    holds("table <bad> { 192.0.2.0/24 !192.0.2.128/25, ! 192.0.2.0/26 } # x\n", &["192.0.2.64/26"]);
    holds(
        "# pf.conf\next_if = \"em0\"\nset skip on lo\ntable <bad> const \\\n  counters { \\\n  \
         192.0.2.7 \\\n  2001:db8::/32 # x\n}\nblock in quick from <bad>\npass out\n",
        &["192.0.2.7/32", "2001:db8::/32"],
    );
    holds("table <bad> persist\n", &[]);
    holds("table <bad> persist file \"/etc/bad\" { 192.0.2.7 }\n", &["192.0.2.7/32"]);
}

#[test]
fn several_tables_are_refused_unless_one_is_chosen() {
    let two = "table <bad> { 192.0.2.7 }\ntable <clients> { 198.51.100.0/24 }\n";
    has_several(two, &["bad", "clients"]);
    of_sets(two, &["bad"], &["192.0.2.7/32"]);
    let name = NotAList::AllowSet { name: "trusted".into() };
    assert_eq!(refusal("table <trusted> { 192.0.2.7 }\n"), name);
}

#[test]
fn a_table_that_a_rule_passes_is_refused() {
    let table = "table <hosts> { 192.0.2.7 }\nblock all\n";
    accepts(&format!("{table}pass in from <hosts>\n"), "hosts", 3);
    accepts(&format!("{table}pass in \\\n from <hosts>\n"), "hosts", 4);
    accepts(&format!("{table}block from ! <hosts>\n"), "hosts", 3);
    holds(&format!("{table}block in \\\n from <hosts>\n"), &["192.0.2.7/32"]);
    holds(&format!("{table}block in from <hosts>\npass in from ! <hosts>\n"), &["192.0.2.7/32"]);
}

#[test]
fn a_line_of_a_table_is_read_as_a_whole_or_rejected() {
    holds_but(
        "table <bad> {\n192.0.2.7, self\n192.0.2.9\n192.0.2.1-192.0.2.3\n}\n192.0.2.11\n",
        &["192.0.2.9/32"],
        &[(2, 12, NotAnAddress), (4, 20, TrailingText), (6, 1, NotOfTheFormat("pf tables"))],
    );
    holds_but(
        "table <bad> { 192.0.2.7 }\ntable <bad> { 192.0.2.9 } x\ntable <bad> { 192.0.2.8 ! }\n",
        &["192.0.2.7/32"],
        &[(2, 27, TrailingText), (3, 26, NotAnAddress)],
    );
}
