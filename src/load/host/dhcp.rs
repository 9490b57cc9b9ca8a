//! The DHCP servers from which the host has its addresses, from the files in which DHCP clients keep their
//! leases.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use super::files::Files;

/// The folders, and how the names of the leases in them begin and end.
const LEASES: [(&str, &str, &str); 7] = [
    // systemd-networkd: a file for each interface, named by its number.
    ("/run/systemd/netif/leases", "", ""),
    // NetworkManager with its own client, and with dhclient.
    ("/var/lib/NetworkManager", "internal-", ".lease"),
    ("/var/lib/NetworkManager", "dhclient-", ".lease"),
    // dhclient, as Debian, Red Hat and SUSE, and ifupdown start it.
    ("/var/lib/dhcp", "dhclient", ".leases"),
    ("/var/lib/dhclient", "dhclient", ".leases"),
    ("/var/lib/dhclient", "dhclient", ".lease"),
    ("/run", "dhclient", ".lease"),
];

/// The servers that leased an address of `own`, each with that address. A file that cannot be read
/// names none.
pub fn servers(files: &Files, own: &BTreeSet<IpAddr>) -> Vec<(IpAddr, IpAddr)> {
    let mut found = Vec::new();
    for (folder, beginning, ending) in LEASES {
        for path in files.within(Path::new(folder)).unwrap_or_default() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(beginning) && name.ends_with(ending) {
                let text = files.read(&path).ok().flatten().unwrap_or_default();
                found.extend(leases(&String::from_utf8_lossy(&text)));
            }
        }
    }
    found.retain(|(_, address)| own.contains(address));
    found.sort_unstable();
    found.dedup();
    found
}

/// Server and leased address of each lease in the text of a file: lines `SERVER_ADDRESS=` and `ADDRESS=`
/// (systemd-networkd, NetworkManager), or statements of dhclient.leases(5). Of several leases of one address
/// the last counts.
pub fn leases(text: &str) -> Vec<(IpAddr, IpAddr)> {
    let mut found: Vec<(IpAddr, IpAddr)> = Vec::new();
    let (mut server, mut address) = (None, None);
    for line in text.lines().map(str::trim) {
        if line.starts_with("lease") && line.ends_with('{') {
            (server, address) = (None, None);
        }
        let before = (server, address);
        let statement = line.trim_end_matches(';');
        let value = |name: &str| statement.strip_prefix(name)?.trim().parse::<IpAddr>().ok();
        server = value("SERVER_ADDRESS=").or(value("option dhcp-server-identifier ")).or(server);
        address = value("ADDRESS=").or(value("fixed-address ")).or(address);
        if (server, address) == before {
            continue;
        }
        if let (Some(by), Some(leased)) = (server, address) {
            found.retain(|(_, known)| *known != leased);
            found.push((by, leased));
        }
    }
    found
}
