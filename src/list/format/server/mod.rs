//! Configuration of servers: whom they let in, and whom not.

pub(super) mod apache;
pub(super) mod hosts_deny;
pub(super) mod nginx;
mod octets;
pub(super) mod postfix;
pub(super) mod rbldnsd;
mod rbldnsd_range;
pub(super) mod squid;
