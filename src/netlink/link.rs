//! The host's interfaces, by route netlink (rtnetlink(7)): their names, their alternative names, and
//! what they are ports of. And interfaces by the names that were given for them, which need not be
//! those that packets have.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fmt;
use std::io;

use super::{Message, Protocol, Socket, append, attributes, find};

// Attributes of linux/if_link.h.
const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;
const IFLA_INFO_KIND: u16 = 1;

/// Bytes of a `struct ifinfomsg`, linux/rtnetlink.h.
const LINK_HEADER: usize = 16;

/// The number of loopback in every network namespace.
const LOOPBACK: u32 = 1;

/// The longest name of an interface in bytes: `IFNAMSIZ` without the NUL. An alternative name may be
/// longer.
pub const MAX_NAME: usize = 15;

/// The longest alternative name in bytes: `ALTIFNAMSIZ` without the NUL.
pub const MAX_ALTERNATIVE_NAME: usize = 127;

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its number, which is never 0.
    pub index: u32,
    /// Its name, which need not be text.
    pub name: Vec<u8>,
    /// Its alternative names, which packets never have.
    pub alternative_names: Vec<Vec<u8>>,
    /// What it is, if it is no device: `bridge`, `bond`, `vrf`.
    pub kind: Option<String>,
    /// The number of the interface that it is a port of.
    pub master: Option<u32>,
}

/// The interfaces of this process's network namespace.
pub fn links() -> io::Result<Vec<Link>> {
    let request = |sequence| {
        let (mut request, flags) = (Vec::new(), libc::NLM_F_DUMP as u16);
        let header = [0; LINK_HEADER];
        // A header alone is never too long.
        append(&mut request, libc::RTM_GETLINK, flags, &header, sequence, &mut false, |_| {});
        request
    };
    let found = Socket::open(Protocol::Route)?.dump(request, link, usize::MAX)?;
    Ok(found.unwrap_or_default())
}

/// The interface that a message is about.
pub fn link(message: &Message<'_>) -> Option<Link> {
    if message.kind != libc::RTM_NEWLINK {
        return None;
    }
    let header = message.payload().get(..LINK_HEADER)?;
    let about = attributes(&message.payload()[LINK_HEADER..]);
    let properties = attributes(find(about.clone(), IFLA_PROP_LIST).unwrap_or(&[]));
    let info = attributes(find(about.clone(), IFLA_LINKINFO).unwrap_or(&[]));
    Some(Link {
        index: u32::from_ne_bytes(header[4..8].try_into().ok()?),
        name: without_nul(find(about.clone(), IFLA_IFNAME)?).to_vec(),
        alternative_names: properties
            .filter(|property| property.kind == IFLA_ALT_IFNAME)
            .map(|property| without_nul(property.value).to_vec())
            .collect(),
        kind: find(info, IFLA_INFO_KIND)
            .map(|kind| String::from_utf8_lossy(without_nul(kind)).into_owned()),
        master: find(about, IFLA_MASTER)
            .and_then(|value| Some(u32::from_ne_bytes(value.try_into().ok()?))),
    })
}

fn without_nul(value: &[u8]) -> &[u8] {
    value.strip_suffix(b"\0").unwrap_or(value)
}

/// Whether `name`, which may have a `*` at its end, is that of an interface.
pub fn matches(name: &[u8], interface: &[u8]) -> bool {
    match name.strip_suffix(b"*") {
        Some(beginning) => interface.starts_with(beginning),
        None => name == interface,
    }
}

/// Interfaces by the names that were given for them.
#[derive(Debug)]
pub struct NamedLinks {
    /// The names; a `*` at the end matches any ending.
    names: Vec<CString>,
    /// What was remarked of them before.
    remarked: BTreeSet<String>,
}

/// The interfaces that have such names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundLinks {
    /// The names that their packets have. A name that no interface has is kept, since one may get it.
    pub names: Vec<CString>,
    /// The numbers of those that exist.
    pub indices: Vec<u32>,
}

impl NamedLinks {
    /// The interfaces with these names.
    pub fn new(names: Vec<CString>) -> Self {
        NamedLinks { names, remarked: BTreeSet::new() }
    }

    /// Whether no name was given.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names that were given.
    pub fn names(&self) -> &[CString] {
        &self.names
    }

    /// Looks the interfaces up. Warns about names that no packet has, each time about others.
    pub fn find(&mut self) -> io::Result<FoundLinks> {
        let (found, remarks) = resolve(&self.names, &links()?);
        for remark in remarks.iter().map(Remark::to_string) {
            if self.remarked.insert(remark.clone()) {
                log::warn!("{remark}");
            }
        }
        Ok(found)
    }
}

/// Why a name is not, or may not be, that of an interface on which packets come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// No interface has it.
    Missing {
        /// The name.
        name: String,
    },
    /// No interface has it, and it is too long to be another than an alternative name.
    MissingAlternative {
        /// The name.
        name: String,
    },
    /// It is the name of loopback.
    Loopback {
        /// The name.
        name: String,
    },
    /// The interface is a port of another one, which takes its packets in.
    Port {
        /// The name of the port.
        name: String,
        /// The name of the other one.
        master: String,
        /// What that is.
        kind: String,
    },
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::Missing { name } => write!(
                f,
                "interface {name} does not exist yet; check its name; its packets are filtered as soon \
                 as it exists"
            ),
            Remark::MissingAlternative { name } => write!(
                f,
                "no interface has the alternative name {name} yet; check it, and reload when the \
                 interface exists"
            ),
            Remark::Loopback { name } => {
                write!(f, "interface {name} is loopback, whose packets always pass; omit it")
            }
            Remark::Port { name, master, kind } => write!(
                f,
                "interface {name} is a port of {kind} {master}, on which its packets come in; give \
                 --interface {master}"
            ),
        }
    }
}

/// The interfaces of `links` that have these names, and what there is to remark.
pub fn resolve(names: &[CString], links: &[Link]) -> (FoundLinks, Vec<Remark>) {
    let (mut found, mut remarks) = (FoundLinks::default(), Vec::new());
    for name in names {
        let text = || name.to_string_lossy().escape_debug().to_string();
        let given = name.as_bytes();
        let mut of_name: Vec<&Link> =
            links.iter().filter(|link| matches(given, &link.name)).collect();
        let by_name = !of_name.is_empty();
        if !by_name {
            of_name.extend(links.iter().find(|link| {
                link.alternative_names.iter().any(|alternative| alternative == given)
            }));
        }
        match of_name[..] {
            [] if given.len() > MAX_NAME && !given.ends_with(b"*") => {
                remarks.push(Remark::MissingAlternative { name: text() });
            }
            [] => {
                remarks.push(Remark::Missing { name: text() });
                found.names.push(name.clone());
            }
            [Link { index: LOOPBACK, .. }] => remarks.push(Remark::Loopback { name: text() }),
            _ if by_name => found.names.push(name.clone()),
            // A name of the kernel's has no NUL.
            [link, ..] => found.names.extend(CString::new(link.name.clone())),
        }
        found.indices.extend(of_name.iter().map(|link| link.index));
        // Ports among others that are none are as they should be.
        let ports: Vec<Remark> = of_name.iter().filter_map(|link| port(link, links)).collect();
        if ports.len() == of_name.len() {
            remarks.extend(ports);
        }
    }
    let named = |remark: &Remark| match remark {
        Remark::Port { master, .. } => {
            found.names.iter().any(|name| matches(name.as_bytes(), master.as_bytes()))
        }
        _ => false,
    };
    remarks.retain(|remark| !named(remark));
    // Several names of one interface are one.
    let mut seen = BTreeSet::new();
    found.names.retain(|name| seen.insert(name.clone()));
    (found, remarks)
}

/// That an interface is a port whose packets come in on another one.
///
/// A bridge, a bond and a team take the packets of their ports before any hook of the families ip and
/// ip6 sees them. A VRF does so after prerouting: packets pass that twice, first on the port.
fn port(link: &Link, links: &[Link]) -> Option<Remark> {
    let master = links.iter().find(|other| Some(other.index) == link.master)?;
    let kind = master.kind.as_deref().unwrap_or("interface");
    let text = |name: &[u8]| String::from_utf8_lossy(name).escape_debug().to_string();
    (kind != "vrf").then(|| Remark::Port {
        name: text(&link.name),
        master: text(&master.name),
        kind: kind.escape_debug().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<CString> {
        names.iter().map(|&name| CString::new(name).unwrap()).collect()
    }

    /// lo; eth0 with an alternative name; eth1 and eth2, ports of a bridge; eth3, a port of a VRF.
    fn links() -> Vec<Link> {
        let link = |index: u32, name: &str| Link { index, name: name.into(), ..Link::default() };
        let port = |index: u32, name: &str, master| Link { master, ..link(index, name) };
        let other = |index: u32, name: &str, kind: &str| Link {
            kind: Some(kind.to_string()),
            ..link(index, name)
        };
        let alternative_names = vec![b"enp1s0".to_vec(), b"a-name-of-more-than-15-bytes".to_vec()];
        vec![
            link(1, "lo"),
            Link { alternative_names, ..link(2, "eth0") },
            port(3, "eth1", Some(5)),
            port(4, "eth2", Some(5)),
            other(5, "br0", "bridge"),
            port(6, "eth3", Some(7)),
            other(7, "blue", "vrf"),
        ]
    }

    fn names_of(found: &FoundLinks) -> Vec<&str> {
        found.names.iter().map(|name| name.to_str().unwrap()).collect()
    }

    #[test]
    fn an_alternative_name_stands_for_the_name_that_packets_have() {
        for name in ["eth0", "enp1s0", "a-name-of-more-than-15-bytes"] {
            let (found, remarks) = resolve(&named(&[name]), &links());
            assert_eq!((names_of(&found), &found.indices[..]), (vec!["eth0"], &[2][..]), "{name}");
            assert_eq!(remarks, []);
        }
    }

    #[test]
    fn a_name_that_no_interface_has_is_kept_if_one_could_have_it() {
        for name in ["wan", "ppp*", "fifteen-letters"] {
            let (found, remarks) = resolve(&named(&[name, "eth0"]), &links());
            assert_eq!((names_of(&found), &found.indices[..]), (vec![name, "eth0"], &[2][..]));
            assert_eq!(remarks, [Remark::Missing { name: name.to_string() }]);
        }
        let (found, remarks) = resolve(&named(&["sixteen-letters!"]), &links());
        assert_eq!(found, FoundLinks::default());
        assert!(matches!(remarks[..], [Remark::MissingAlternative { .. }]), "{remarks:?}");
    }

    #[test]
    fn a_port_of_a_bridge_is_remarked_and_one_of_a_vrf_is_not() {
        let (found, remarks) = resolve(&named(&["eth1"]), &links());
        assert_eq!(names_of(&found), ["eth1"]);
        let [Remark::Port { name, master, kind }] = &remarks[..] else { panic!("{remarks:?}") };
        assert_eq!([name, master, kind], ["eth1", "br0", "bridge"]);
        assert_eq!(resolve(&named(&["eth3"]), &links()).1, []);
        assert_eq!(resolve(&named(&["blue"]), &links()).1, []);
        assert_eq!(resolve(&named(&["br0"]), &links()).1, []);
        // The right name is among them.
        assert_eq!(resolve(&named(&["eth1", "br0"]), &links()).1, []);
        let (found, _) = resolve(&named(&["eth0", "enp1s0"]), &links());
        assert_eq!(names_of(&found), ["eth0"], "both names of one interface");
        // Of several that a pattern matches, one that is no port will do.
        let (found, remarks) = resolve(&named(&["eth*"]), &links());
        assert_eq!((names_of(&found), &found.indices[..]), (vec!["eth*"], &[2, 3, 4, 6][..]));
        assert_eq!(remarks, []);
        let only_ports = &links()[2..5];
        assert_eq!(resolve(&named(&["eth*"]), only_ports).1.len(), 2);
    }

    #[test]
    fn loopback_is_remarked_and_matches_no_rule() {
        let (found, remarks) = resolve(&named(&["lo"]), &links());
        assert!(found.names.is_empty());
        assert_eq!(remarks, [Remark::Loopback { name: "lo".to_string() }]);
    }

    #[test]
    fn the_interfaces_of_this_host_have_loopback_among_them() {
        let links = super::links().unwrap();
        let loopback = links.iter().find(|link| link.index == LOOPBACK).unwrap();
        assert_eq!((&loopback.name[..], loopback.master), (&b"lo"[..], None));
    }
}
