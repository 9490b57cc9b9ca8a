//! Another program that changes the tables.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use kit::listed::{self, Content};
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
        let sources = probes(&[Plot::Network]).into_iter().map(|probe| number(probe.source));
        let sources: Vec<(bool, u128)> = sources.collect();
        for table in listed::tables(&self.namespace.nft("list ruleset")) {
            if !self.kind.tables().contains(&&table.name[..]) {
                continue;
            }
            for set in &table.sets {
                let of_base = |base| listed::content(listed::split_name(&set.name)?.0, base);
                // The sets of another program's table have names of its own.
                let content = ["drop4", "drop6"].into_iter().find_map(of_base);
                let content = content.unwrap_or(Content::Ranges);
                if matches!(content, Content::First(_)) {
                    continue;
                }
                let ranges = set.ranges(content);
                for (element, (first, last)) in set.elements.iter().zip(ranges) {
                    let is_in = |&(is_v4, source): &(bool, u128)| {
                        is_v4 == set.is_v4() && first <= source && source <= last
                    };
                    if !sources.iter().any(is_in) {
                        continue;
                    }
                    let command =
                        format!("delete element {} {} {{ {element} }}", table.name, set.name);
                    eprintln!("soak: {}: wrong on purpose: {command}", self.kind.title());
                    self.namespace.nft(&command);
                }
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

/// Whether an address is one of IPv4, and its number.
fn number(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(address) => (true, u32::from(address).into()),
        IpAddr::V6(address) => (false, address.into()),
    }
}
