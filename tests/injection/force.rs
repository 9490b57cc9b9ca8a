//! What the kernel has in force, by what nft lists.

use std::collections::BTreeMap;
use std::process::Command;

use kit::merged;
use serde_json::Value;

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
    let output = Command::new("nft").args(["-j", "list", "ruleset"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listing: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (family, name) = table.split_once(' ').unwrap();
    let of_table = |kind: &'static str| {
        let objects = listing["nftables"].as_array().unwrap().iter();
        objects
            .filter_map(move |object| object.get(kind))
            .filter(move |object| object["family"] == family && object["table"] == name)
    };
    // Of chains that packets come to; others belong to them.
    let hooked = of_table("chain").filter(|chain| chain.get("hook").is_some());
    let names = hooked.map(|chain| (chain["name"].as_str().unwrap(), Vec::new()));
    let mut used: BTreeMap<&str, Vec<String>> = names.collect();
    for rule in of_table("rule") {
        let Some(used) = used.get_mut(rule["chain"].as_str().unwrap()) else { continue };
        let text = rule["expr"].to_string();
        let names = text.split("\"@").skip(1).map(|rest| rest.split('"').next().unwrap());
        used.extend(names.map(str::to_string));
    }
    let chains: Vec<_> = used.values().collect();
    if chains.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(format!("the chains look different sets up: {used:?}"));
    }
    let used = chains.first().map_or(&[][..], |names| names.as_slice());
    let (mut text, mut left_over) = (String::new(), Vec::new());
    for set in of_table("set") {
        let name = set["name"].as_str().unwrap();
        match used.iter().any(|used| used == name) {
            true => text += &lines(set, name),
            false => left_over.push(name.to_string()),
        }
    }
    let networks = merged(&text);
    Ok(InForce { networks: [networks.v4, networks.v6].concat(), left_over })
}

/// The networks of a set, a line each; the keys of a hash set are networks of the length in its name.
fn lines(set: &Value, name: &str) -> String {
    let length = name.strip_prefix("drop").and_then(|rest| {
        let (length, _) = rest.split_once('_')?.1.split_once("_g")?;
        Some(length)
    });
    let none = Vec::new();
    let elements = set.get("elem").map_or(&none, |elements| elements.as_array().unwrap());
    let line = |element| {
        let text = kit::namespace::element(element);
        match length {
            Some(length) => format!("{}/{length}\n", text.split_once('/').unwrap().0),
            None => text + "\n",
        }
    };
    elements.iter().map(line).collect()
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
