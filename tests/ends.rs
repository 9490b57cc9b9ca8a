//! Entries that end, the newest entries, and lists that are loaded again when they change.

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::time::{Duration, SystemTime};

use netfilterd::ip::mask::Mask;
use netfilterd::ip::range::RangeSets;
use netfilterd::list::{self, End, List, Selection, Widest};
use netfilterd::policy::timeline::Timeline;
use support::queue::{BOTH, Queues};
use support::*;

fn now() -> i64 {
    End::now().seconds()
}

/// What of a list is in force at a time, by the library.
fn at(text: &str, seconds: i64) -> RangeSets {
    let contents = list::parse(&[List::new("list", text.into())]).unwrap();
    let allowed = RangeSets::default();
    let mask = Mask { v4: None, v6: None };
    Timeline { lasting: contents.sets, ending: contents.expiring, mask, allowed }
        .at(End::at(seconds))
}

#[test]
fn where_entries_overlap_each_piece_stays_as_long_as_the_last_of_them() {
    let (today, tomorrow) = (1_800_000_000, 1_800_086_400);
    let list = format!(
        "10.1.0.0/16 until {today}\n10.1.2.0/24 until {tomorrow}\n10.2.0.0/16\n\
         10.2.3.0/24 until {today}\n2001:db8::/32 until {tomorrow}\n2001:db8::7 until {today}\n"
    );
    let shown_at = |seconds| {
        let sets = at(&list, seconds);
        [shown(&sets.v4), shown(&sets.v6)].concat()
    };
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
fn an_entry_leaves_when_its_end_has_come_and_the_list_is_not_read_for_that() {
    require!();
    let (inside, folder) = (Namespace::new(), Folder::new());
    let end = now() + 3;
    let list = folder.file(
        "list",
        format!("192.0.2.0/24 until {end}\n192.0.2.7\n198.51.100.1 until 1000000000\n"),
    );
    let daemon = Daemon::start(&inside, &["-f", &list, "--layout", "interval"]);
    let until = End::at(end);
    daemon.wait_for(&format!("1 entry ended, the next ends {until}"), 1);
    assert_eq!(inside.managed("drop4"), ["192.0.2.0/24"]);
    fs::remove_file(&list).unwrap();
    daemon.wait_for("loaded 1 network (v4 1, v6 0) from 1 list: +0 -8, 2 entries ended", 1);
    assert!(now() >= end, "it left too early");
    assert_eq!(inside.managed("drop4"), ["192.0.2.7/32"]);
}

#[test]
fn an_entry_that_ends_while_the_list_is_loaded_leaves_too() {
    require!();
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.7\n");
    let daemon = Daemon::start(&inside, &["-f", &list]);
    let end = now() + 2;
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(end as u64);
    let wait = |time: SystemTime| {
        std::thread::sleep(time.duration_since(SystemTime::now()).unwrap_or_default());
    };
    wait(at - Duration::from_millis(250));
    folder.file("list", format!("192.0.2.7\n198.51.100.1 until {end}\n"));
    daemon.signal("HUP");
    // A list that is still being written is waited for, here until the end has passed.
    while SystemTime::now() < at + Duration::from_millis(50) {
        let file = File::options().write(true).open(&list).unwrap();
        file.set_modified(SystemTime::now()).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    daemon.wait_for(", 1 entry ended", 1);
    assert_eq!(inside.managed("drop4"), ["192.0.2.7/32"]);
}

#[test]
fn entries_end_in_queue_mode_too() {
    require!("iptables-legacy");
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", format!("{FOE4} until {}\n{FOE6}\n", now() + 3));
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
    wire.inside.iptables("legacy", BOTH, "-A INPUT -p udp -j NFQUEUE --queue-num 0");
    assert!(!wire.comes_in(FOE4, INSIDE4) && !wire.comes_in(FOE6, INSIDE6));
    queues.daemon.wait_for("loaded 1 network (v4 0, v6 1) from 1 list: +0 -1, 1 entry ended", 1);
    assert!(wire.comes_in(FOE4, INSIDE4) && !wire.comes_in(FOE6, INSIDE6));
}

#[test]
fn an_entry_that_has_ended_is_not_loaded_and_said_to_have_ended() {
    require!();
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.7 until 1000000000\n192.0.2.8 until 4000000000\n");
    let loaded = inside.load(&["-f", &list]);
    assert!(loaded.stderr().contains("1 entry ended, the next ends 2096-10-02T07:06:40Z"));
    assert_eq!(inside.managed("drop4"), ["192.0.2.8/32"]);
    let asked = inside.netfilterd(&["test", "-f", &list, "192.0.2.7", "192.0.2.8"]);
    assert_eq!(asked.status(), 1);
    let said = asked.stdout();
    assert!(said.contains("192.0.2.7: not dropped, 192.0.2.7/32 ("), "{said}");
    assert!(said.contains("until 2001-09-09T01:46:40Z) has ended"), "{said}");
    assert!(said.contains("until 2096-10-02T07:06:40Z)\n"), "{said}");
    // What is never dropped is so without end.
    let allow = folder.file("allow", "192.0.2.8 until 4000000000\n");
    let refused = inside.netfilterd(&["load", "-f", &list, "--allow", &allow]);
    refused.expect(3, &["an entry of an allowlist has an end (until)"]);
}

#[test]
fn only_the_newest_entries_are_taken_by_the_age_of_lists_and_the_place_in_them() {
    let texts = [
        ("old", "10.0.0.1\n10.0.0.2\nnonsense\n", 300),
        ("new", "10.1.0.1\n\n2001:db8::1\n# x\n10.1.0.2\n", 100),
        ("middle", "10.2.0.1\n10.2.0.2 until 4000000000\n", 200),
    ];
    let folder = Folder::new();
    for (name, text, age) in texts {
        let path = folder.file(name, text);
        let time = SystemTime::now() - Duration::from_secs(age);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }
    let path = folder.path().to_str().unwrap().to_string();
    for (newest, wanted) in [
        (1, vec!["10.1.0.2/32"]),
        (2, vec!["10.1.0.2/32", "2001:db8::1/128"]),
        (3, vec!["10.1.0.1-10.1.0.2", "2001:db8::1/128"]),
        (4, vec!["10.1.0.1-10.1.0.2", "10.2.0.2/32", "2001:db8::1/128"]),
        (6, vec!["10.0.0.2/32", "10.1.0.1-10.1.0.2", "10.2.0.1-10.2.0.2", "2001:db8::1/128"]),
        (9, vec!["10.0.0.1-10.0.0.2", "10.1.0.1-10.1.0.2", "10.2.0.1-10.2.0.2", "2001:db8::1/128"]),
    ] {
        let newest = newest.to_string();
        let ran = netfilterd(&["print", "--format", "range", "-f", &path, "--newest", &newest]);
        let sets = parsed(&ran.stdout());
        assert_eq!([shown(&sets.v4), shown(&sets.v6)].concat(), wanted, "{newest}");
    }
    netfilterd(&["check", "-f", &path, "--newest", "0"]).expect(2, &["0 is not in"]);
    let checked = netfilterd(&["check", "-f", &path, "--newest", "3"]);
    assert!(
        checked.stdout().contains("/old: 0 entries, 1 line rejected, 2 entries older"),
        "{}",
        checked.stdout()
    );
}

#[test]
fn an_older_entry_is_not_said_to_drop_anything() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.7\n192.0.2.8\n192.0.2.7\n");
    let ran = netfilterd(&["test", "-f", &list, "--newest", "1", "192.0.2.7", "192.0.2.8"]);
    let said = ran.stdout();
    assert!(said.contains("192.0.2.7: dropped by 192.0.2.7/32 (") && said.contains("list:3)"));
    assert!(said.contains("192.0.2.8: not dropped\n") && !said.contains("list:1)"), "{said}");
}

#[test]
fn the_newest_are_counted_before_anything_is_ignored() {
    let texts = ["10.0.0.1\n", "0.0.0.0/0\n10.0.0.2\n"].map(|text| List::new("list", text.into()));
    let selection = Selection { widest: Widest { v4: 8, v6: 16 }, newest: Some(2) };
    let contents = list::parse_selected(&texts, selection).unwrap();
    assert_eq!(shown(&contents.sets.v4), ["10.0.0.2/32"]);
    assert_eq!(contents.report.summaries[0].older, 1);
    assert_eq!(contents.report.summaries[1].ignored, 1);
}

#[test]
fn with_watch_a_list_that_changes_is_loaded_at_once_and_a_burst_once() {
    require!();
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.7\n");
    let daemon = Daemon::start(&inside, &["-f", &list, "--watch"]);
    for octet in 8..28 {
        let mut file = OpenOptions::new().append(true).open(&list).unwrap();
        writeln!(file, "192.0.2.{octet}").unwrap();
    }
    daemon.wait_for("from 1 list: +", 2);
    let loads = |daemon: &Daemon| daemon.log().matches("from 1 list: +").count();
    assert_eq!(inside.managed("drop4"), ["192.0.2.7-192.0.2.27"], "{}", daemon.log());
    assert_eq!(loads(&daemon), 2, "one load for the burst: {}", daemon.log());

    // While somebody writes nothing is read.
    let mut file = OpenOptions::new().append(true).open(&list).unwrap();
    file.write_all(b"198.51.100.").unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(loads(&daemon), 2, "{}", daemon.log());
    file.write_all(b"77\n").unwrap();
    drop(file);
    daemon.wait_for("from 1 list: +", 3);
    assert_eq!(inside.managed("drop4"), ["192.0.2.7-192.0.2.27", "198.51.100.77/32"]);

    // A list that is gone is an error, told once, and what is loaded stays.
    fs::remove_file(&list).unwrap();
    daemon.wait_for("keeping what is loaded", 1);
    folder.file("list", "192.0.2.7\n");
    daemon.wait_for("from 1 list: +", 4);
    assert_eq!(inside.managed("drop4"), ["192.0.2.7/32"]);
}

#[test]
fn with_watch_an_allowlist_counts_as_well_and_without_it_nothing_does() {
    require!();
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.0/24\n");
    let allow = folder.file("allow", "203.0.113.1\n");
    let daemon = Daemon::start(&inside, &["-f", &list, "--allow", &allow, "--watch"]);
    folder.file("allow", "192.0.2.128/25\n");
    daemon.wait_for("from 1 list: +", 2);
    assert_eq!(inside.managed("drop4"), ["192.0.2.0/25"]);
    assert_eq!(daemon.end("TERM"), 0);

    let daemon = Daemon::start(&inside, &["-f", &list]);
    folder.file("list", "198.51.100.0/24\n");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(daemon.log().lines().count(), 1, "{}", daemon.log());
}
