//! The types of sets: which hold addresses alone.

use crate::list::parse_error::Reason;

/// What the elements of a set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Hosts or networks.
    Addresses,
    /// More than an address, or something else.
    Narrower,
    /// Addresses that stand for the networks around them.
    Masked,
}

impl Kind {
    /// The kind of a type, by its name of today or of ipset 4; nothing if it is none.
    pub fn of(name: &[u8]) -> Option<Kind> {
        match name {
            b"hash:ip" | b"hash:net" | b"bitmap:ip" => Some(Kind::Addresses),
            b"iphash" | b"nethash" | b"ipmap" | b"iptree" | b"iptreemap" => Some(Kind::Addresses),
            b"setlist" | b"portmap" | b"macipmap" => Some(Kind::Narrower),
            b"ipporthash" | b"ipportiphash" | b"ipportnethash" => Some(Kind::Narrower),
            _ => {
                let known: [&[u8]; 3] = [b"hash:", b"bitmap:", b"list:"];
                known.iter().any(|method| name.starts_with(method)).then_some(Kind::Narrower)
            }
        }
    }

    /// Why an element of such a set is not read.
    pub fn refusal(self) -> Option<Reason> {
        match self {
            Kind::Addresses => None,
            Kind::Narrower => Some(Reason::Narrower),
            Kind::Masked => Some(Reason::UnknownBlock),
        }
    }
}

/// Whether an option of a set says that each element stands for a network.
pub fn is_mask(option: &[u8], value: &[u8]) -> bool {
    match option {
        b"netmask" | b"--netmask" => value != b"32" && value != b"128",
        b"bitmask" | b"--bitmask" => true,
        _ => false,
    }
}
