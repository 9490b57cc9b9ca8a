//! What firewalls and routers have: rules, sets, tables and address lists, as their own commands write them.
//!
//! Here belongs a format in which an entry is read only if the firewall itself would drop it, whatever
//! port or direction. A ruleset has several sets as a rule: which are read is decided in `sets`.

pub mod clash;
pub mod ipset;
pub mod iptables;
pub mod mikrotik;
pub mod nft;
pub mod pf;
pub mod shorewall;
pub mod xml;
