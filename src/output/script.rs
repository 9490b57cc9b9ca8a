//! Range sets as a script for `nft -f` with sets and rules, for who keeps the firewall of a host.
//!
//! The look-ups are those that netfilterd's own table has, but for interval sets. One transaction has to
//! do here, and a script does not know what is in force. A hash set or a bitmap that is created in the
//! transaction that also switches the rules to it is whole for the first packet that meets the new rules.
//! An interval set is not: a new one is empty until the transaction ends on newer kernels, and one that is
//! flushed and filled again misses addresses on older ones.
//!
//! So a script empties its chains, deletes every set that an earlier script may have left, and creates its
//! own. `add` before `delete` keeps the deletion of a set that is not there from failing.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ip::{Address, RangeSet, RangeSets, neighbour};
use crate::nftables::layout::census::{Census, PREFILTERS4, PREFILTERS6};
use crate::nftables::layout::choose::without_interval;
use crate::nftables::layout::{Hash, LaidOut, Row, Rows, SetKind};
use crate::nftables::name::{SetName, TableName};
use crate::nftables::set_name::Content;

/// The tables that a script creates if none is asked for. A table of one family does not have to ask each
/// packet for its family.
pub const TABLES: [&str; 2] = ["ip blocklist", "ip6 blocklist"];

/// What a script is made of.
pub struct Script<'a> {
    /// The addresses that are dropped.
    pub sets: &'a RangeSets,
    /// The tables, of families `ip`, `ip6` and `inet`. Each gets the addresses of the packets that it sees.
    pub tables: &'a [TableName],
    /// How the names of the sets of IPv4 begin.
    pub set4: &'a SetName,
    /// The same for IPv6.
    pub set6: &'a SetName,
    /// The interfaces on which packets are dropped, as nft takes them between quotes; none for all.
    pub interfaces: &'a [String],
}

/// How nft calls what is in a packet of a family.
struct Words {
    /// Bits of an address.
    bits: u8,
    /// What chains and counters of the family end in.
    digit: char,
    /// The keyword for its header.
    header: &'static str,
    /// `meta nfproto` of its packets.
    protocol: &'static str,
    /// The type of its addresses.
    address: &'static str,
    /// The lengths that a prefilter may have.
    prefilters: &'static [u8],
}

const V4: Words = Words {
    bits: 32,
    digit: '4',
    header: "ip",
    protocol: "ipv4",
    address: "ipv4_addr",
    prefilters: PREFILTERS4,
};

const V6: Words = Words {
    bits: 128,
    digit: '6',
    header: "ip6",
    protocol: "ipv6",
    address: "ipv6_addr",
    prefilters: PREFILTERS6,
};

/// A way of packets: from the listed, or to them.
struct Way {
    /// The base chain, and how the counters begin.
    chain: &'static str,
    /// Its hook.
    hook: &'static str,
    /// How the other chains begin.
    begin: &'static str,
    /// The field of the header that is looked up.
    field: &'static str,
    /// Where the addresses are in the header, in bits: of IPv4, and of IPv6.
    offsets: (u32, u32),
    /// The keyword for the interface.
    interface: &'static str,
}

const WAYS: [Way; 2] = [
    Way {
        chain: "inbound",
        hook: "prerouting",
        begin: "from",
        field: "saddr",
        offsets: (96, 64),
        interface: "iif",
    },
    Way {
        chain: "outbound",
        hook: "postrouting",
        begin: "to",
        field: "daddr",
        offsets: (128, 192),
        interface: "oif",
    },
];

/// A family in a table: its words, the begin of its sets' names, and its row of look-ups.
struct Part<'a> {
    words: &'static Words,
    base: &'a SetName,
    row: &'a Row,
}

impl Script<'_> {
    /// Writes the script. The only errors are those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let v4 = without_interval(&Census::of(&self.sets.v4));
        let v6 = without_interval(&Census::of(&self.sets.v6));
        self.write_rows(&Rows { v4, v6 }, out)
    }

    /// Writes the script with these rows, which have no interval set and a place for everything.
    pub fn write_rows(&self, rows: &Rows, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "# Drops packets from and to listed networks. By netfilterd print --format nft --rules."
        )?;
        writeln!(
            out,
            "# nft -f loads it in one transaction, in place of what an earlier script left."
        )?;
        for table in self.tables {
            let family = table.family();
            let v4 = Part { words: &V4, base: self.set4, row: &rows.v4 };
            let v6 = Part { words: &V6, base: self.set6, row: &rows.v6 };
            let parts: Vec<Part<'_>> =
                [family.sees_v4().then_some(v4), family.sees_v6().then_some(v6)]
                    .into_iter()
                    .flatten()
                    .collect();
            self.write_table(table, &parts, out)?;
        }
        Ok(())
    }

    fn write_table(
        &self,
        table: &TableName,
        parts: &[Part<'_>],
        out: &mut impl Write,
    ) -> io::Result<()> {
        writeln!(out, "\nadd table {table}")?;
        for way in &WAYS {
            way.empty(table, parts, out)?;
        }
        writeln!(
            out,
            "# What an earlier script may have left; add keeps the deletion of nothing from failing."
        )?;
        for part in parts {
            part.delete_sets(table, out)?;
        }
        writeln!(out, "\ntable {table} {{")?;
        for part in parts {
            match part.words.bits {
                32 => part.write_sets(&self.sets.v4, out)?,
                _ => part.write_sets(&self.sets.v6, out)?,
            }
        }
        let mut separator = "";
        for way in &WAYS {
            write!(out, "{separator}")?;
            way.write_chains(parts, self.interfaces, out)?;
            separator = "\n";
        }
        writeln!(out, "}}")
    }
}

impl Part<'_> {
    /// All sets that a script may create, each with its key.
    fn possible(&self) -> impl Iterator<Item = SetKind> {
        let of_length = |length| Hash { length, size: 0 };
        let prefilters =
            self.words.prefilters.iter().map(move |&length| SetKind::Prefilter(of_length(length)));
        let hashes = (0..=self.words.bits).map(move |length| SetKind::Hash(of_length(length)));
        prefilters.chain(hashes)
    }

    fn delete_sets(&self, table: &TableName, out: &mut impl Write) -> io::Result<()> {
        self.possible().try_for_each(|kind| {
            let name = self.name(kind);
            let key = self.words.key(kind);
            writeln!(out, "add set {table} {name} {{ {key}; }}; delete set {table} {name}")
        })
    }

    fn name(&self, kind: SetKind) -> String {
        Content::from(kind).name(self.base)
    }

    fn write_sets<A: Address>(&self, set: &RangeSet<A>, out: &mut impl Write) -> io::Result<()> {
        let laid_out = LaidOut::new(set, self.row);
        let prefilter = self.row.prefilter.map(|hash| (SetKind::Prefilter(hash), hash.size));
        let elements = prefilter.map(|kind| (kind, &laid_out.prefixes));
        let hashes = self.row.hashes.iter().zip(&laid_out.hashes);
        let hashes = hashes.map(|(&hash, keys)| ((SetKind::Hash(hash), hash.size), &keys.first));
        for ((kind, size), elements) in elements.into_iter().chain(hashes) {
            writeln!(out, "\tset {} {{", self.name(kind))?;
            writeln!(out, "\t\t{}", self.words.key(kind))?;
            // The kernel takes a bitmap for two bytes only if no size says that less would do.
            if !kind.is_bitmap(self.words.bits) {
                writeln!(out, "\t\tsize {size}")?;
            }
            writeln!(out, "\t\telements = {{")?;
            let bytes = kind.key_bytes(self.words.bits);
            for &element in elements {
                match element.to_ip() {
                    address if 8 * bytes == self.words.bits => writeln!(out, "\t\t\t{address},")?,
                    address => writeln!(out, "\t\t\t{:#x},", leading(address, bytes))?,
                }
            }
            writeln!(out, "\t\t}}\n\t}}\n")?;
        }
        Ok(())
    }

    /// The chain of packets whose address the prefilter has.
    fn suspect(&self, way: &Way) -> String {
        format!("{}_suspect{}", way.begin, self.words.digit)
    }

    /// The chain of packets whose address is listed.
    fn listed(&self, way: &Way) -> String {
        format!("{}_listed{}", way.begin, self.words.digit)
    }

    /// The rule that looks an address up.
    fn look_up(&self, way: &Way, kind: SetKind, chain: &str) -> String {
        let words = self.words;
        let bytes = kind.key_bytes(words.bits);
        let length = kind.length().unwrap_or(words.bits);
        let is_whole = 8 * bytes == words.bits;
        let field = match is_whole {
            true => format!("{} {}", words.header, way.field),
            false => format!("@nh,{},{}", words.offset(way), 8 * bytes),
        };
        let mask = match (8 * bytes == length, is_whole) {
            (true, _) => String::new(),
            (false, true) => format!(" & {}", words.mask(length)),
            (false, false) => format!(" & {:#x}", leading(words.mask(length), bytes)),
        };
        format!("{field}{mask} @{} goto {chain}", self.name(kind))
    }
}

impl Words {
    /// The key of a set, as nft declares it.
    fn key(&self, kind: SetKind) -> String {
        match kind.key_bytes(self.bits) {
            bytes if 8 * bytes == self.bits => format!("type {}", self.address),
            bytes => format!("typeof @nh,{},{}", self.offset(&WAYS[0]), 8 * bytes),
        }
    }

    fn offset(&self, way: &Way) -> u32 {
        if self.bits == 32 { way.offsets.0 } else { way.offsets.1 }
    }

    fn mask(&self, length: u8) -> IpAddr {
        match self.bits {
            32 => Ipv4Addr::from(u32::MAX.first_of(length)).into(),
            _ => Ipv6Addr::from(u128::MAX.first_of(length)).into(),
        }
    }
}

impl Way {
    /// Creates the chains and counters that are missing, and leaves no rule in the chains.
    fn empty(&self, table: &TableName, parts: &[Part<'_>], out: &mut impl Write) -> io::Result<()> {
        for part in parts {
            writeln!(out, "add counter {table} {}", self.counter(part.words))?;
            for chain in [part.listed(self), part.suspect(self)] {
                writeln!(out, "add chain {table} {chain}")?;
                writeln!(out, "flush chain {table} {chain}")?;
            }
        }
        writeln!(out, "add chain {table} {} {{ {} }}", self.chain, self.hook())?;
        writeln!(out, "flush chain {table} {}", self.chain)
    }

    fn write_chains(
        &self,
        parts: &[Part<'_>],
        interfaces: &[String],
        out: &mut impl Write,
    ) -> io::Result<()> {
        writeln!(out, "\tchain {} {{\n\t\t{}", self.chain, self.hook())?;
        for part in parts {
            let Part { words, row, .. } = part;
            let chain = match row.prefilter {
                Some(_) => part.suspect(self),
                None => part.listed(self),
            };
            let behind = if row.prefilter.is_some() { 1 } else { usize::MAX };
            for kind in row.kinds().take(behind) {
                let look_up = part.look_up(self, kind, &chain);
                // A packet of the other family has something else there.
                let is_raw = parts.len() > 1 && look_up.starts_with('@');
                let family =
                    if is_raw { format!("meta nfproto {} ", words.protocol) } else { "".into() };
                writeln!(out, "\t\t{family}{look_up}")?;
            }
        }
        writeln!(out, "\t}}")?;
        for part in parts {
            self.write_suspect(part, out)?;
            self.write_listed(part, interfaces, out)?;
        }
        Ok(())
    }

    /// The look-ups behind the prefilter.
    fn write_suspect(&self, part: &Part<'_>, out: &mut impl Write) -> io::Result<()> {
        if part.row.prefilter.is_none() {
            return Ok(());
        }
        let listed = part.listed(self);
        writeln!(out, "\n\tchain {} {{", part.suspect(self))?;
        for kind in part.row.kinds().skip(1) {
            writeln!(out, "\t\t{}", part.look_up(self, kind, &listed))?;
        }
        writeln!(out, "\t}}")
    }

    /// The exceptions and the drop.
    fn write_listed(
        &self,
        part: &Part<'_>,
        interfaces: &[String],
        out: &mut impl Write,
    ) -> io::Result<()> {
        writeln!(out, "\n\tchain {} {{", part.listed(self))?;
        writeln!(out, "\t\t{} \"lo\" accept", self.interface)?;
        if part.words.bits > 32 {
            let (hops, first, last) =
                (neighbour::HOP_LIMIT, neighbour::TYPES.start(), neighbour::TYPES.end());
            writeln!(
                out,
                "\t\tip6 nexthdr ipv6-icmp ip6 hoplimit {hops} icmpv6 type {first}-{last} accept"
            )?;
        }
        let counter = self.counter(part.words);
        for interface in interfaces {
            let keyword = self.interface;
            writeln!(out, "\t\t{keyword}name \"{interface}\" counter name \"{counter}\" drop")?;
        }
        if interfaces.is_empty() {
            writeln!(out, "\t\tcounter name \"{counter}\" drop")?;
        }
        writeln!(out, "\t}}")
    }

    fn counter(&self, words: &Words) -> String {
        format!("{}{}", self.chain, words.digit)
    }

    fn hook(&self) -> String {
        format!("type filter hook {} priority raw; policy accept;", self.hook)
    }
}

/// The first bytes of an address, as a number.
fn leading(address: IpAddr, bytes: u8) -> u128 {
    let (number, bits) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let behind = u32::saturating_sub(bits, 8 * u32::from(bytes));
    number.checked_shr(behind).unwrap_or(0)
}
