//! Another program that changes the tables.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::host::{Broken, FOREIGN, Host, Kind, MANAGED};
use crate::lists::{Plot, probes};
use crate::wire::Phase;

/// How long the daemon waits before it repairs the table for the first, the second and the third time,
/// for the same program.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(2)];

impl Host {
    /// Another program removes some of what is in force, again and again. Until it is repaired, listed
    /// sources may pass; others never may be dropped.
    pub fn interfere(&mut self) -> Result<(), Broken> {
        self.change_a_few()?;
        self.send(Some(Phase::Repairing), Phase::InForce)?;
        for pause in PAUSES {
            let command = self.interference();
            let (begin, before) = (Instant::now(), self.done.tally);
            self.namespace.nft(&command);
            self.done.tally.repairs += 1;
            let status = self.until_done(&format!("a repair after {command}"), before)?;
            if begin.elapsed() < pause {
                self.fault(format!("{command} was repaired before {} s", pause.as_secs()));
            }
            let by = status.repairs.by.unwrap_or_default();
            if !by.contains("nft") {
                self.fault(format!("nft did {command}, and the status says that it was '{by}'"));
            }
            if self.judge_log(0, true) == 0 {
                self.fault(format!("the log does not warn of {command}"));
            }
            self.judge_sets();
        }
        self.send(Some(Phase::InForce), Phase::Repairing)
    }

    /// The sets of the tables that the daemon fills, each with its table.
    fn sets(&self) -> Vec<(&'static str, String)> {
        let of = |table: &'static str| {
            self.namespace.sets(table).into_iter().map(move |set| (table, set))
        };
        self.kind.tables().iter().flat_map(|table| of(table)).collect()
    }

    fn interference(&mut self) -> String {
        if self.kind == Kind::Foreign {
            let network = self.versions.network();
            let commands = [
                format!("flush set {FOREIGN} a"),
                format!("flush set {FOREIGN} b"),
                format!("delete element {FOREIGN} a {{ {network} }}"),
                format!("add element {FOREIGN} a {{ 192.0.2.0/24 }}"),
            ];
            return self.random.of(&commands).clone();
        }
        match self.random.below(4) {
            0 => "flush ruleset".to_string(),
            1 => format!("delete table {}", self.random.of(&MANAGED)),
            2 => {
                let sets = self.sets();
                let (table, set) = self.random.of(&sets);
                format!("flush set {table} {set}")
            }
            _ => {
                // A family without networks has no such chain.
                let sets = self.sets();
                let (table, _) = self.random.of(&sets);
                let chain = self.namespace.nft_json(&format!("list chain {table} inbound"));
                let objects = chain["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
                let handle = |object: &Value| object["rule"]["handle"].as_u64();
                let handles: Vec<u64> = objects.iter().filter_map(handle).collect();
                format!("delete rule {table} inbound handle {}", self.random.of(&handles))
            }
        }
    }

    /// Deletes elements behind the back of a daemon that does not repair, while their packets must be
    /// dropped: the soak must notice that some pass.
    pub fn remove_elements(&mut self) {
        let sources =
            probes(&[Plot::Network]).into_iter().map(|probe| format!("{}/", probe.source));
        let sources: Vec<String> = sources.collect();
        for (table, set) in self.sets() {
            let mut elements = self.namespace.elements(table, &set);
            elements.retain(|element| sources.iter().any(|source| element.starts_with(source)));
            for element in elements {
                // The key of a hash set is a host to nft.
                let host = element.strip_suffix("/32").or(element.strip_suffix("/128"));
                let key = host.unwrap_or(&element);
                let command = format!("delete element {table} {set} {{ {key} }}");
                eprintln!("soak: {}: wrong on purpose: {command}", self.kind.title());
                self.namespace.nft(&command);
            }
        }
    }

    /// Whether all sets of the managed tables are of use, and none is left over; of another program's
    /// table there are those that it made.
    pub fn judge_sets(&mut self) {
        if self.kind.tables().is_empty() {
            return;
        }
        let mut sets: Vec<String> = self.sets().into_iter().map(|(_, set)| set).collect();
        sets.sort();
        let ruleset = self.namespace.terse_ruleset();
        let words = ruleset.split_whitespace().filter_map(|word| word.strip_prefix('@'));
        let mut used: Vec<String> = words.map(ToString::to_string).collect();
        used.sort();
        used.dedup();
        if sets != used || used.is_empty() {
            self.fault(format!("the tables have the sets {sets:?}, and their rules use {used:?}"));
        }
    }
}
