//! Lists of many networks that have nothing in common, and what is in force of them.

use std::net::Ipv4Addr;

use super::Namespace;

/// So many hosts, no two of which merge; lists of different `last` have none in common.
pub fn hosts(count: u32, last: u32) -> String {
    (0..count).map(|i| format!("{}\n", Ipv4Addr::from(0x0b00_0000 + i * 8 + last))).collect()
}

/// A set in a table of somebody else, and a rule that uses it.
pub const TABLE: &str = "table ip t { set a { type ipv4_addr; flags interval; }\n \
                     chain c { type filter hook input priority 0; ip saddr @a drop; }\n }";
pub const FOREIGN: &[&str] = &["-t", "ip t", "--set4", "a"];

/// What is in force of IPv4, in the managed table or in [`TABLE`].
pub fn in_force(namespace: &Namespace, options: &[&str]) -> Vec<String> {
    match options.contains(&"-t") {
        true => namespace.elements("ip t", "a"),
        false => namespace.managed("drop4"),
    }
}
