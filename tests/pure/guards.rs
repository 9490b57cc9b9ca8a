//! Whether a load makes less of what was loaded before: which figures the guards compare, what they
//! refuse, and what they say.

use kit::Folder;
use kit::random::Random;
use netfilterd::ip::mask::Mask;
use netfilterd::ip::{Families, PerFamily};
use netfilterd::list::{End, Selection, Source};
use netfilterd::load::encoding::{Section, decode, encode, file_of, sections};
use netfilterd::policy::desired::{DesiredState, Request};
use netfilterd::policy::guard::Guards;
use netfilterd::policy::protect::{Facts, Protected};
use netfilterd::policy::refusal::{Process, Refusal};
use netfilterd::policy::remembered::{Past, Remembered, figures as figures_of};
use netfilterd::progress::Unseen;

const GUARDS: Guards = Guards { min_entries: 1, max_shrink: 50, strict: false };
const TODAY: i64 = 1_800_000_000;
const TOMORROW: i64 = 1_800_086_400;

/// Every second address of 198.51.0.0/16, in a list.
fn hosts(range: std::ops::Range<u32>) -> String {
    range.map(|host| format!("{}\n", std::net::Ipv4Addr::from(0xc633_0000 + 2 * host))).collect()
}

/// Lists in a folder, and how they are loaded.
struct Lists {
    folder: Folder,
    request: Request,
}

impl Lists {
    fn new() -> Self {
        let request = Request {
            sources: Vec::new(),
            skip_missing: false,
            allow: Vec::new(),
            selection: Selection::ALL,
            sets: Vec::new(),
            mask: Mask::default(),
            families: Families::BOTH,
        };
        Lists { folder: Folder::new(), request }
    }

    /// Loads these lists at this time, in place of those before.
    fn load(&mut self, lists: &[(&str, String)], seconds: i64) -> DesiredState {
        let file =
            |(name, text): &(&str, String)| Source::Path(self.folder.file(name, text).into());
        self.request.sources = lists.iter().map(file).collect();
        self.load_again(Protected::new(&Facts::default()), seconds)
    }

    fn load_again(&self, protected: Protected, seconds: i64) -> DesiredState {
        DesiredState::read(&self.request, protected, End::at(seconds), &Unseen).ok().unwrap()
    }

    fn allow(&mut self, text: &str) {
        self.request.allow = vec![Source::Path(self.folder.file("allow", text).into())];
    }
}

/// What is refused of a load that follows another, and the figures are the same for a process that was
/// told only by the file.
fn refused(before: &DesiredState, after: &DesiredState, guards: Guards) -> Vec<String> {
    let remembered = Remembered::of(before);
    let body = encode(&remembered);
    let section = Section { key: b"inet netfilterd", at: remembered.at, body: &body };
    let file = file_of(&[section]);
    let read = decode(&sections(&file).unwrap()[0]).unwrap();
    let refusals = |remembered: &Remembered| {
        let figures = figures_of(after, Past::Load(remembered), &guards, false);
        let refusals = guards.refusals(&figures);
        let exact = figures_of(after, Past::Load(remembered), &guards, true);
        assert_eq!(guards.refusals(&exact).count(), guards.refusals(&figures).count());
        refusals.map(|refusal| refusal.about("lists")).collect::<Vec<_>>()
    };
    assert_eq!(refusals(&remembered), refusals(&read));
    let folder = |text: String| text.rsplit('/').next().unwrap().to_string();
    refusals(&read).into_iter().map(folder).collect()
}

#[test]
fn what_has_expired_is_no_loss() {
    let mut lists = Lists::new();
    let text: String =
        hosts(0..150).lines().map(|host| format!("{host} until {TODAY}\n")).collect();
    let before = lists.load(&[("a", text + &hosts(150..200))], TODAY - 1);
    assert_eq!(before.networks.sum(), 200);
    // The same file later, and a file without the expired entries.
    assert_eq!(refused(&before, &lists.load_again(Protected::default(), TODAY), GUARDS), [""; 0]);
    let after = lists.load(&[("a", hosts(150..200))], TODAY);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0]);
    // Of the others, most are gone: but they are few.
    let after = lists.load(&[("a", hosts(150..151))], TODAY);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0]);
    // Before they expire it is a loss.
    let after = lists.load(&[("a", hosts(150..200))], TODAY - 1);
    let said = "lists: 50 networks where 200 were in force (-75%); refused by --max-shrink 50";
    assert_eq!(refused(&before, &after, GUARDS), [said]);
    // An end that is removed, or put off.
    let text: String =
        hosts(0..300).lines().map(|host| format!("{host} until {TODAY}\n")).collect();
    let before = lists.load(&[("a", text)], TODAY - 1);
    let after = lists.load(&[("a", hosts(0..1))], TODAY);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0]);
}

#[test]
fn widening_and_aggregating_is_no_loss_and_neither_is_the_way_back() {
    let mut lists = Lists::new();
    let narrow = lists.load(&[("a", hosts(0..300))], TODAY);
    lists.request.mask.v4 = Some(24);
    let wide = lists.load_again(Protected::default(), TODAY);
    assert_eq!((narrow.networks.sum(), wide.networks.sum()), (300, 2));
    assert_eq!(refused(&narrow, &wide, GUARDS), [""; 0]);
    assert_eq!(refused(&wide, &narrow, GUARDS), [""; 0]);
    // Widened and lost at once.
    let few = lists.load(&[("a", hosts(0..10))], TODAY);
    let said = "lists: 1 network where 300 were in force (-99%); refused by --max-shrink 50";
    assert_eq!(refused(&narrow, &few, GUARDS), [said]);
    // Networks that another network covers now, in both families.
    lists.request.mask.v4 = None;
    let hosts6: String = (0..300).map(|host| format!("2001:db8::{:x}\n", 2 * host)).collect();
    let before = lists.load(&[("a", hosts6.clone() + &hosts(0..300))], TODAY);
    let after = lists.load(&[("a", "2001:db8::/64\n198.51.0.0/16\n".into())], TODAY);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0]);
    let after = lists.load(&[("a", "2001:db8::/64\n".into())], TODAY);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0], "half of them is kept");
    let after = lists.load(&[("a", "198.51.0.0/17\n".into())], TODAY);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0], "half of them is kept");
    let after = lists.load(&[("a", "198.51.0.0/24\n".into())], TODAY);
    assert_eq!(refused(&before, &after, GUARDS).len(), 1, "128 of 600 are kept");
}

#[test]
fn other_networks_instead_are_no_loss_and_neither_is_one_wide_network() {
    let mut lists = Lists::new();
    let before = lists.load(&[("a", hosts(0..200))], TODAY);
    let after = lists.load(&[("a", hosts(1000..1200))], TODAY);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0]);
    let before = lists.load(&[("a", hosts(0..1000) + "100.0.0.0/8\n")], TODAY);
    let after = lists.load(&[("a", hosts(0..1000))], TODAY);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0]);
    // A wide network that stays does not hide that the others are gone.
    let after = lists.load(&[("a", hosts(0..10) + "100.0.0.0/8\n")], TODAY);
    assert_eq!(refused(&before, &after, GUARDS).len(), 1);
}

#[test]
fn what_is_allowed_or_protected_now_is_no_loss() {
    let mut lists = Lists::new();
    let text = hosts(0..200) + "203.0.113.7\n";
    let before = lists.load(&[("a", text.clone())], TODAY);
    lists.allow("198.51.0.0/16\n");
    let after = lists.load_again(Protected::default(), TODAY);
    assert_eq!(after.networks.sum(), 1);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0]);
    // What was allowed was not in force, and so is not lost.
    let later = lists.load(&[("a", "203.0.113.7\n".into())], TODAY);
    assert_eq!(refused(&after, &later, GUARDS), [""; 0]);
    lists.request.allow.clear();
    let facts = Facts { own: vec!["203.0.113.7".parse().unwrap()], ..Facts::default() };
    lists.load(&[("a", text)], TODAY);
    let after = lists.load_again(Protected::new(&facts), TODAY);
    assert_eq!(refused(&before, &after, Guards { max_shrink: 0, ..GUARDS }), [""; 0]);
}

#[test]
fn a_list_that_is_empty_or_smaller_is_refused_by_its_name() {
    let mut lists = Lists::new();
    let (a, b, c) = (hosts(0..101), hosts(200..326), hosts(400..405));
    let all = [("a", a.clone()), ("b", b.clone()), ("c", c.clone())];
    let before = lists.load(&all, TODAY);
    let now = |lists: &mut Lists, a: &str, b: &str, c: &str| {
        let texts = [("a", a.to_string()), ("b", b.to_string()), ("c", c.to_string())];
        let after = lists.load(&texts, TODAY);
        refused(&before, &after, GUARDS)
    };
    assert_eq!(now(&mut lists, &a, &b, &c), [""; 0]);
    let said = "a: 0 entries where the list held 101 before (-100%); refused by --max-shrink 50";
    assert_eq!(now(&mut lists, "", &b, &c), [said]);
    assert_eq!(now(&mut lists, "# none today\n", &b, &c), [said]);
    let said = "a: 50 entries where the list held 101 before (-50.4%); refused by --max-shrink 50";
    assert_eq!(now(&mut lists, &hosts(0..50), &b, &c), [said]);
    assert_eq!(now(&mut lists, &hosts(0..51), &b, &c), [""; 0]);
    // A short list loses most of its entries again and again.
    assert_eq!(now(&mut lists, &a, &b, ""), [""; 0]);
    // It has other entries, or another list has them.
    assert_eq!(now(&mut lists, &hosts(1000..1101), &b, &c), [""; 0]);
    assert_eq!(now(&mut lists, &hosts(0..40), &(a.clone() + &b), &c), [""; 0]);
    // It was aggregated.
    assert_eq!(now(&mut lists, "198.51.0.0/24\n", &b, &c), [""; 0]);
    // Both, the list and all together.
    assert_eq!(now(&mut lists, "", &hosts(200..210), &c).len(), 2);
    // A list that is not named any more, or not read before.
    let after = lists.load(&[("b", b.clone()), ("d", String::new())], TODAY);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0]);
    // On purpose: nothing at all, or any loss.
    let after = lists.load(&[("a", String::new()), ("b", String::new())], TODAY);
    assert_eq!(refused(&before, &after, Guards { min_entries: 0, ..GUARDS }), [""; 0]);
    let after = lists.load(&[("a", String::new()), ("b", b)], TODAY);
    assert_eq!(refused(&before, &after, Guards { min_entries: 0, ..GUARDS }).len(), 1);
    assert_eq!(refused(&before, &after, Guards { max_shrink: 100, ..GUARDS }), [""; 0]);
}

#[test]
fn entries_of_a_list_that_have_expired_are_not_missing() {
    let mut lists = Lists::new();
    let until = |hosts: String, end: i64| -> String {
        hosts.lines().map(|host| format!("{host} until {end}\n")).collect()
    };
    // Entries with ends in several lists, of both families, and lists without.
    let a = until(hosts(0..120), TODAY) + "2001:db8::1 until 1800000000\n";
    let c = until(hosts(400..500), TOMORROW) + "2001:db8::7 until 1800086400\n";
    let b = hosts(200..350);
    let before = lists.load(&[("a", a), ("b", b.clone()), ("c", c.clone())], TODAY - 1);
    let after = lists.load(&[("a", String::new()), ("b", b.clone()), ("c", c)], TODAY);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0]);
    let texts = [("a", String::new()), ("b", b), ("c", String::new())];
    let after = lists.load(&texts, TODAY);
    let said = "c: 0 entries where the list held 101 before (-100%); refused by --max-shrink 50";
    assert_eq!(refused(&before, &after, GUARDS), [said]);
    let after = lists.load(&texts, TOMORROW);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0]);
    // A table that sees one family only.
    lists.request.families = Families { v4: true, v6: false };
    let text = until(hosts(0..120), TODAY) + "2001:db8::1 until 1800000000\n";
    let before = lists.load(&[("a", text), ("b", hosts(200..300))], TODAY - 1);
    let after = lists.load(&[("a", String::new()), ("b", hosts(200..300))], TODAY);
    assert_eq!(refused(&before, &after, GUARDS), [""; 0]);
}

#[test]
fn no_percentage_contradicts_the_refusal_that_it_belongs_to() {
    let loss = |networks, in_force, most| {
        let text = Refusal::Shrunk { networks, in_force, most }.to_string();
        text.split("(-").nth(1).unwrap().split('%').next().unwrap().to_string()
    };
    assert_eq!(loss(64, 129, 50), "50.3");
    assert_eq!(loss(12, 61_204, 50), "99");
    assert_eq!(loss(4_999_999, 10_000_000, 50), "50.00001");
    assert_eq!(loss(0, 1000, 99), "100");
    assert_eq!(loss(u64::MAX / 100 - 1, u64::MAX, 99), "99.000000000000000006");
    let mut random = Random::new(7);
    for _ in 0..10_000 {
        let most = random.below(100) as u8;
        let bound = *random.of(&[1000, 1 << 40]);
        let in_force = 100 + random.below(bound) as u64;
        let networks = random.below(in_force as usize) as u64;
        let guards = Guards { max_shrink: most, ..GUARDS };
        if guards.shrinks(in_force, networks) {
            let shown: f64 = loss(networks, in_force, most).parse().unwrap();
            assert!(shown > f64::from(most), "{networks} of {in_force}: {shown} of {most}");
            assert!(shown < 100.0 || networks == 0, "{networks} of {in_force}: {shown}");
        }
    }
}

#[test]
fn a_cure_is_one_that_the_process_can_still_be_given() {
    for refusal in [
        Refusal::TooFew { networks: 0, least: 1 },
        Refusal::TooFew { networks: 1, least: 2 },
        Refusal::Rejected { lines: 1 },
        Refusal::Shrunk { networks: 1, in_force: 200, most: 50 },
        Refusal::ListShrunk { list: "a".into(), entries: 0, before: 100, most: 50 },
    ] {
        let starting = refusal.sentence("lists", Process::Starting);
        let running = refusal.sentence("lists", Process::Running);
        assert!(!starting.contains("restart the daemon"), "{starting}");
        assert!(running.contains("(correct the l") && running.contains("restart the daemon with"));
    }
}

/// What there can be to remember.
fn remembered() -> Remembered {
    let mut lists = Lists::new();
    lists.request.mask = PerFamily { v4: Some(30), v6: None };
    lists.allow("198.51.0.0/28\n2001:db8::7\n");
    let text = hosts(0..20) + "10.1.2.3\nfd00::7\n2001:db8::/64\n192.0.2.1 until 1800000000\n";
    let before =
        lists.load(&[("a", text), ("b", "2001:db9::1 until 1800086400\n".into())], TODAY - 1);
    Remembered::of(&before)
}

#[test]
fn what_is_remembered_is_read_as_it_was_written() {
    let before = remembered();
    let body = encode(&before);
    let ours = Section { key: b"inet netfilterd", at: before.at, body: &body };
    let other = Section { key: b"queue 0:3", at: End::at(7), body: b"whatever" };
    let file = file_of(&[other, ours]);
    let read = sections(&file).unwrap();
    assert_eq!(read, [other, ours]);
    assert!(decode(&read[0]).is_none());
    let after = decode(&read[1]).unwrap();
    assert_eq!((&after.allowed, &after.lists), (&before.allowed, &before.lists));
    assert_eq!((after.networks, after.at), (before.networks, before.at));
    for seconds in [TODAY - 1, TODAY, TOMORROW] {
        assert_eq!(after.timeline.at(End::at(seconds)), before.timeline.at(End::at(seconds)));
    }
    let private = after.timeline.private();
    assert_eq!((private.v4().len(), private.v6().len()), (1, 1), "as they are written");
    assert_eq!(encode(&after), body);
}

#[test]
fn a_file_that_is_damaged_in_any_place_is_not_used() {
    let before = remembered();
    let body = encode(&before);
    let ours = Section { key: b"inet netfilterd", at: before.at, body: &body };
    let file = file_of(&[ours]);
    let begin = b"netfilterd ranges 1\n".len();
    for length in (0..begin).chain(begin + 1..file.len()) {
        assert!(sections(&file[..length]).is_none(), "cut to {length}");
    }
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut file = file.clone();
            file[at] ^= 1 << bit;
            assert!(sections(&file).is_none(), "bit {bit} of byte {at}");
        }
    }
    // Whatever has the right checksum is read without a panic, and takes no more memory than it has.
    let mut random = Random::new(3);
    for _ in 0..20_000 {
        let mut body = body.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(body.len());
            body[at] = *random.of(&[0, 1, 7, 0x7f, 0x80, 0xff]);
        }
        let cut = random.below(2) * random.below(body.len());
        body.truncate(body.len() - cut);
        if let Some(read) = decode(&Section { body: &body, ..ours }) {
            let sets = read.timeline.at(End::at(TODAY));
            assert!(sets.network_count() < 100_000);
            read.timeline.next_end(End::at(TODAY));
        }
    }
    assert!(decode(&Section { body: &[], ..ours }).is_none());
}
