//! A rule of a chain: what it lets pass.
//!
//! What a rule does with a packet is a matter of all its conditions; here only one thing counts. If the
//! packets of a set may pass by it, under whatever conditions, the set is none of bad addresses.

use crate::list::entry::Entry;
use crate::list::grammar::leading_entry;

/// What a condition of a rule names.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a> {
    /// A set or a definition.
    Name(&'a [u8]),
    /// An address that stands in the rule.
    Entry(Entry),
}

/// What happens to what a condition names.
#[derive(Clone, Copy, Debug)]
pub enum Fate<'a> {
    /// It passes.
    Passes,
    /// Whatever the chain of this name does.
    Chain {
        /// The name.
        name: &'a [u8],
        /// Whether that happens to everything else instead.
        is_other: bool,
    },
}

/// Words that decide.
#[derive(Clone, Copy, Default)]
struct Verdict<'a> {
    accepts: bool,
    drops: bool,
    chain: Option<&'a [u8]>,
}

impl Verdict<'_> {
    fn is_some(&self) -> bool {
        self.accepts || self.drops || self.chain.is_some()
    }
}

/// A rule as far as it is read, or the elements of a map, which are pairs of a condition and a verdict.
#[derive(Default)]
pub struct Rule<'a> {
    /// How many braces are open.
    pub depth: u64,
    is_map: bool,
    /// The first words, of which a rule outside of a chain has the name of that.
    head: Vec<&'a [u8]>,
    operands: Vec<(Operand<'a>, bool)>,
    /// How many operands stand before the element at hand.
    element: usize,
    /// The verdict of the rule, and that of the element.
    verdict: Verdict<'a>,
    of_element: Verdict<'a>,
    /// What the words before the next one mean for it.
    is_negated: bool,
    is_of_address: bool,
    is_update: bool,
    before: &'a [u8],
    /// What was decided.
    decided: Vec<(Operand<'a>, Fate<'a>)>,
}

impl<'a> Rule<'a> {
    /// The elements of a map, behind the brace that opens them.
    pub fn map() -> Self {
        Rule { depth: 1, is_map: true, is_of_address: true, ..Rule::default() }
    }

    /// Whether it is over with the brace that was closed last.
    pub fn is_closed(&self) -> bool {
        self.is_map && self.depth == 0
    }

    /// The name of the chain that a rule outside of a chain names.
    pub fn chain(&self) -> Option<&'a [u8]> {
        let family = self.head.first().is_some_and(|word| super::is_family(word));
        self.head.get(if family { 2 } else { 1 }).copied()
    }

    /// Whether it accepts and whether it drops something.
    pub fn verdicts(&self) -> (bool, bool) {
        (self.verdict.accepts, self.verdict.drops)
    }

    /// Reads a brace that opens.
    pub fn open(&mut self) {
        self.depth = self.depth.saturating_add(1);
    }

    /// Reads a brace that closes.
    pub fn close(&mut self) {
        self.end_element();
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            (self.is_negated, self.is_of_address) = (false, false);
        }
    }

    /// Reads the comma behind an element, or what closes the last one.
    pub fn end_element(&mut self) {
        if self.depth > 0 {
            let verdict = std::mem::take(&mut self.of_element);
            if verdict.is_some() {
                self.decide(self.element, verdict);
            }
            self.element = self.operands.len();
            self.is_update = false;
        }
        self.before = b"";
    }

    /// Reads a word.
    pub fn word(&mut self, word: &'a [u8]) {
        if self.depth == 0 && self.head.len() < 3 {
            self.head.push(word);
        }
        // The chain has these as a whole, and a rule does not begin so.
        if matches!(self.head.first(), Some(&(b"type" | b"policy" | b"comment"))) {
            return;
        }
        let before = std::mem::replace(&mut self.before, word);
        if matches!(before, b"jump" | b"goto") {
            self.verdict_at_hand().chain = Some(word);
            return;
        }
        match word {
            b"accept" | b"return" => self.verdict_at_hand().accepts = true,
            b"drop" | b"reject" => self.verdict_at_hand().drops = true,
            b"!=" | b"!" => self.is_negated = true,
            b"==" | b"vmap" => {}
            b"saddr" | b"daddr" => {
                self.is_of_address = matches!(before, b"ip" | b"ip6");
                self.is_negated = false;
            }
            // `add @SET { ... }` and `set add ... @SET` put addresses into a set.
            b"add" | b"update" | b"delete" if before == b"set" => self.is_update = true,
            b"jump" | b"goto" | b":" => {}
            _ => self.operand(word, before),
        }
    }

    /// Reads an address that is written as a value of its own, where one is expected.
    pub fn address(&mut self, entry: Entry) {
        if self.is_of_address {
            self.operands.push((Operand::Entry(entry), self.is_negated));
        }
        self.end_operand();
    }

    fn end_operand(&mut self) {
        if self.depth == 0 {
            (self.is_negated, self.is_of_address) = (false, false);
        }
    }

    fn operand(&mut self, word: &'a [u8], before: &[u8]) {
        match word.split_first() {
            Some((b'@', name)) => {
                let is_filled = self.is_update || matches!(before, b"add" | b"update" | b"delete");
                if !is_filled {
                    self.operands.push((Operand::Name(name), self.is_negated));
                }
                self.is_update = false;
            }
            Some((b'$', name)) => self.operands.push((Operand::Name(name), self.is_negated)),
            _ if self.is_of_address => {
                let leading = leading_entry(word, 0).ok();
                if let Some(leading) = leading.filter(|leading| leading.end == word.len()) {
                    self.operands.push((Operand::Entry(leading.entry), self.is_negated));
                }
            }
            _ => {}
        }
        self.end_operand();
    }

    fn verdict_at_hand(&mut self) -> &mut Verdict<'a> {
        if self.depth > 0 { &mut self.of_element } else { &mut self.verdict }
    }

    /// Decides of all operands from `first` on.
    fn decide(&mut self, first: usize, verdict: Verdict<'a>) {
        for (operand, is_negated) in self.operands.drain(first..) {
            if if is_negated { verdict.drops } else { verdict.accepts } {
                self.decided.push((operand, Fate::Passes));
            } else if let Some(name) = verdict.chain {
                self.decided.push((operand, Fate::Chain { name, is_other: is_negated }));
            }
        }
    }

    /// What is decided at its end.
    pub fn end(mut self) -> Vec<(Operand<'a>, Fate<'a>)> {
        let verdict = self.verdict;
        self.decide(0, verdict);
        self.decided
    }
}
