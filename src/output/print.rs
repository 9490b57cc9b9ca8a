//! Range sets as text, for people and other programs.
//!
//! IPv4 comes before IPv6, both in ascending order. Each text is a list in one of the formats of
//! drop_ips(5), and reads back as the same range sets.

use std::io::{self, Write};

use ipnet::IpNet;

use crate::ip::{Address, PerFamily, RangeSet, RangeSets};
use crate::nftables::name::{SetName, TableName, Tables};
#[cfg(feature = "map")]
use crate::output::map::Map;

/// The output formats. Their comments are the text of `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// As few networks as possible, one per line, always with a prefix length
    Cidr,
    /// Ranges, one per line, always as first-last
    Range,
    /// A script for nft -f that creates and fills the sets
    Nft,
    /// Input for ipset restore that creates, fills and swaps the sets
    Ipset,
    /// One JSON object with the keys v4 and v6, each an array of networks
    Json,
    /// A picture of the IPv4 space, as PNG
    #[cfg(feature = "map")]
    Map,
}

impl Format {
    /// Whether the format is a picture, which a terminal cannot show and which shows IPv4 only.
    pub fn is_picture(self) -> bool {
        match self {
            Format::Cidr | Format::Range | Format::Nft | Format::Ipset | Format::Json => false,
            #[cfg(feature = "map")]
            Format::Map => true,
        }
    }
}

/// The names of the tables and the sets in a script.
pub struct Names<'a> {
    /// The tables, for the format `nft`.
    pub tables: &'a Tables,
    /// The set of IPv4 networks.
    pub set4: &'a SetName,
    /// The set of IPv6 networks.
    pub set6: &'a SetName,
}

/// The input of [`write()`].
pub struct Printed<'a> {
    /// The addresses that are dropped, which every format shows.
    pub sets: &'a RangeSets,
    /// Allowed addresses, for a map.
    pub allowed: &'a RangeSets,
    /// Protected addresses, for a map.
    pub protected: &'a RangeSets,
    /// The names in the formats `nft` and `ipset`.
    pub names: Names<'a>,
}

/// Writes range sets in a format. The only errors are those of `out`.
pub fn write(format: Format, printed: &Printed<'_>, out: &mut impl Write) -> io::Result<()> {
    let Printed { sets, names, .. } = printed;
    match format {
        Format::Cidr => write_lines(sets.networks(), out),
        Format::Range => {
            write_lines(sets.v4.ranges(), out)?;
            write_lines(sets.v6.ranges(), out)
        }
        Format::Nft => {
            let PerFamily { v4, v6 } = match names.tables {
                Tables::Managed => Tables::managed(),
                Tables::Foreign(table) => PerFamily { v4: table.clone(), v6: table.clone() },
            };
            write_nft(&sets.v4, &v4, names.set4, "ipv4_addr", out)?;
            write_nft(&sets.v6, &v6, names.set6, "ipv6_addr", out)
        }
        Format::Ipset => {
            write_ipset(&sets.v4, names.set4, "inet", out)?;
            write_ipset(&sets.v6, names.set6, "inet6", out)
        }
        Format::Json => write_json(sets, out),
        #[cfg(feature = "map")]
        Format::Map => {
            let (allowed, protected) = (&printed.allowed.v4, &printed.protected.v4);
            Map { dropped: &sets.v4, allowed, protected }.write(out)
        }
    }
}

fn write_lines(
    items: impl IntoIterator<Item = impl std::fmt::Display>,
    out: &mut impl Write,
) -> io::Result<()> {
    items.into_iter().try_for_each(|item| writeln!(out, "{item}"))
}

/// Writes a script for `nft -f`, which is one transaction. The flush makes it replace the elements.
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

/// The limit of elements with which sets are created. It is always the same, because `create -exist`
/// fails if a set exists with another limit. Unlike the hash size, it takes no memory.
const IPSET_MAXELEM: u32 = u32::MAX;

/// The longest set name for the format `ipset`, in bytes. The limit of ipset is 31, and the name of the
/// set that is filled ends in `.new`.
pub const IPSET_MAX_NAME: usize = 27;

/// Writes a script that fills a second set and swaps the two, because ipset has no transactions.
fn write_ipset<A: Address>(
    set: &RangeSet<A>,
    name: &SetName,
    family: &str,
    out: &mut impl Write,
) -> io::Result<()> {
    let filling = format!("{name}.new");
    // ipset doubles a hash table that is three quarters full. This is the size after all doublings.
    let buckets = (set.network_count().saturating_mul(4) / 3).next_power_of_two();
    let buckets = buckets.clamp(1024, 1 << 31);
    let options = format!("hash:net family {family} maxelem {IPSET_MAXELEM}");
    writeln!(out, "create {name} {options} -exist")?;
    writeln!(out, "create {filling} {options} hashsize {buckets} -exist")?;
    writeln!(out, "flush {filling}")?;
    for network in set.networks() {
        // The type hash:net has no prefix length 0.
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

/// Writes JSON strings without escapes, because a network has no character that needs one.
fn write_strings(networks: impl Iterator<Item = IpNet>, out: &mut impl Write) -> io::Result<()> {
    for (index, network) in networks.enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        write!(out, "\"{network}\"")?;
    }
    Ok(())
}
