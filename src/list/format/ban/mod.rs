//! What programs have that ban single hosts: what they print, and the files that they keep.
//!
//! Here belongs a format in which each address is a ban. What crowdsec writes is JSON or CSV, and stands
//! there.

pub mod fail2ban_banned;
pub mod fail2ban_status;
pub mod hosts_deny;
pub mod sshguard;
