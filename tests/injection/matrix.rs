//! Which faults there are, which of them are injected, and what became of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use kit::random::Random;

use crate::calls::{FAILING, NEVER, PASSING, VITAL};
use crate::trace::Calls;

/// A system call that fails.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub call: String,
    pub error: String,
    /// The how manyth call of this name, counted in each thread, from 1 on.
    pub occurrence: usize,
    /// Whether all later ones fail, too.
    pub lasts: bool,
}

impl Fault {
    /// What `strace -e` takes.
    pub fn expression(&self) -> String {
        let Fault { call, error, occurrence, lasts } = self;
        let plus = if *lasts { "+" } else { "" };
        format!("inject={call}:error={error}:when={occurrence}{plus}")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plus = if self.lasts { "+" } else { "" };
        write!(f, "{}:{}:{}{plus}", self.call, self.error, self.occurrence)
    }
}

/// What was in force after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    Old,
    New,
    /// There was no such call this time.
    NoFault,
}

/// How many faults of a kind are injected unless all are.
#[derive(Clone, Copy)]
pub enum Sample {
    /// Each call with each error.
    EachError,
    /// Each call, with one of its errors.
    EachCall,
}

/// The faults of what netfilterd does, and what has become of them.
pub struct Matrix {
    name: String,
    count: usize,
    left: Mutex<VecDeque<Fault>>,
    done: Mutex<(Table, Vec<String>)>,
}

impl Matrix {
    /// The faults that `calls` can have, which are those of a run without faults.
    #[track_caller]
    pub fn new(name: &str, calls: &Calls, sample: Sample) -> Self {
        let left: VecDeque<_> = chosen(name, faults(calls), sample).into();
        let count = left.len();
        Matrix { name: name.to_string(), count, left: left.into(), done: Mutex::default() }
    }

    /// Has `inject` inject one fault after the other until none is left, by this thread or by another.
    /// It judges what becomes of a fault, and returns why that is wrong, if it is.
    pub fn work(&self, mut inject: impl FnMut(&Fault) -> Result<After, String>) {
        loop {
            let Some(fault) = self.left.lock().unwrap().pop_front() else { return };
            let after = panic::catch_unwind(AssertUnwindSafe(|| inject(&fault)));
            let after = after.unwrap_or_else(|_| Err("a panic, see above".to_string()));
            let (table, wrong) = &mut *self.done.lock().unwrap();
            table.count(&fault, &after);
            if let Err(why) = after {
                wrong.push(format!("{} {fault}: {why}", self.name));
            }
        }
    }

    /// Prints what has become of all of them. Fails if anything is wrong.
    #[track_caller]
    pub fn end(self) {
        let Matrix { name, count, done, .. } = self;
        let (table, wrong) = done.into_inner().unwrap();
        let sum = table.sum();
        println!("{name}: {sum}\n{table}");
        // Where calls come and go from run to run some faults find nothing.
        assert!(sum.missed * 3 <= count, "{name}: of {count} faults {sum}");
        assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// All faults that these calls can have.
fn faults(calls: &Calls) -> Vec<Fault> {
    let mut faults = BTreeSet::new();
    for (call, occurrences) in &calls.0 {
        let ways: Vec<_> = FAILING.iter().filter(|failing| failing.call == call).collect();
        let known = !ways.is_empty() || NEVER.iter().any(|(never, _)| never == call);
        assert!(known, "{call} is new: write into calls.rs what it can fail with");
        for &occurrence in occurrences.lines.keys().filter(|at| **at >= occurrences.first) {
            let later = || occurrences.lines.range(occurrence..).map(|(_, lines)| lines);
            for way in &ways {
                let is_so = |lines: &Vec<String>| lines.iter().all(|line| line.contains(way.only));
                if !later().next().is_some_and(is_so) {
                    continue;
                }
                let may_last = later().all(is_so) && !VITAL.contains(&call.as_str());
                for error in way.errors {
                    let fault = |lasts| {
                        let (call, error) = (call.clone(), error.to_string());
                        Fault { call, error, occurrence, lasts }
                    };
                    faults.insert(fault(false));
                    if may_last && !PASSING.contains(error) {
                        faults.insert(fault(true));
                    }
                }
            }
        }
    }
    faults.into_iter().collect()
}

/// Those of `faults` that NETFILTERD_INJECTIONS asks for, or a sample.
fn chosen(name: &str, faults: Vec<Fault>, sample: Sample) -> Vec<Fault> {
    match std::env::var("NETFILTERD_INJECTIONS").as_deref() {
        Ok("all") => return faults,
        Ok(one) => {
            let is_asked_for = |fault: &Fault| format!("{fault}:").starts_with(&format!("{one}:"));
            let found: Vec<_> = faults.into_iter().filter(is_asked_for).collect();
            if found.is_empty() {
                println!("{name}: there is no {one}");
            }
            return found;
        }
        Err(_) => {}
    }
    let mut kinds: BTreeMap<_, Vec<Fault>> = BTreeMap::new();
    for fault in faults {
        let error = match sample {
            Sample::EachError => fault.error.clone(),
            Sample::EachCall => String::new(),
        };
        kinds.entry((fault.call.clone(), error)).or_default().push(fault);
    }
    // Each scenario has other places.
    let mut random = Random::new(name.bytes().map(u64::from).sum());
    kinds.into_values().map(|kind| random.of(&kind).clone()).collect()
}

/// How many faults of a kind there were, and what was in force afterwards.
#[derive(Clone, Copy, Default)]
struct Counts {
    injected: usize,
    old: usize,
    new: usize,
    missed: usize,
    wrong: usize,
}

impl Counts {
    fn count(&mut self, after: &Result<After, String>) {
        self.injected += usize::from(*after != Ok(After::NoFault));
        match after {
            Ok(After::Old) => self.old += 1,
            Ok(After::New) => self.new += 1,
            Ok(After::NoFault) => self.missed += 1,
            Err(_) => self.wrong += 1,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { injected, old, new, missed, wrong } = self;
        write!(f, "{injected} injected, {old} old, {new} new, {missed} not reached, {wrong} wrong")
    }
}

/// The counts by call.
#[derive(Default)]
struct Table(BTreeMap<String, (BTreeSet<String>, BTreeSet<usize>, Counts)>);

impl Table {
    fn count(&mut self, fault: &Fault, after: &Result<After, String>) {
        let (errors, occurrences, counts) = self.0.entry(fault.call.clone()).or_default();
        errors.insert(fault.error.clone());
        occurrences.insert(fault.occurrence);
        counts.count(after);
    }

    fn sum(&self) -> Counts {
        self.0.values().fold(Counts::default(), |mut sum, (_, _, counts)| {
            sum.injected += counts.injected;
            sum.old += counts.old;
            sum.new += counts.new;
            sum.missed += counts.missed;
            sum.wrong += counts.wrong;
            sum
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (call, (errors, occurrences, counts)) in &self.0 {
            let (errors, occurrences) = (errors.len(), occurrences.len());
            writeln!(f, "    {call}: {errors} errors at {occurrences} occurrences: {counts}")?;
        }
        Ok(())
    }
}
