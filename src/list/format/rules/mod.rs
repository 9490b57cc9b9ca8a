//! Rules of firewalls, and the bans of programs that make such rules.

pub(super) mod clash;
pub(super) mod fail2ban;
pub(super) mod iptables;
mod iptables_rule;
mod shell;
pub(super) mod shorewall;
pub(super) mod sshguard;
