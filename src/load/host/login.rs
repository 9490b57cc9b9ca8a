//! A login from a remote host, as it is recorded.

use std::net::IpAddr;

/// A login from a remote host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The addresses of the host: usually one, and none if only its name is recorded.
    pub addresses: Vec<IpAddr>,
    /// The name of the host, if it is recorded.
    pub name: Option<String>,
}

impl Login {
    /// The login that a program recorded with this host: an address, or else a name.
    pub fn from(host: &str) -> Self {
        match address(host) {
            Some(address) => Login { addresses: vec![address], name: None },
            None => Login { addresses: Vec::new(), name: Some(host.to_string()) },
        }
    }
}

/// An address as programs record it: behind a percent sign stands an interface, and an IPv4-mapped
/// address is the IPv4 address.
pub fn address(word: &str) -> Option<IpAddr> {
    let address: IpAddr = word.split('%').next()?.parse().ok()?;
    Some(address.to_canonical())
}
