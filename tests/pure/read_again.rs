//! Lists that are read again with what is kept of the last reading: the same as a reading of all of it,
//! whatever was changed in between.

use std::cell::Cell;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use kit::files::Folder;
use kit::random::Random;
use netfilterd::ip::{Families, Mask, Range, RangeSet, RangeSets};
use netfilterd::list::chunk::Cut;
use netfilterd::list::{
    self, Cache, End, Entry, EntryObserver, List, ListError, Parsed, Purpose, Selection, Sizes,
    Source, Unparsed, Widest,
};
use netfilterd::policy::desired::{DesiredState, Request};
use netfilterd::policy::protect::{Facts, Protected};
use netfilterd::progress::Unseen;

const NOW: i64 = 1_796_000_000;

/// So small that a list of a hundred lines has many chunks.
const SMALL: Sizes = Sizes { from: 0, cut: Cut { least: 48, most: 400, one_in: 2 } };

/// Keeps the entries that it has to look at.
#[derive(Debug, PartialEq)]
struct Looking {
    /// The first octet from which on an entry is near.
    near: [u64; 1],
    seen: Vec<(usize, u64, Entry, Option<End>)>,
}

impl EntryObserver for Looking {
    fn is_near(&self, range: Range<u32>) -> bool {
        u64::from(range.first() >> 24) >= self.near[0]
    }

    fn nearness(&self) -> &[u64] {
        &self.near
    }

    fn look(&mut self, list: usize, line: u64, entry: Entry, end: Option<End>) {
        self.seen.push((list, line, entry, end));
    }

    fn forget(&mut self) {
        self.seen.clear();
    }
}

/// All that is found in lists, or why they are not read.
type Found = Result<(RangeSets, String, Vec<String>), String>;

fn lists(texts: &[Vec<u8>]) -> Vec<List> {
    let list = |(number, text): (usize, &Vec<u8>)| {
        List::new(format!("list{number}"), text.clone()).to_read(Purpose::Drop, &[])
    };
    texts.iter().enumerate().map(list).collect()
}

/// What a reading of all of it finds.
fn whole(texts: &[Vec<u8>], selection: Selection, near: u64) -> Found {
    let mut looking = Looking { near: [near], seen: Vec::new() };
    let found = list::parse_observed(&lists(texts), selection, &mut looking, &Unseen);
    found.map_err(|error| error.to_string()).map(|contents| {
        let rest = format!("{:?}\n{:?}\n{looking:?}", contents.expiring, contents.excepted);
        (contents.sets, rest, report(&contents.report))
    })
}

/// What a reading with a cache finds, which from then on has what is kept of this one.
fn again(texts: &[Vec<u8>], selection: Selection, near: u64, cache: &mut Cache) -> Found {
    let mut looking = Looking { near: [near], seen: Vec::new() };
    let found = cache.parse(&lists(texts), selection, &mut looking, &Unseen);
    found.map_err(|error| ListError::from(error).to_string()).map(|parsed| {
        let Parsed { contents, rest, cache: next } = parsed;
        *cache = next;
        let others = format!("{:?}\n{:?}\n{looking:?}", contents.expiring, contents.excepted);
        (contents.sets.union(&rest), others, report(&contents.report))
    })
}

/// A report, line by line.
fn report(report: &list::Report) -> Vec<String> {
    let summaries = report.summaries.iter().map(|summary| format!("{summary:?}"));
    let rejections = report.rejections.iter().map(|rejection| rejection.to_string());
    let ignored = report.ignored.iter().map(|entry| entry.to_string());
    summaries.chain(rejections).chain(ignored).collect()
}

/// A line of a plain list. One in many of the rare kind says something else than an entry.
fn line(random: &mut Random, kind: usize, rare: usize) -> String {
    let octet = |random: &mut Random| random.below(256);
    let (a, b, c) = (1 + random.below(223), octet(random), octet(random));
    // Few addresses: many entries stand in several lines, or in each other.
    let few = format!("198.51.{}.{}", random.below(2), random.below(32) * 8);
    if rare > 0 && random.below(rare) == 0 {
        return match random.below(12) {
            0 => "0.0.0.0/0".into(),
            1 => format!("{few} // a comment"),
            2 => "no address".into(),
            3 => format!("{few}/33"),
            4 => format!("{few}/29 Example LLC"),
            5 => format!("{few}, 203.0.113.{c}"),
            6 => format!("\"{few}\""),
            7 => format!("2001:db8:{b:x}::/48"),
            8 => format!("{few} until {}", NOW + random.below(3) as i64),
            9 => "# a comment".into(),
            10 => format!("{few}\0"),
            _ => String::new(),
        };
    }
    match kind {
        0 => format!("{a}.{b}.{c}.{}", octet(random)),
        1 => format!("{a}.{b}.{c}.0/24"),
        2 => few,
        3 => format!("{few}/{}", 24 + random.below(9)),
        4 => format!("{few}-198.51.2.{c}"),
        5 => format!("2001:db8:{:x}::{c:x}", random.below(4)),
        6 => format!("{few} until {}", NOW + random.below(3) as i64),
        7 => format!("2001:db8::{c:x}/124 until {}", NOW + random.below(3) as i64),
        _ => {
            let kind = random.below(8);
            line(random, kind, 0)
        }
    }
}

fn text(random: &mut Random, lines: usize) -> Vec<u8> {
    let kind = random.below(9);
    let rare = *random.of(&[0, 0, 4, 40]);
    let end = if random.below(8) == 0 { "\r\n" } else { "\n" };
    let mut text = String::new();
    for _ in 0..lines {
        let line = line(random, kind, rare);
        write!(text, "{line}{end}").unwrap();
    }
    text.into_bytes()
}

/// The beginning of a line at random.
fn place(random: &mut Random, text: &[u8]) -> usize {
    let at = random.below(text.len() + 1);
    text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

fn edit(random: &mut Random, text: &mut Vec<u8>) {
    let (first, second) = (place(random, text), place(random, text));
    let (from, to) = (first.min(second), first.max(second));
    let next = text[from..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(text.len(), |end| from + end + 1);
    match random.below(16) {
        0..=3 => {
            let lines = random.below(4);
            text.extend(self::text(random, lines));
        }
        4..=6 => {
            let lines = random.below(4);
            let lines = self::text(random, lines);
            text.splice(from..from, lines);
        }
        7 => drop(text.drain(from..next)),
        8 => drop(text.drain(from..to)),
        9 => text.truncate(to),
        10 => text.truncate(random.below(text.len() + 1)),
        11 => {
            let copy = text[from..to.min(from + 2000)].to_vec();
            text.splice(second..second, copy);
        }
        12 if !text.is_empty() => {
            let at = random.below(text.len());
            text[at] = *random.of(b"0159.:/#-\n! \"{a");
        }
        13 => {
            // What is not certain to be the same, and what is certain to be something else.
            let odd = *random.of(&[
                "!198.51.100.7\n",
                "!198.51.0.0/24\n",
                "deny 192.0.2.7;\n",
                "server {\n",
                "# not blocked:\n",
                "[blocked]\n",
                "add drop 192.0.2.7\n",
                "192.0.2.4-9\n",
                "192.0.2.7\t5\n",
                "bad=(\n",
            ]);
            text.splice(from..from, odd.bytes());
        }
        14 => drop(text.splice(0..0, *b"\xef\xbb\xbf")),
        _ => *text = self::text(random, 30),
    }
}

#[test]
fn after_any_edits_reading_again_finds_what_a_reading_of_all_finds() {
    let (mut compared, mut read) = (0, 0);
    for seed in 0..150 {
        let random = &mut Random::new(seed);
        let selection = match random.below(8) {
            0 => Selection { newest: Some(20), ..Selection::ALL },
            1..=3 => Selection::ALL,
            _ => Selection { widest: Widest { v4: 8, v6: 16 }, newest: None },
        };
        let mut texts = vec![text(random, 120)];
        if random.below(3) == 0 {
            texts.push(text(random, 20));
        }
        if random.below(8) == 0 {
            texts.push(b"add drop 192.0.2.7\nadd drop 198.51.0.0/24\n".to_vec());
        }
        let mut cache = Cache::new(SMALL);
        let mut near = 200;
        for step in 0..16 {
            let wanted = whole(&texts, selection, near);
            assert_eq!(
                again(&texts, selection, near, &mut cache),
                wanted,
                "seed {seed}, step {step}"
            );
            compared += 1;
            read += usize::from(wanted.is_ok());
            if random.below(6) == 0 {
                near = *random.of(&[0, 100, 198, 200, 256]);
            }
            if random.below(4) == 0 {
                let sets = wanted.map(|(sets, ..)| sets).unwrap_or_default();
                let (most, few) = halves(&sets);
                share_if_all(&mut cache, &texts, selection, &most, few);
            }
            for _ in 0..random.below(4) {
                let which = random.below(texts.len());
                edit(random, &mut texts[which]);
            }
        }
    }
    // Most texts are lists, else nothing was compared.
    assert!(read > compared / 2, "{read} of {compared}");
}

/// Two parts of sets.
fn halves(sets: &RangeSets) -> (RangeSets, RangeSets) {
    let half = RangeSets {
        v4: RangeSet::from_ranges(vec![Range::network(0xc633_0000, 24)]),
        v6: RangeSet::from_ranges(vec![Range::network(0x2001_0db8 << 96, 47)]),
    };
    (sets.subtract(&half), sets.intersect(&half))
}

/// Has the cache share parts of what lists without exceptions hold, as a load does.
fn share_if_all(
    cache: &mut Cache,
    texts: &[Vec<u8>],
    selection: Selection,
    most: &RangeSets,
    few: RangeSets,
) {
    let contents = list::parse_observed(&lists(texts), selection, &mut (), &Unseen);
    if contents.is_ok_and(|contents| contents.excepted.is_empty()) {
        cache.share(most, few);
    }
}

#[test]
fn what_shows_far_below_the_beginning_of_a_list_decides_as_in_a_reading_of_all() {
    // So long that it is taken for plain by its beginning.
    let hosts: String = (0..6_000).map(|n| format!("192.0.{}.{}\n", n / 200, n % 200)).collect();
    let below = [
        "deny 192.0.2.7;\n",
        "!198.51.100.7\n",
        "# not blocked:\n198.51.100.7\n",
        "[blocked]\n198.51.100.7\n",
        "server {\nallow 192.0.2.7;\n}\n",
        "bad=(\n198.51.100.7\n)\n",
        "add drop 192.0.2.7\n",
        "192.0.2.7\t5\n",
        "no address\n",
        "192.0.2.0/24 Example LLC\n",
    ];
    let sizes = Sizes { from: 0, cut: Cut { least: 2_000, most: 8_000, one_in: 4 } };
    for odd in below {
        let mut cache = Cache::new(sizes);
        // Some are too many to be asked about one by one, or more than there are hosts.
        for times in [0, 1, 2, 1_001, 1, 20_000, 0] {
            let texts = [format!("{hosts}{}203.0.113.7\n", odd.repeat(times)).into_bytes()];
            let wanted = whole(&texts, Selection::ALL, 200);
            let found = again(&texts, Selection::ALL, 200, &mut cache);
            assert!(found == wanted, "{times} times {odd}: {:?} {:?}", found.err(), wanted.err());
        }
    }
}

#[test]
fn lines_that_are_only_counted_stay_named_as_they_are_when_lines_above_them_change() {
    let mut cache = Cache::new(SMALL);
    let mut lines: Vec<String> =
        (0..400).map(|n| format!("192.0.{}.{}", n / 200, n % 200)).collect();
    lines[350] = "no address".into();
    lines[360] = "203.0.113.7/29 until tomorrow".into();
    for step in 0..20 {
        lines.insert(step * 7, format!("198.51.100.{step}"));
        lines.remove(100);
        let texts = [format!("{}\n", lines.join("\n")).into_bytes()];
        let wanted = whole(&texts, Selection::ALL, 256);
        let rejected = &wanted.as_ref().unwrap().2[1..];
        assert!(rejected[0].starts_with("list0:351:1: "), "{rejected:?}");
        assert!(rejected[1].starts_with("list0:361:22: "), "{rejected:?}");
        assert_eq!(again(&texts, Selection::ALL, 256, &mut cache), wanted);
    }
}

/// Counts the entries of which it is asked whether they are near.
#[derive(Default)]
struct Asked(Cell<usize>);

impl EntryObserver for Asked {
    fn is_near(&self, _: Range<u32>) -> bool {
        self.0.set(self.0.get() + 1);
        false
    }

    fn nearness(&self) -> &[u64] {
        &[]
    }

    fn look(&mut self, _: usize, _: u64, _: Entry, _: Option<End>) {}

    fn forget(&mut self) {}
}

#[test]
fn of_a_list_whose_last_line_has_no_end_only_what_changed_is_looked_at_again() {
    let hosts: Vec<String> = (0..1_000).map(|n| format!("192.0.{}.{}", n / 250, n % 250)).collect();
    let sizes = Sizes { from: 0, cut: Cut { least: 400, most: 2_000, one_in: 2 } };
    let mut cache = Cache::new(sizes);
    let mut asked = Vec::new();
    for lines in 990..1_000 {
        let texts = [hosts[..lines].join("\n").into_bytes(), b"203.0.113.7\n".to_vec()];
        let mut observer = Asked::default();
        let parsed = cache.parse(&lists(&texts), Selection::ALL, &mut observer, &Unseen).unwrap();
        cache = parsed.cache;
        assert!(parsed.contents.report.summaries[0].unfinished);
        asked.push(observer.0.get());
    }
    // Nothing is kept of the first reading, so the second one looks at all, too.
    let (whole, again) = asked.split_at(2);
    assert!(whole.iter().all(|count| *count >= 990), "{asked:?}");
    assert!(again.iter().all(|count| *count < 200), "{asked:?}");
}

#[test]
fn a_last_line_without_an_end_that_grows_is_read_anew_whichever_list_stands_behind_it() {
    let other = b"203.0.113.7\n".to_vec();
    // So many lines that there are several chunks, and in the last one some with the last line.
    for lines in 30..60 {
        let hosts: String = (0..lines).map(|n| format!("192.0.2.{n}\n")).collect();
        for after in ["198.51.100.12\n", "198.51.100.1/25\n", "198.51.100.1\nno address\n"] {
            let mut cache = Cache::new(SMALL);
            for end in ["198.51.100.1", after, "198.51.100.1"] {
                let list = format!("{hosts}{end}").into_bytes();
                let texts = [list.clone(), other.clone(), list];
                let wanted = whole(&texts, Selection::ALL, 256);
                let found = again(&texts, Selection::ALL, 256, &mut cache);
                assert_eq!(found, wanted, "{lines} lines, then {end}");
            }
        }
    }
}

#[test]
fn an_entry_that_stands_in_another_line_as_well_stays_when_one_is_removed() {
    let mut cache = Cache::new(SMALL);
    let lines = |first: &str| {
        let others: String = (0..200).map(|n| format!("203.0.113.{n}\n")).collect();
        vec![format!("{first}{others}198.51.100.0/25\n{others}").into_bytes()]
    };
    for first in ["198.51.100.7\n198.51.100.200\n", "198.51.100.200\n", ""] {
        let (texts, all) = (lines(first), Selection::ALL);
        let found = again(&texts, all, 256, &mut cache);
        assert_eq!(found, whole(&texts, all, 256), "{first}");
        assert!(found.unwrap().0.contains("198.51.100.7".parse().unwrap()));
    }
}

#[test]
fn desired_state_is_the_same_by_either_way_after_any_edits() {
    let folder = Folder::new();
    for seed in 0..40 {
        let random = &mut Random::new(1_000 + seed);
        let mut text = text(random, 150);
        let mask = *random.of(&[None, None, Some(24)]);
        let path = folder.file("list", "");
        let request = Request {
            sources: vec![Source::Path(path.clone().into())],
            skip_missing: false,
            allow: vec![Source::Path(folder.file("allow", "198.51.0.64/26\n").into())],
            selection: Selection { widest: Widest { v4: 8, v6: 16 }, newest: None },
            sets: Vec::new(),
            mask: Mask { v4: mask, v6: None },
            families: *random.of(&[
                Families::BOTH,
                Families::BOTH,
                Families { v4: true, v6: false },
            ]),
        };
        let protected = || Protected::new(&Facts::default());
        let mut cache = Cache::new(SMALL);
        for step in 0..12 {
            std::fs::write(&path, &text).unwrap();
            // A file that was written a moment ago is not read yet.
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW as u64)).unwrap();
            let now = End::at(NOW + random.below(3) as i64);
            let whole = DesiredState::read(&request, protected(), now, &Unseen);
            let again = DesiredState::read_again(&request, protected(), now, &Unseen, &mut cache);
            assert_eq!(shown(again), shown(whole), "seed {seed}, step {step}");
            edit(random, &mut text);
        }
    }
}

/// All that is decided by lists.
fn shown(desired: Result<DesiredState, impl std::fmt::Debug>) -> Result<String, String> {
    let desired = desired.map_err(|error| format!("{error:?}"))?;
    let DesiredState { sets, networks, addresses, added_by_widening, of_other_family, .. } =
        &desired;
    let mut shown = format!(
        "{sets:?}\n{networks:?} {addresses:?} {added_by_widening} {of_other_family}\n{:?}\n{:?}",
        desired.lists.rejections, desired.exclusions,
    );
    for at in [NOW, NOW + 1, NOW + 9] {
        let timeline = &desired.timeline;
        write!(shown, "\n{:?} {:?}", timeline.at(End::at(at)), timeline.next_end(End::at(at)))
            .unwrap();
    }
    let named = desired.naming_protected().chain(desired.naming_allowed());
    named.for_each(|origin| write!(shown, "\n{}", origin.place()).unwrap());
    // Entries that are found by their lines, although not all of the text was kept.
    let addresses = ["198.51.0.8", "198.51.1.64", "203.0.113.7", "2001:db8::7"];
    let addresses = addresses.map(|address| address.parse().unwrap());
    desired.trace(&addresses, |_, origin| write!(shown, "\n{}", origin.place()).unwrap());
    Ok(shown)
}

#[test]
fn of_a_file_that_is_read_again_only_what_is_new_is_kept_and_nothing_else_is_found() {
    const SELECTION: Selection = Selection::ALL;
    let folder = Folder::new();
    let mut lines: Vec<String> =
        (0..60_000).map(|n| format!("192.{}.{}.{}", n % 7, n / 256, n % 256)).collect();
    lines[40_000] = "no address".into();
    let path = folder.file("list", "");
    let source = [Source::Path(path.clone().into())];
    let mut cache = Cache::new(Sizes::DEFAULT);
    let edits: [fn(&mut Vec<String>); 6] = [
        |_| {},
        |_| {},
        |lines| lines.push("198.51.100.7".into()),
        |lines| lines[20_000] = "2001:db8::/32 until tomorrow".into(),
        |lines| drop(lines.drain(5_000..9_000)),
        |lines| lines.push("deny 192.0.2.7;".into()),
    ];
    for (step, edit) in edits.into_iter().enumerate() {
        edit(&mut lines);
        let text = format!("{}\n", lines.join("\n")).into_bytes();
        std::fs::write(&path, &text).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW as u64)).unwrap();
        let to_read = |list: List| list.to_read(Purpose::Drop, &[]);
        let parts = list::read_parts(&source, None, &Unseen, &|list| cache.known(list, SELECTION));
        let parts: Vec<List> = parts.unwrap().into_iter().map(to_read).collect();
        let all = list::read(&source, None, &Unseen).unwrap();
        let all: Vec<List> = all.into_iter().map(to_read).collect();
        // What is kept of the first reading is nothing.
        assert_eq!(parts[0].is_in_parts(), step >= 2, "step {step}");
        assert_eq!(parts[0].size(), text.len());
        let wanted = list::parse_observed(&all, SELECTION, &mut (), &Unseen).unwrap();
        let parsed = cache.parse(&parts, SELECTION, &mut (), &Unseen);
        let parsed = match parsed {
            // The last edit makes it a list of another format, perhaps.
            Err(Unparsed::TextNeeded) => {
                assert_eq!(step, 5);
                cache.parse(&all, SELECTION, &mut (), &Unseen).unwrap()
            }
            parsed => parsed.unwrap(),
        };
        let Parsed { contents, rest, cache: next } = parsed;
        assert_eq!(contents.sets.union(&rest), wanted.sets, "step {step}");
        assert_eq!(report(&contents.report), report(&wanted.report), "step {step}");
        let scanned = |list: &List| {
            let (mut entries, mut rejected) = (Vec::new(), Vec::new());
            let lines = list.scan(
                |line, entry, end| entries.push((line, entry, end)),
                |line, error, text| rejected.push((line, error.to_string(), text.to_vec())),
            );
            (lines, entries, rejected)
        };
        if step < 5 {
            assert!(scanned(&parts[0]) == scanned(&all[0]), "step {step}");
        }
        cache = next;
    }
}
