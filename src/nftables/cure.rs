//! What to do about an error number of the kernel.

#![cfg(feature = "nftables")]

/// What an error number means here, in the words of the one who has to cure it; `element` if it was
/// one that was refused.
pub fn cure(errno: i32, element: bool) -> Option<&'static str> {
    Some(match errno {
        libc::EPERM => {
            "netfilterd needs CAP_NET_ADMIN; if it has that, another program owns the table"
        }
        libc::ENOENT => "another program deleted a table, set or chain meanwhile; load again",
        libc::EEXIST if !element => "another netfilterd is loading at the same time; load again",
        libc::EEXIST => "another program added overlapping elements; empty the set and load again",
        libc::ENFILE => "the set is full; create it without a size",
        libc::EBUSY => "a rule of another program still uses it; delete that rule",
        libc::ENOMEM => {
            "the kernel has no memory for it, or the memory cgroup is too small; raise the limit or \
             load fewer networks"
        }
        libc::EOPNOTSUPP | libc::EAFNOSUPPORT => {
            "this kernel lacks a part of nf_tables (families ip and ip6); load the module nf_tables, or use \
             another kernel"
        }
        libc::EINVAL => "this kernel does not support a part of the request; use a newer one",
        _ => return None,
    })
}
