//! The formats that lists come in, one a file.
//!
//! A list is read in one format, which [`decide`](mod@decide) finds from the whole text. A [`Format`] says
//! which lines speak for it, and reads the list from [`Lines`] into a [`Sink`]. A line is read as a whole,
//! or rejected for what is wrong with it in that format. What is known to be no list is a format, too: it
//! recognises its lines, and reads none.
//!
//! `reader` has what a format reads from and into, [`decide`](mod@decide) finds the format of a list,
//! [`again`](mod@again) reads a plain list of which most is known already, `sets` chooses among the sets of a file, and [`not_a_list`](mod@not_a_list) says why a file is refused.
//! `block`, `text`, `octets`, `fields` and `duration` are what formats of several families have in common.
//! The formats stand in one folder a family, in the order of drop_ips(5): [`plain`], `ban`, `firewall`,
//! `server`, `json`, `csv`, `feeds`, and [`refused`] for what is known to be no list. Each of these says
//! what belongs there.

pub mod again;
mod ban;
mod block;
mod candidates;
mod csv;
pub mod decide;
mod duration;
mod feeds;
mod fields;
mod firewall;
mod json;
pub mod not_a_list;
mod octets;
pub mod plain;
mod reader;
pub mod refused;
mod server;
mod sets;
mod text;

pub use decide::Decision;
pub use not_a_list::NotAList;
pub use reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};

use feeds::{dataplane, dshield, emule, geofeed, ipsum, peerguardian, tor, zeek};
use firewall::{clash, ipset, iptables, mikrotik, nft, pf, shorewall, xml};
use server::{apache, nginx, postfix, rbldnsd, squid};

/// All formats, by family. Where two reject equally many lines of a list and find as many entries, the first
/// one counts: plain is the last, because a line that speaks for another format says more.
pub static FORMATS: &[&Format] = &[
    // Known to be no list.
    &refused::KNOWN,
    &refused::DEFINITIONS,
    // Ban tools.
    &ban::fail2ban_banned::FORMAT,
    &ban::fail2ban_status::FORMAT,
    &ban::sshguard::FORMAT,
    &ban::hosts_deny::FORMAT,
    // Firewalls.
    &iptables::FORMAT,
    &ipset::FORMAT,
    &ipset::list::FORMAT,
    &xml::FORMAT,
    &nft::FORMAT,
    &nft::json::FORMAT,
    &mikrotik::FORMAT,
    &pf::FORMAT,
    &shorewall::FORMAT,
    &clash::FORMAT,
    // Servers.
    &nginx::FORMAT,
    &apache::FORMAT,
    &postfix::FORMAT,
    &squid::FORMAT,
    &rbldnsd::FORMAT,
    // JSON and CSV.
    &json::lines::FORMAT,
    &json::document::FORMAT,
    &csv::FORMAT,
    // Feeds with a form of their own.
    &tor::FORMAT,
    &dataplane::FORMAT,
    &geofeed::FORMAT,
    &zeek::FORMAT,
    &ipsum::FORMAT,
    &dshield::FORMAT,
    &emule::FORMAT,
    &peerguardian::FORMAT,
    // Lists in plain entries, and what only looks like no list.
    &plain::sections::FORMAT,
    &plain::NETMASK,
    &plain::SHORT,
    &refused::LIKELY,
    &plain::FORMAT,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::reading::Reading;

    #[test]
    fn each_format_has_a_name_of_its_own() {
        for format in FORMATS {
            let same = FORMATS.iter().filter(|other| other.name == format.name);
            assert_eq!(same.count(), 1, "{}", format.name);
        }
    }

    /// Lists of one line each, and what they are.
    const LINES: &[(&str, &str)] = &[
        ("plain", "192.0.2.0/24"),
        ("plain", "2001:db8::10-2001:db8::1f"),
        ("plain", "192.0.2.7 until 2027-01-31T00:00:00Z"),
        ("plain", "1.10.16.0/20 ; SBL256894"),
        ("plain", "# comment"),
        ("plain", "192.0.2.0/24 EXAMPLE-20190313 (Example LLC)"),
        ("host and count", "77.90.185.20\t110"),
        ("network and netmask", "192.0.2.0 255.255.255.0"),
        ("sections", "[blocked]"),
        ("sections", "deny:"),
        ("sections", "BLACKLIST=( 192.0.2.7 192.0.2.9 )"),
        ("YAML list", "- 192.0.2.7"),
        ("DShield", "Start\tEnd\tNetblock\tAttacks\tName\tCountry\temail"),
        ("DShield", "16.5.0.0\t16.5.0.255\t24\t117\tEXAMPLE-NET\tUS\tabuse@example.com"),
        ("ipfilter.dat", "198.51.100.0 - 198.51.100.255 , 100 , Botnet"),
        ("Spamhaus DROP", "{\"cidr\":\"1.10.16.0/20\",\"sblid\":\"SBL256894\",\"rir\":\"apnic\"}"),
        ("JSON lines", "{\"type\":\"metadata\",\"records\":1670}"),
        ("JSON document, member list", "{\"list\": [\"192.0.2.0/24\"]}"),
        ("JSON array of strings", "[\"192.0.2.0/24\"]"),
        ("CSV, column ip", "time,ip,note"),
        ("CSV, columns start and end", "start,end"),
        ("geofeed", "192.0.2.0/24,NL,NL-NH,Amsterdam,1105 AT"),
        ("Tor exit addresses", "ExitAddress 192.0.2.7 2024-03-12 08:10:51"),
        ("dataplane.org", "NA | NA | 192.0.2.7 | 2016-12-01 20:41:09 | sshclient"),
        ("Zeek Intel", "#fields\tindicator\tindicator_type\n192.0.2.7\tIntel::ADDR"),
        ("fail2ban-client banned", "[{'sshd': ['192.0.2.7']}, {'postfix': []}]"),
        ("nft script", "add element inet filter drop { 198.51.100.0/24 }"),
        ("nft script", "define BAD = { 192.0.2.7, 192.0.2.9 }"),
        (
            "nft JSON",
            "{\"nftables\": [{\"set\": {\"name\": \"drop\", \"elem\": [\"192.0.2.7\"]}}]}",
        ),
        ("nginx", "deny 192.0.2.0/24;"),
        ("nginx", "geo $bad { 192.0.2.0/24 1; }"),
        ("iptables", "-A INPUT -s 192.0.2.7/32 -j DROP"),
        ("iptables", "iptables -I INPUT 1 -s 192.0.2.7 -j DROP"),
        ("pf tables", "table <bad> persist { 192.0.2.7, !192.0.2.9 }"),
        ("fail2ban-client status", "   `- Banned IP list:\t192.0.2.7"),
        ("sshguard blacklist", "1784798042|100|4|192.0.2.7"),
        ("Shorewall blacklist", "192.0.2.7 - -"),
        ("Surge or Clash rules", "IP-CIDR,192.0.2.0/24,no-resolve"),
        ("hosts.deny", "ALL: 192.0.2.7"),
        ("Apache access control", "Deny from 192.0.2"),
        ("Postfix access table", "192.0.2.0/24 REJECT"),
        ("rbldnsd", "192.0.2 :3:text"),
        ("squid.conf", "acl bad src 192.0.2.7"),
        ("ipset save", "add drop 192.0.2.0/24"),
        ("ipset XML", "<ipset type=\"hash:ip\"><entry>192.0.2.7</entry></ipset>"),
        ("MikroTik address list", "add list=drop address=192.0.2.0/24"),
        ("ipset list", "Name: drop\nType: hash:net\nMembers:\n192.0.2.0/24"),
        ("PeerGuardian", "Example Corp. (www.example.com):192.0.2.0-192.0.2.255"),
    ];

    #[test]
    fn a_list_of_one_line_is_of_the_format_of_the_line() {
        for &(name, text) in LINES {
            let decision = decide::decide(text.as_bytes(), &Reading::default());
            assert_eq!(decision.as_ref().map(Decision::name), Ok(name), "{text}");
        }
    }
}
