//! Entries that end, and the newest entries: what of a list is in force at a time.

use std::collections::BTreeMap;

use kit::merged;
use netfilterd::ip::RangeSets;
use netfilterd::ip::mask::Mask;
use netfilterd::list::{self, End, List, Selection, Widest};
use netfilterd::policy::timeline::Timeline;

/// The networks and ranges of both families.
fn shown(sets: &RangeSets) -> Vec<String> {
    let networks: String = sets.networks().map(|network| format!("{network}\n")).collect();
    let merged = merged(&networks);
    [merged.v4, merged.v6].concat()
}

/// What of a list is in force at a time, by the library.
fn at(text: &str, seconds: i64) -> RangeSets {
    let contents = list::parse(&[List::new("list", text.into())]).unwrap();
    let mask = Mask { v4: None, v6: None };
    Timeline::new(contents.sets, contents.expiring, mask).at(End::at(seconds))
}

#[test]
fn where_entries_overlap_each_piece_stays_as_long_as_the_last_of_them() {
    let (today, tomorrow) = (1_800_000_000, 1_800_086_400);
    let list = format!(
        "10.1.0.0/16 until {today}\n10.1.2.0/24 until {tomorrow}\n10.2.0.0/16\n\
         10.2.3.0/24 until {today}\n2001:db8::/32 until {tomorrow}\n2001:db8::7 until {today}\n"
    );
    let shown_at = |seconds| shown(&at(&list, seconds));
    assert_eq!(shown_at(today - 1), ["10.1.0.0-10.2.255.255", "2001:db8::/32"]);
    assert_eq!(shown_at(today), ["10.1.2.0/24", "10.2.0.0/16", "2001:db8::/32"]);
    assert_eq!(shown_at(tomorrow), ["10.2.0.0/16"]);
    // A clock that is put back.
    assert_eq!(shown_at(today - 1), ["10.1.0.0-10.2.255.255", "2001:db8::/32"]);
}

#[test]
fn at_any_time_what_is_in_force_is_what_the_entries_that_have_not_ended_hold() {
    let mut seed = 9u64;
    let mut random = |end: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % end
    };
    for _ in 0..300 {
        // Two small corners of the address space, one of each family.
        let mut naive: BTreeMap<u64, Option<i64>> = BTreeMap::new();
        let mut text = String::new();
        for _ in 0..random(12) {
            let (first, length) = (random(64), 1 + random(16));
            let end = (random(3) > 0).then(|| 1_800_000_000 + random(5) as i64);
            let last = (first + length - 1).min(63);
            let until = end.map_or(String::new(), |end| format!(" until {end}"));
            text += &format!("192.0.2.{first}-192.0.2.{last}{until}\n");
            text += &format!("2001:db8::{first:x}-2001:db8::{last:x}{until}\n");
            for address in first..=last {
                // No end is later than any.
                naive
                    .entry(address)
                    .and_modify(|known| *known = known.zip(end).map(|(a, b)| a.max(b)))
                    .or_insert(end);
            }
        }
        for seconds in 1_799_999_999..1_800_000_006 {
            let sets = at(&text, seconds);
            for address in 0..64u64 {
                let wanted = naive.get(&address).is_some_and(|end| end.is_none_or(|e| e > seconds));
                assert_eq!(sets.v4.contains(0xc000_0200 | address as u32), wanted, "{text}");
                let v6 = 0x2001_0db8 << 96 | u128::from(address);
                assert_eq!(sets.v6.contains(v6), wanted, "{text}");
            }
        }
    }
}

#[test]
fn the_newest_are_counted_before_anything_is_ignored() {
    let texts = ["10.0.0.1\n", "0.0.0.0/0\n10.0.0.2\n"].map(|text| List::new("list", text.into()));
    let selection = Selection { widest: Widest { v4: 8, v6: 16 }, newest: Some(2) };
    let contents = list::parse_selected(&texts, selection).unwrap();
    assert_eq!(shown(&contents.sets), ["10.0.0.2/32"]);
    assert_eq!(contents.report.summaries[0].older, 1);
    assert_eq!(contents.report.summaries[1].ignored, 1);
}
