//! The sets of a file: which there are, which are taken, and which of their entries still stand at the
//! end.
//!
//! A [`Survey`] is the sink of the first reading and learns of the sets; a [`Selected`] is the one of the
//! second and passes on what was chosen. The formats say only what stands in the file.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::not_a_list::NotAList;
use super::reader::{Event, Sink};
use crate::list::end::End;
use crate::list::entry::Entry;
use crate::list::parse_error::ParseError;
use crate::list::reading::{Purpose, Reading};
use crate::list::verdict;
use crate::words::printable;

/// How messages name the entries that are in no set, of a file that has sets.
const UNNAMED: &str = "entries without a set";

/// The number of a set: of those whose entries were read before any name, 0.
type Slot = usize;

/// Which set has which name, at some place in the file.
#[derive(Default)]
struct Slots {
    by_name: HashMap<Vec<u8>, Slot>,
    current: Slot,
    current_name: Vec<u8>,
    count: usize,
}

impl Slots {
    fn enter(&mut self, name: &[u8]) -> Slot {
        if self.current > 0 && self.current_name == name {
            return self.current;
        }
        self.current = match self.by_name.get(name) {
            Some(slot) => *slot,
            None => {
                self.count += 1;
                self.by_name.insert(name.to_vec(), self.count);
                self.count
            }
        };
        self.current_name = name.to_vec();
        self.current
    }

    fn leave(&mut self) {
        self.current = 0;
        self.current_name.clear();
    }

    fn destroy(&mut self) {
        self.by_name.remove(&self.current_name);
        self.leave();
    }

    fn swap(&mut self, other: &[u8]) {
        let name = std::mem::take(&mut self.current_name);
        let first = self.by_name.remove(&name);
        let second = self.by_name.remove(other);
        if let Some(slot) = second {
            self.by_name.insert(name.clone(), slot);
        }
        if let Some(slot) = first {
            self.by_name.insert(other.to_vec(), slot);
        }
        // What follows is in the set that has the name now.
        self.current = 0;
        if second.is_some() {
            self.enter(&name);
        } else {
            self.enter(other);
        }
    }
}

/// What is known of one set after the first reading.
#[derive(Clone, Default)]
struct Facts {
    is_part: bool,
    has_entries: bool,
    families: [bool; 2],
    /// How many entries of the file came before the last place at which all those of this set became
    /// void.
    void_before: u64,
}

/// Learns of the sets of a file, and counts the lines that are rejected.
#[derive(Default)]
pub struct Survey {
    slots: Slots,
    facts: Vec<Facts>,
    /// For each entry that is taken out of a set, how many came before the last place that does.
    removals: HashMap<(Slot, Entry), u64>,
    /// Those of them that are added again below that place.
    restored: HashSet<(Slot, Entry)>,
    /// The names of sets that are let pass, with the line that does.
    accepted: HashMap<Vec<u8>, u64>,
    /// How many entries came before the last place at which those of all sets became void.
    all_void_before: u64,
    entries: u64,
    skipped: u64,
    exceptions: u64,
    rejected_lines: u64,
    last_rejected: u64,
}

impl Survey {
    /// How many lines are rejected.
    pub fn rejected_lines(&self) -> u64 {
        self.rejected_lines
    }

    /// How many lines are of the format and say nothing about dropping.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Whether all that the lines say is of something that is not to be dropped.
    pub fn drops_nothing(&self) -> bool {
        self.entries == 0 && self.rejected_lines == 0 && self.skipped + self.exceptions > 0
    }

    /// How many entries there are, of all sets.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    fn facts(&mut self) -> &mut Facts {
        let slot = self.slots.current;
        if self.facts.len() <= slot {
            self.facts.resize_with(slot + 1, Facts::default);
        }
        &mut self.facts[slot]
    }

    /// Chooses among the sets.
    pub fn choose(self, reading: &Reading) -> Result<Choice, NotAList> {
        let Survey { slots, mut facts, removals, restored, accepted, all_void_before, .. } = self;
        facts.resize_with(slots.count + 1, Facts::default);
        for facts in &mut facts {
            facts.void_before = facts.void_before.max(all_void_before);
        }
        let mut named: Vec<(String, &[u8], Slot)> =
            slots.by_name.iter().map(|(name, slot)| (shown(name), &name[..], *slot)).collect();
        named.sort_by_key(|(.., slot)| *slot);
        let names = || named.iter().map(|(name, ..)| name.clone()).collect::<Vec<_>>();
        let mut chosen = vec![true; facts.len()];
        let mut taken = Vec::new();
        if !reading.sets.is_empty() && !named.is_empty() {
            chosen.fill(false);
            for (name, bytes, slot) in &named {
                if reading.sets.iter().any(|chosen| chosen.as_bytes() == *bytes) {
                    chosen[*slot] = true;
                    taken.push(name.clone());
                }
            }
            if taken.is_empty() {
                return Err(NotAList::NoSuchSet { chosen: reading.sets.clone(), names: names() });
            }
        } else {
            let sets: Vec<_> = named.iter().filter(|(.., slot)| !facts[*slot].is_part).collect();
            let unnamed = usize::from(facts[0].has_entries && !sets.is_empty());
            if sets.len() + unnamed > 1 && !(unnamed == 0 && is_pair(&sets, &facts)) {
                let mut names = names();
                if unnamed > 0 {
                    names.insert(0, UNNAMED.to_string());
                }
                return Err(match reading.purpose {
                    Purpose::Drop => NotAList::SeveralSets { names },
                    Purpose::Allow => NotAList::SeveralAllowSets { names },
                });
            }
            for (name, bytes, _) in sets {
                if reading.purpose == Purpose::Drop {
                    if verdict::name_allows(bytes) {
                        return Err(NotAList::AllowSet { name: name.clone() });
                    }
                    if let Some(&line) = accepted.get(*bytes) {
                        return Err(NotAList::AcceptedSet { name: name.clone(), line });
                    }
                }
                taken.push(name.clone());
            }
        }
        let void_before = facts.iter().map(|facts| facts.void_before).collect();
        let is_whole = chosen.iter().all(|chosen| *chosen)
            && facts.iter().all(|facts| facts.void_before == 0)
            && removals.is_empty();
        Ok(Choice { names: taken, chosen, void_before, removals, restored, is_whole })
    }
}

/// A name as messages show it.
fn shown(name: &[u8]) -> String {
    printable(Path::new(OsStr::from_bytes(name)))
}

/// Whether two sets are one list, a set for each family, as netfilterd has them: their names differ only
/// in a 4 and a 6.
fn is_pair(sets: &[&(String, &[u8], Slot)], facts: &[Facts]) -> bool {
    let [(_, a, first), (_, b, second)] = sets else { return false };
    let differs = |a: &[u8], b: &[u8]| {
        a.len() == b.len()
            && a.iter().zip(b).filter(|(a, b)| a != b).count() == 1
            && a.iter().zip(b).any(|(a, b)| (*a, *b) == (b'4', b'6'))
    };
    let apart = |four: Slot, six: Slot| !facts[four].families[1] && !facts[six].families[0];
    differs(a, b) && apart(*first, *second) || differs(b, a) && apart(*second, *first)
}

impl Sink for Survey {
    fn entry(&mut self, _: u64, entry: Entry, _: Option<End>) {
        self.entries += 1;
        let facts = self.facts();
        facts.has_entries = true;
        facts.families[usize::from(matches!(entry, Entry::V6(_)))] = true;
        if !self.removals.is_empty() {
            let key = (self.slots.current, entry);
            if self.removals.contains_key(&key) {
                self.restored.insert(key);
            }
        }
    }

    fn reject(&mut self, line: u64, _: ParseError, _: &[u8]) {
        self.rejected_lines += u64::from(line != self.last_rejected);
        self.last_rejected = line;
    }

    fn event(&mut self, line: u64, event: Event<'_>) {
        match event {
            Event::Set(name) => {
                self.slots.enter(name);
                self.facts();
            }
            Event::Part(name) => {
                self.slots.enter(name);
                self.facts().is_part = true;
            }
            Event::Outside => self.slots.leave(),
            Event::Removed(entry) => {
                let key = (self.slots.current, entry);
                self.removals.insert(key, self.entries);
                self.restored.remove(&key);
            }
            Event::Flushed => self.facts().void_before = self.entries,
            Event::Destroyed => {
                self.facts().void_before = self.entries;
                self.slots.destroy();
            }
            Event::FlushedAll => self.all_void_before = self.entries,
            Event::Swapped(other) => self.slots.swap(other),
            Event::Accepted(name) => {
                self.accepted.entry(name.to_vec()).or_insert(line);
            }
            Event::Skipped => self.skipped += 1,
            Event::Exception(_) => self.exceptions += 1,
        }
    }
}

/// Which sets are taken, and which of their entries.
#[derive(Debug)]
pub struct Choice {
    /// The names of the sets that are taken; none if the file has no names.
    pub names: Vec<String>,
    chosen: Vec<bool>,
    void_before: Vec<u64>,
    removals: HashMap<(Slot, Entry), u64>,
    restored: HashSet<(Slot, Entry)>,
    is_whole: bool,
}

impl Choice {
    /// All of a file that has no sets.
    pub fn whole() -> Self {
        Choice {
            names: Vec::new(),
            chosen: vec![true],
            void_before: vec![0],
            removals: HashMap::new(),
            restored: HashSet::new(),
            is_whole: true,
        }
    }

    /// A sink that passes on to `sink` what is taken.
    pub fn selected<'a>(&'a self, sink: &'a mut dyn Sink) -> Selected<'a> {
        let (slots, removed) = (Slots::default(), HashSet::new());
        Selected { choice: self, slots, entries: 0, removed, sink }
    }

    /// Whether everything is taken that stands in the file, so that nothing needs to be selected.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }
}

/// Passes on what was chosen.
pub struct Selected<'a> {
    choice: &'a Choice,
    slots: Slots,
    /// How many entries were passed on or kept back.
    entries: u64,
    /// The removals that took something out.
    removed: HashSet<(Slot, Entry)>,
    sink: &'a mut dyn Sink,
}

impl Selected<'_> {
    fn is_chosen(&self) -> bool {
        self.choice.chosen.get(self.slots.current).copied().unwrap_or(false)
    }
}

impl Sink for Selected<'_> {
    fn entry(&mut self, line: u64, entry: Entry, end: Option<End>) {
        let slot = self.slots.current;
        let before = self.entries;
        self.entries += 1;
        if !self.is_chosen() || before < self.choice.void_before[slot] {
            return;
        }
        if !self.choice.removals.is_empty() {
            let key = (slot, entry);
            if self.choice.removals.get(&key).is_some_and(|removal| before < *removal) {
                self.removed.insert(key);
                return;
            }
        }
        self.sink.entry(line, entry, end);
    }

    fn reject(&mut self, line: u64, error: ParseError, text: &[u8]) {
        self.sink.reject(line, error, text);
    }

    fn event(&mut self, line: u64, event: Event<'_>) {
        match event {
            Event::Set(name) | Event::Part(name) => {
                self.slots.enter(name);
            }
            Event::Swapped(other) => self.slots.swap(other),
            Event::Outside => self.slots.leave(),
            Event::Destroyed => self.slots.destroy(),
            Event::Removed(entry) => {
                let key = (self.slots.current, entry);
                let is_out = !self.removed.contains(&key) && !self.choice.restored.contains(&key);
                if self.is_chosen() && is_out {
                    self.sink.event(line, Event::Exception(entry));
                }
            }
            Event::Exception(_) if self.slots.current > 0 && !self.is_chosen() => {}
            Event::Exception(_) | Event::Skipped => self.sink.event(line, event),
            Event::Flushed | Event::FlushedAll | Event::Accepted(_) => {}
        }
    }
}
