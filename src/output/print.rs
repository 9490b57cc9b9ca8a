//! Range sets for people and for other tools.
//!
//! IPv4 comes before IPv6, both ascending. Text that is written is a list again, in one format of
//! drop_ips(5) or another, and reads back as the same range sets.

use std::io::{self, Write};

use ipnet::IpNet;

use crate::ip::range::{Address, RangeSet, RangeSets};
use crate::nftables::name::{SetName, TableName};
use crate::output::map::Map;

/// The forms that range sets can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The fewest networks, one a line, always with a length
    Cidr,
    /// Ranges, one a line, always first-last
    Range,
    /// A script for nft -f that creates and fills the sets
    Nft,
    /// Input for ipset restore that creates, fills and swaps the sets
    Ipset,
    /// One JSON object with the keys v4 and v6, each an array of networks
    Json,
    /// A picture of the IPv4 space, as PNG
    Map,
}

/// The names under which a script puts the sets.
pub struct Names<'a> {
    /// The table, for nft.
    pub table: &'a TableName,
    /// The set of IPv4 networks.
    pub set4: &'a SetName,
    /// The set of IPv6 networks.
    pub set6: &'a SetName,
}

/// What is written.
pub struct Printed<'a> {
    /// What is dropped.
    pub sets: &'a RangeSets,
    /// What is not, since it is allowed; for a map.
    pub allowed: &'a RangeSets,
    /// What is not, since it is protected; for a map.
    pub protected: &'a RangeSets,
    /// The names, for scripts.
    pub names: Names<'a>,
}

/// Writes range sets in a format. The only errors are those of `out`.
pub fn write(format: Format, printed: &Printed<'_>, out: &mut impl Write) -> io::Result<()> {
    let Printed { sets, allowed, protected, names } = printed;
    match format {
        Format::Cidr => write_lines(sets.networks(), out),
        Format::Range => {
            write_lines(sets.v4.ranges(), out)?;
            write_lines(sets.v6.ranges(), out)
        }
        Format::Nft => {
            write_nft(&sets.v4, names.table, names.set4, "ipv4_addr", out)?;
            write_nft(&sets.v6, names.table, names.set6, "ipv6_addr", out)
        }
        Format::Ipset => {
            write_ipset(&sets.v4, names.set4, "inet", out)?;
            write_ipset(&sets.v6, names.set6, "inet6", out)
        }
        Format::Json => write_json(sets, out),
        Format::Map => {
            Map { dropped: &sets.v4, allowed: &allowed.v4, protected: &protected.v4 }.write(out)
        }
    }
}

fn write_lines(
    items: impl IntoIterator<Item = impl std::fmt::Display>,
    out: &mut impl Write,
) -> io::Result<()> {
    items.into_iter().try_for_each(|item| writeln!(out, "{item}"))
}

/// One transaction, since nft takes a script as one. The flush makes it a replacement.
fn write_nft<A: Address>(
    set: &RangeSet<A>,
    table: &TableName,
    name: &SetName,
    kind: &str,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "add table {table}")?;
    writeln!(out, "add set {table} {name} {{ type {kind}; flags interval; }}")?;
    writeln!(out, "flush set {table} {name}")?;
    if set.is_empty() {
        return Ok(());
    }
    writeln!(out, "add element {table} {name} {{")?;
    for range in set.ranges() {
        writeln!(out, "\t{},", range.network_or_range())?;
    }
    writeln!(out, "}}")
}

/// The limit of elements that sets are created with. Always the same, since `create -exist` fails
/// for a set that exists with another; it costs nothing, unlike the hash size.
const IPSET_MAXELEM: u32 = u32::MAX;

/// The longest set name that can be printed for ipset, whose own limit is 31 bytes: the set that is
/// filled has four more.
pub const IPSET_MAX_NAME: usize = 27;

/// Fills a second set and swaps the two: ipset has no transactions.
fn write_ipset<A: Address>(
    set: &RangeSet<A>,
    name: &SetName,
    family: &str,
    out: &mut impl Write,
) -> io::Result<()> {
    let filling = format!("{name}.new");
    // ipset grows a table by doubling when it is three quarters full; this is how it ends.
    let buckets = (set.network_count().saturating_mul(4) / 3).next_power_of_two();
    let buckets = buckets.clamp(1024, 1 << 31);
    let options = format!("hash:net family {family} maxelem {IPSET_MAXELEM}");
    writeln!(out, "create {name} {options} -exist")?;
    writeln!(out, "create {filling} {options} hashsize {buckets} -exist")?;
    writeln!(out, "flush {filling}")?;
    for network in set.networks() {
        // The type has no place for a length of 0.
        if network.prefix_len() == 0 {
            for half in halves(network) {
                writeln!(out, "add {filling} {half}")?;
            }
        } else {
            writeln!(out, "add {filling} {network}")?;
        }
    }
    writeln!(out, "swap {filling} {name}")?;
    writeln!(out, "destroy {filling}")
}

fn halves(network: IpNet) -> impl Iterator<Item = IpNet> {
    network.subnets(1).into_iter().flatten()
}

fn write_json(sets: &RangeSets, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\"v4\":[")?;
    write_strings(sets.v4.networks(), out)?;
    out.write_all(b"],\"v6\":[")?;
    write_strings(sets.v6.networks(), out)?;
    out.write_all(b"]}\n")
}

/// Networks hold no character that JSON would escape.
fn write_strings(networks: impl Iterator<Item = IpNet>, out: &mut impl Write) -> io::Result<()> {
    for (index, network) in networks.enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        write!(out, "\"{network}\"")?;
    }
    Ok(())
}
