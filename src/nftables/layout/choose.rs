//! The row for a list.
//!
//! Hash sets of a few lengths hold any list exactly: a network goes into the set of the next longer
//! length, cut into networks of it. The lengths are chosen so that this makes the fewest elements; how
//! many sets there are, whether a prefilter stands before them, and whether wide ranges stay in an
//! interval set is decided by what an unlisted packet pays. No row takes much more memory than an
//! interval set would, or longer to load.

use super::Layout;
use super::census::Census;
use super::cost::Cost;
use super::row::{Elements, Hash, ROOM, Row, pieces};

/// The most hash sets of a row. A sixth saves little memory.
const MOST_SETS: usize = 5;

/// Of so many of the commonest lengths hash sets stand beside an interval set: each of them, and each two.
const BESIDE: usize = 6;

/// The size of the smallest hash sets, so that a short list can grow.
const SMALLEST: u64 = 64;

/// Kernel memory that a row may take beyond twice that of an interval set.
const MORE_MEMORY: u64 = 4 << 20;

/// Nanoseconds that a row may take to load beyond those of an interval set.
const MORE_LOAD: u64 = 50_000_000;

/// A row, the elements that the list has in it, and what they cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The row, whose sets have the size for it.
    pub row: Row,
    /// What the list becomes in its sets.
    pub elements: Elements,
    /// What that costs.
    pub cost: Cost,
}

/// What a row may cost for a list.
struct Limits {
    unlisted: f64,
    memory: u64,
    load: u64,
}

impl Limits {
    fn of(census: &Census) -> Self {
        let interval = interval(census, None).cost;
        Limits {
            unlisted: interval.unlisted,
            memory: interval.memory.saturating_mul(2).saturating_add(MORE_MEMORY),
            load: interval.load.saturating_add(MORE_LOAD),
        }
    }

    fn permit(&self, candidate: &Candidate) -> bool {
        let cost = candidate.cost;
        cost.unlisted <= self.unlisted && cost.memory <= self.memory && cost.load <= self.load
    }
}

/// The row for a list.
pub fn row(census: &Census, layout: Layout) -> Row {
    if census.ranges == 0 {
        return Row::NONE;
    }
    match layout {
        Layout::Interval => Row::INTERVAL,
        Layout::Hash => hash(census).map_or(Row::INTERVAL, |candidate| candidate.row),
        Layout::Auto => cheapest(census).row,
    }
}

/// The row that costs least, of those that cost an unlisted packet no more than an interval set does.
pub fn cheapest(census: &Census) -> Candidate {
    let limits = Limits::of(census);
    let candidates = candidates(census).into_iter().filter(|candidate| limits.permit(candidate));
    candidates.fold(interval(census, None), |best, candidate| {
        if candidate.cost.sum() < best.cost.sum() { candidate } else { best }
    })
}

/// The cheapest row without an interval set, of any number of hash sets; if all cost too much, the one that
/// takes the least memory.
///
/// It is for who has one transaction to replace sets: an interval set that is created in it is empty until
/// it ends, on newer kernels, and one that is flushed and filled again misses addresses on older ones.
pub fn without_interval(census: &Census) -> Row {
    if census.ranges == 0 {
        return Row::NONE;
    }
    let limits = Limits::of(census);
    let mut fewest = fewest_elements(&census.lengths(), usize::from(census.bits));
    // There is no set for all addresses, but one for both halves of them.
    fewest.iter_mut().flatten().for_each(|length| *length = (*length).max(1));
    let prefilters = census.prefixes.iter().copied().map(Some).chain([None]);
    let candidates = prefilters.flat_map(|prefilter| {
        let rows = fewest.iter();
        rows.filter_map(move |lengths| Candidate::new(census, prefilter, lengths, false))
    });
    let order = |candidate: &Candidate| match limits.permit(candidate) {
        true => (0, candidate.cost.sum()),
        false => (1, candidate.cost.memory as f64),
    };
    let best = candidates.min_by(|a, b| {
        let ((a, a_cost), (b, b_cost)) = (order(a), order(b));
        a.cmp(&b).then(a_cost.total_cmp(&b_cost))
    });
    // A set for each length has a place for any list.
    let of_length = |(length, _): (u8, u64)| Hash { length: length.max(1), size: u32::MAX };
    let all = || census.lengths().into_iter().map(of_length).collect();
    best.map_or_else(
        || Row { prefilter: None, hashes: all(), interval: false },
        |candidate| candidate.row,
    )
}

/// Every row that may be the cheapest for a list.
pub fn candidates(census: &Census) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let lengths = census.lengths();
    let mut commonest = lengths.clone();
    commonest.sort_by_key(|&(length, count)| std::cmp::Reverse((count, length)));
    let commonest: Vec<u8> = commonest.iter().take(BESIDE).map(|&(length, _)| length).collect();
    let fewest = fewest_elements(&lengths, MOST_SETS);
    let prefilters = census.prefixes.iter().copied().map(Some);
    for prefilter in prefilters.chain([None]) {
        candidates.push(interval(census, prefilter));
        let of_lengths =
            |lengths: &[u8], has_interval| Candidate::new(census, prefilter, lengths, has_interval);
        candidates.extend(fewest.iter().filter_map(|lengths| of_lengths(lengths, false)));
        for (index, &first) in commonest.iter().enumerate() {
            candidates.extend(of_lengths(&[first], true));
            for &second in &commonest[index + 1..] {
                candidates.extend(of_lengths(&[first, second], true));
            }
        }
    }
    candidates
}

/// An interval set alone, or behind a prefilter.
fn interval(census: &Census, prefilter: Option<(u8, u64)>) -> Candidate {
    let row = Row { prefilter: prefilter.map(|(length, _)| of_length(length)), ..Row::INTERVAL };
    let prefixes = prefilter.map_or(0, |(_, prefixes)| prefixes);
    let elements = Elements { prefixes, keys: Vec::new(), ranges: census.ranges };
    Candidate::of(row, elements, census)
}

/// One hash set for networks of the commonest length, and an interval set for what is not cut into a few
/// of them; `None` if nothing would be in the hash set.
fn hash(census: &Census) -> Option<Candidate> {
    let commonest = census.lengths().into_iter().max_by_key(|&(length, count)| (count, length))?;
    let lengths = [commonest.0];
    Candidate::new(census, None, &lengths, true)
        .or_else(|| Candidate::new(census, None, &lengths, false))
}

/// The size of a hash set for so many elements; `None` if no set can have it.
fn size(elements: u64) -> Option<u32> {
    u32::try_from(elements.saturating_mul(ROOM).max(SMALLEST)).ok()
}

fn of_length(length: u8) -> Hash {
    Hash { length, size: 0 }
}

impl Candidate {
    /// A row of hash sets of these lengths; `None` if it does not hold the list, or holds nothing in one of
    /// its sets.
    fn new(
        census: &Census,
        prefilter: Option<(u8, u64)>,
        lengths: &[u8],
        interval: bool,
    ) -> Option<Self> {
        let hashes = lengths.iter().copied().map(of_length).collect();
        let length = prefilter.map(|(length, _)| of_length(length));
        let mut row = Row { prefilter: length, hashes, interval };
        let mut elements = Elements::none(&row);
        elements.prefixes = prefilter.map_or(0, |(_, prefixes)| prefixes);
        let places = row.places();
        for (length, count) in census.lengths() {
            match places.of(length) {
                Some(place) => {
                    let keys = &mut elements.keys[place.set];
                    *keys = keys.saturating_add(count.saturating_mul(pieces(place.bits)));
                }
                None => elements.ranges = elements.ranges.saturating_add(count),
            }
        }
        let is_used = interval == (elements.ranges > 0) && !elements.keys.contains(&0);
        // All addresses need no look-up that could be cheaper.
        if !is_used || lengths.contains(&0) {
            return None;
        }
        // Whoever is listed is found in the largest set first, most of the time.
        let mut sets: Vec<_> = row.hashes.into_iter().zip(elements.keys).collect();
        sets.sort_by_key(|&(hash, keys)| (std::cmp::Reverse(keys), hash.length));
        (row.hashes, elements.keys) = sets.into_iter().unzip();
        for (hash, &keys) in row.hashes.iter_mut().zip(&elements.keys) {
            hash.size = size(keys)?;
        }
        Some(Candidate::of(row, elements, census))
    }

    fn of(mut row: Row, elements: Elements, census: &Census) -> Self {
        row.prefilter = row.prefilter.map(|hash| Hash {
            // More than a set can hold take too much memory, too.
            size: size(elements.prefixes).unwrap_or(u32::MAX),
            ..hash
        });
        let cost = Cost::of(&row, &elements, census.bits);
        Candidate { row, elements, cost }
    }
}

/// For each number of hash sets up to `most` the lengths with which they have the fewest elements.
///
/// A set serves some neighbouring lengths, and its own is the longest of them. So the best sets for the
/// first lengths of the list follow from the best ones for still fewer of them.
fn fewest_elements(lengths: &[(u8, u64)], most: usize) -> Vec<Vec<u8>> {
    // Of sets that serve the lengths up to one: how many elements, and where the last set begins.
    let mut best: Vec<Vec<(u64, usize)>> = Vec::new();
    for sets in 0..most.min(lengths.len()) {
        let mut row = Vec::with_capacity(lengths.len());
        for last in 0..lengths.len() {
            let mut fewest = (u64::MAX, 0);
            let mut in_last = 0u64;
            for begin in (0..=last).rev() {
                let (length, count) = lengths[begin];
                let cut = pieces(lengths[last].0 - length);
                in_last = in_last.saturating_add(count.saturating_mul(cut));
                let before = match (sets, begin) {
                    (0, 0) => Some(0),
                    (0, _) | (_, 0) => None,
                    _ => best.get(sets - 1).and_then(|row| row.get(begin - 1)).map(|best| best.0),
                };
                let Some(before) = before else { continue };
                fewest = fewest.min((before.saturating_add(in_last), begin));
            }
            row.push(fewest);
        }
        best.push(row);
    }
    (0..best.len()).filter_map(|sets| trace(&best, lengths, sets)).collect()
}

/// The lengths of the best sets, of which there is one more than `sets`.
fn trace(best: &[Vec<(u64, usize)>], lengths: &[(u8, u64)], sets: usize) -> Option<Vec<u8>> {
    let mut chosen = Vec::new();
    let mut behind = lengths.len();
    for sets in (0..=sets).rev() {
        let last = behind.checked_sub(1)?;
        chosen.push(lengths.get(last)?.0);
        behind = best.get(sets)?.get(last)?.1;
    }
    (behind == 0).then_some(chosen)
}
