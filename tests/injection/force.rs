//! What the kernel has in force, by what nft lists.

use std::process::Command;

use kit::listed::{self, Content};

/// The tables that netfilterd creates.
pub const MANAGED: &[&str] = &["ip netfilterd", "ip6 netfilterd"];

/// A table of another program, with rules of its own.
pub const FOREIGN: &[&str] = &["inet own"];
pub const FOREIGN_TABLE: &str = "table inet own {
    set a { type ipv4_addr; flags interval; }
    set b { type ipv6_addr; flags interval; }
    chain c {
        type filter hook prerouting priority raw;
        ip saddr @a drop
        ip6 saddr @b drop
    }
}";
pub const FOREIGN_OPTIONS: &[&str] = &["--table", "inet own", "--set4", "a", "--set6", "b"];

/// The networks in force, and the sets that no rule uses.
#[derive(Debug, PartialEq, Eq)]
pub struct InForce {
    pub networks: Vec<String>,
    pub left_over: Vec<String>,
}

/// What tables drop in this process's namespace: nothing if there are none. An error if the chains of one
/// look different sets up.
pub fn in_force(tables: &[&str]) -> Result<InForce, String> {
    let mut all = InForce { networks: Vec::new(), left_over: Vec::new() };
    for table in tables {
        let InForce { networks, left_over } = in_force_in(table)?;
        all.networks.extend(networks);
        all.left_over.extend(left_over);
    }
    Ok(all)
}

fn in_force_in(table: &str) -> Result<InForce, String> {
    let output = Command::new("nft").args(["list", "ruleset"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tables = listed::tables(&String::from_utf8(output.stdout).unwrap());
    let Some(found) = tables.iter().find(|it| it.name == table) else {
        return Ok(InForce { networks: Vec::new(), left_over: Vec::new() });
    };
    // Of chains that packets come to; others belong to them.
    let hooked = found.chains.iter().filter(|chain| chain.has_hook);
    let used: Vec<Vec<String>> = hooked.map(|chain| found.looked_up(&chain.name)).collect();
    if used.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(format!("the chains look different sets up: {used:?}"));
    }
    let used = used.first().map_or(&[][..], |names| names.as_slice());
    let mut rows = match MANAGED.contains(&table) {
        true => ["drop4", "drop6"].map(|base| found.of_base(base)).to_vec(),
        false => found.sets.iter().map(|set| vec![(Content::Ranges, set)]).collect(),
    };
    rows.iter_mut().for_each(|row| row.retain(|(_, set)| used.contains(&set.name)));
    let networks = rows.iter().flat_map(|row| listed::in_force(row)).collect();
    let left_over = found.sets.iter().map(|set| set.name.clone());
    Ok(InForce { networks, left_over: left_over.filter(|name| !used.contains(name)).collect() })
}

#[test]
#[ignore = "needs root: network namespaces"]
fn chains_that_look_different_sets_up_are_noticed() {
    let namespace = kit::Namespace::new();
    let chain = |name: &str, hook: &str, set: &str| {
        format!("chain {name} {{ type filter hook {hook} priority raw; ip saddr @{set} drop; }}\n")
    };
    let sets = "set drop4_g1 { type ipv4_addr; elements = { 192.0.2.1 }; }\n set drop4_24_g2 { \
        type ipv4_addr; elements = { 198.51.100.0 }; }\n";
    for (outbound, networks) in [("drop4_24_g2", Some("198.51.100.0/24")), ("drop4_g1", None)] {
        namespace.nft("flush ruleset");
        let chains = chain("inbound", "prerouting", "drop4_24_g2")
            + &chain("outbound", "postrouting", outbound);
        namespace.nft(&format!("table {} {{ {sets}{chains} }}", MANAGED[0]));
        let found = namespace.within(|| in_force(MANAGED));
        match networks {
            Some(network) => {
                let found = found.unwrap();
                assert_eq!(found.networks, [network]);
                assert_eq!(found.left_over, ["drop4_g1"]);
            }
            None => drop(found.unwrap_err()),
        }
    }
}
