//! Which packets come to a chain, by its name and by the jumps to it.

use std::collections::{HashMap, HashSet};

use super::rule::{Action, Rule};
use super::{Statement, parse};

/// Whether packets leave through a chain, by its name: there an address is that of this host.
pub fn is_outbound(chain: &[u8]) -> bool {
    chain.split(|byte| !byte.is_ascii_alphanumeric()).any(|word| {
        ["output", "out", "outbound", "outgoing", "egress", "postrouting"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
    })
}

/// The chains to which packets only come over rules that ask for an interface.
pub fn bound_chains(text: &[u8]) -> HashSet<&[u8]> {
    let mut jumps = Jumps::of(text, |rule| !rule.has_interface);
    let free = jumps.reached_from(|_| true);
    jumps.targets.retain(|chain| !free.contains(chain));
    jumps.targets
}

/// The chains that packets only reach over jumps that ask for an address, a mark, a set, a state or the
/// like. A chain that nothing jumps to is none: the file may be a part of the rules.
pub fn narrow_chains(text: &[u8]) -> HashSet<&[u8]> {
    let mut jumps = Jumps::of(text, Rule::jumps_widely);
    let reached = jumps.reached_from(|chain| !is_outbound(chain));
    jumps.targets.retain(|chain| !reached.contains(chain));
    jumps.targets
}

/// The chains that are only reached from `OUTPUT`.
pub fn outbound_chains(text: &[u8]) -> HashSet<&[u8]> {
    let jumps = Jumps::of(text, |_| true);
    let mut outbound = jumps.reached_from(is_outbound);
    for chain in jumps.reached_from(|chain| !is_outbound(chain)) {
        outbound.remove(chain);
    }
    outbound
}

/// The chains that let pass whatever comes to them, by a rule of their own without a condition, or in a chain
/// to which they send all of it.
pub fn passing_chains(text: &[u8]) -> HashSet<&[u8]> {
    let (mut accepting, mut passing) = (Vec::new(), HashSet::new());
    let mut comes_from: HashMap<&[u8], Vec<&[u8]>> = HashMap::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !ends_in(line, &DROPS)) {
        let Some(Ok(Statement::Rule(_, rule))) = parse(line.trim_ascii()) else { continue };
        if rule.action != Action::Add || !rule.has_no_condition() {
            continue;
        }
        match rule.target {
            b"ACCEPT" => accepting.push(rule.chain),
            b"RETURN" => drop(passing.insert(rule.chain)),
            target => comes_from.entry(target).or_default().push(rule.chain),
        }
    }
    let mut seen = HashSet::new();
    while let Some(chain) = accepting.pop() {
        if seen.insert(chain) {
            accepting.extend(comes_from.get(chain).into_iter().flatten().copied());
        }
    }
    passing.extend(seen);
    passing
}

/// The rules of a text that have packets go on in another chain.
struct Jumps<'a> {
    /// Of each chain with such a rule the targets of those that count.
    from: HashMap<&'a [u8], Vec<&'a [u8]>>,
    /// The targets of all.
    targets: HashSet<&'a [u8]>,
}

impl<'a> Jumps<'a> {
    fn of(text: &'a [u8], counts: impl Fn(&Rule<'a>) -> bool) -> Self {
        let mut jumps = Jumps { from: HashMap::new(), targets: HashSet::new() };
        for line in text.split(|byte| *byte == b'\n').filter(|line| may_jump(line)) {
            let Some(Ok(Statement::Rule(_, rule))) = parse(line.trim_ascii()) else { continue };
            if rule.action == Action::Add && !rule.target.is_empty() {
                let of_chain = jumps.from.entry(rule.chain).or_default();
                if counts(&rule) {
                    of_chain.push(rule.target);
                }
                jumps.targets.insert(rule.target);
            }
        }
        jumps
    }

    /// The chains that packets may pass that begin in one of some, to which no rule jumps.
    fn reached_from(&self, begins: impl Fn(&[u8]) -> bool) -> HashSet<&'a [u8]> {
        let is_begin = |chain: &&[u8]| !self.targets.contains(*chain) && begins(chain);
        let mut next: Vec<&[u8]> = self.from.keys().copied().filter(is_begin).collect();
        let mut reached = HashSet::new();
        while let Some(chain) = next.pop() {
            if reached.insert(chain) {
                next.extend(self.from.get(chain).into_iter().flatten().copied());
            }
        }
        reached
    }
}

const DROPS: [&[u8]; 2] = [b" DROP", b" REJECT"];
const PASSES: [&[u8]; 2] = [b" ACCEPT", b" RETURN"];

/// Whether a line may jump to a chain. Most lines of a long list drop or accept.
fn may_jump(line: &[u8]) -> bool {
    !ends_in(line, &DROPS) && !ends_in(line, &PASSES)
}

fn ends_in(line: &[u8], verdicts: &[&[u8]]) -> bool {
    let line = line.trim_ascii_end();
    verdicts.iter().any(|verdict| line.ends_with(verdict))
}
