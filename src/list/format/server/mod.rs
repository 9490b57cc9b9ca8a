//! The access rules of servers: whom they let in, and whom not.
//!
//! Here belongs a format whose file also has what is let in: that is an exception, or its line is rejected.

pub mod apache;
pub mod nginx;
pub mod postfix;
pub mod rbldnsd;
pub mod squid;
