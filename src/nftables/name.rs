//! Names that nft can type.
//!
//! The kernel takes any string for a set's name; nft's grammar does not, and a ruleset with a set
//! that cannot be typed cannot be loaded back from its own listing. So a name is checked once,
//! here, and carries the guarantee from then on.

use std::ffi::{CStr, CString};
use std::fmt;
use std::str::FromStr;

use crate::ip::{Families, PerFamily};

/// The managed tables, in the form of `--table`: those that netfilterd creates and keeps. Older versions
/// had one table of this name, and scripts give it.
pub const MANAGED: &str = "inet netfilterd";

/// The name of each of the managed tables.
const MANAGED_NAME: &CStr = c"netfilterd";

/// The longest name that can be given, in bytes: `NFT_NAME_MAXLEN` is 256 with its NUL, and behind
/// the name come what the set holds (`_first48`) and a generation (`_g` and up to 16 digits).
const MAX_SET_NAME: usize = 229;

/// `NFT_NAME_MAXLEN` without the NUL.
const MAX_TABLE_NAME: usize = 255;

/// The words that nft's scanner takes for itself wherever a set's name may stand: as
/// `set WORD { ... }` and as `ip saddr @WORD`. Found by trying each word of the grammar with
/// nft 1.0.6; the later words of the scanner of nft 1.1 are among them.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "accept", "add", "ah", "all", "and", "arp", "auto-merge", "bridge", "cgroup", "chain",
    "comment", "comp", "constant", "continue", "counter", "cpu", "create", "ct", "day", "dccp",
    "define", "delete", "describe", "destroy", "device", "devices", "dnat", "drop", "dst", "dup",
    "dynamic", "ecn", "element", "elements", "eq", "esp", "ether", "exists", "expires", "export",
    "exthdr", "fib", "flags", "flow", "flowtable", "flush", "frag", "fwd", "gc-interval", "ge",
    "geneve", "get", "goto", "gre", "gretap", "gt", "handle", "hbh", "hook", "hour", "ibriport",
    "ibrname", "icmp", "icmpv6", "igmp", "iif", "iifgroup", "iifname", "iiftype", "import",
    "include", "index", "inet", "insert", "interval", "ip", "ip6", "ipsec", "jhash", "jump", "last",
    "le", "limit", "list", "ll", "log", "lshift", "lt", "map", "mark", "masquerade", "meta",
    "meter", "mh", "missing", "monitor", "ne", "netdev", "nftrace", "nh", "not", "notrack",
    "numgen", "obriport", "obrname", "offload", "oif", "oifgroup", "oifname", "oiftype", "or",
    "osf", "pkttype", "policy", "position", "priority", "queue", "quota", "random", "redefine",
    "redirect", "reject", "rename", "replace", "reset", "return", "rshift", "rt", "rt0", "rt2",
    "rtclassid", "rule", "ruleset", "sctp", "secmark", "set", "size", "skgid", "skuid", "snat",
    "socket", "srh", "symhash", "synproxy", "table", "tcp", "th", "time", "timeout", "tproxy",
    "tunnel", "type", "typeof", "udp", "udplite", "undefine", "update", "vlan", "vmap", "vni",
    "vxlan", "xor", "xt",
];

/// Why a name is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It has no characters.
    Empty,
    /// Longer than this many bytes.
    TooLong(usize),
    /// A word of nft's grammar.
    Reserved(String),
    /// A character that nft's grammar has no place for in a name.
    Untypable(String),
    /// Not of the form `FAMILY NAME`.
    NoFamily(String),
    /// Not a family that nftables has.
    UnknownFamily(String),
    /// One of the managed tables, which are not chosen one by one.
    Kept(String),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => f.write_str("a name cannot be empty"),
            NameError::TooLong(most) => write!(f, "a name has at most {most} bytes"),
            NameError::Reserved(name) => write!(
                f,
                "'{name}' is a reserved word of nft: @{name} does not parse, no quoting helps, and a \
                 listing with that name cannot be loaded back; take another, like {name}4"
            ),
            NameError::Untypable(name) => write!(
                f,
                "'{}' cannot be typed in nft: a name is a letter, _ or . and then letters, digits, \
                 / - _ and .",
                name.escape_debug()
            ),
            NameError::NoFamily(text) => {
                write!(f, "'{}' is not a family and a name, like 'ip filter'", text.escape_debug())
            }
            NameError::UnknownFamily(family) => write!(
                f,
                "'{}' is not a family of nftables: ip, ip6, inet, arp, bridge or netdev",
                family.escape_debug()
            ),
            NameError::Kept(table) => write!(
                f,
                "netfilterd itself keeps the table {table}, together with the table of the other family; \
                 omit --table to fill both"
            ),
        }
    }
}

impl std::error::Error for NameError {}

/// The name of a set, one that nft can type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetName(String);

impl SetName {
    /// The name as nft types it, without the `@` of a look-up.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The names of the two sets that netfilterd fills.
pub type SetNames = PerFamily<SetName>;

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SetName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        typable(name, MAX_SET_NAME)?;
        if RESERVED.binary_search(&name).is_ok() {
            return Err(NameError::Reserved(name.into()));
        }
        Ok(SetName(name.into()))
    }
}

/// The grammar's `string`: `({letter}|[_.])({letter}|{digit}|[/\-_\.])*`.
fn typable(name: &str, most: usize) -> Result<(), NameError> {
    let Some(first) = name.chars().next() else { return Err(NameError::Empty) };
    if name.len() > most {
        return Err(NameError::TooLong(most));
    }
    let begins = first.is_ascii_alphabetic() || "_.".contains(first);
    if !begins || !name.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.".contains(c)) {
        return Err(NameError::Untypable(name.into()));
    }
    Ok(())
}

/// A family of tables, as the kernel numbers them (`NFPROTO_*` of linux/netfilter.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `inet`: IPv4 and IPv6 packets.
    Inet = 1,
    /// `ip`: IPv4 packets.
    Ip = 2,
    /// `arp`: ARP packets, which hold IPv4 addresses.
    Arp = 3,
    /// `netdev`: all packets at a device's ingress and egress.
    Netdev = 5,
    /// `bridge`: all packets that pass a bridge.
    Bridge = 7,
    /// `ip6`: IPv6 packets.
    Ip6 = 10,
}

impl Family {
    /// The family with this number.
    pub fn numbered(number: u8) -> Option<Self> {
        let all =
            [Family::Inet, Family::Ip, Family::Arp, Family::Netdev, Family::Bridge, Family::Ip6];
        all.into_iter().find(|family| *family as u8 == number)
    }

    /// Whether packets of such a table can have an IPv4 address to look up.
    pub fn sees_v4(self) -> bool {
        self != Family::Ip6
    }

    /// Whether packets of such a table can have an IPv6 address to look up.
    pub fn sees_v6(self) -> bool {
        !matches!(self, Family::Ip | Family::Arp)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Inet => "inet",
            Family::Ip => "ip",
            Family::Arp => "arp",
            Family::Netdev => "netdev",
            Family::Bridge => "bridge",
            Family::Ip6 => "ip6",
        })
    }
}

impl FromStr for Family {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Ok(match text {
            "inet" => Family::Inet,
            "ip" => Family::Ip,
            "arp" => Family::Arp,
            "netdev" => Family::Netdev,
            "bridge" => Family::Bridge,
            "ip6" => Family::Ip6,
            _ => return Err(NameError::UnknownFamily(text.into())),
        })
    }
}

/// A table by family and name, shown as nft writes it: `inet filter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    family: Family,
    name: CString,
}

impl TableName {
    /// The family, which decides which packets its chains see.
    pub fn family(&self) -> Family {
        self.family
    }

    fn managed(family: Family) -> Self {
        TableName { family, name: MANAGED_NAME.to_owned() }
    }

    /// The managed table of older versions, which the managed tables replace.
    pub fn replaced() -> Self {
        TableName::managed(Family::Inet)
    }

    /// The name without the family, as the kernel takes it.
    pub fn name(&self) -> &CStr {
        &self.name
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.name.to_string_lossy())
    }
}

impl FromStr for TableName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut words = text.split_whitespace();
        let (Some(family), Some(name), None) = (words.next(), words.next(), words.next()) else {
            return Err(NameError::NoFamily(text.into()));
        };
        typable(name, MAX_TABLE_NAME)?;
        if RESERVED.binary_search(&name).is_ok() {
            return Err(NameError::Reserved(name.into()));
        }
        // A typable name has no NUL, so this cannot fail; saying so keeps it from panicking.
        let c_name = CString::new(name).map_err(|_| NameError::Untypable(name.into()))?;
        Ok(TableName { family: family.parse()?, name: c_name })
    }
}

/// Where range sets are put in force: what `--table` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tables {
    /// The managed tables, which netfilterd creates and keeps: one of family ip and one of family ip6.
    Managed,
    /// A table of another program, in which netfilterd fills sets.
    Foreign(TableName),
}

impl Tables {
    /// The managed tables. Each sees the packets of one family only, so that no rule has to ask for it.
    pub fn managed() -> PerFamily<TableName> {
        PerFamily { v4: TableName::managed(Family::Ip), v6: TableName::managed(Family::Ip6) }
    }

    /// Whether these are the managed tables.
    pub fn is_managed(&self) -> bool {
        *self == Tables::Managed
    }

    /// Each of them.
    pub fn each(&self) -> Vec<TableName> {
        match self {
            Tables::Managed => {
                let PerFamily { v4, v6 } = Tables::managed();
                vec![v4, v6]
            }
            Tables::Foreign(table) => vec![table.clone()],
        }
    }

    /// The families whose packets they see.
    pub fn families(&self) -> Families {
        match self {
            Tables::Managed => Families::BOTH,
            Tables::Foreign(table) => {
                Families { v4: table.family.sees_v4(), v6: table.family.sees_v6() }
            }
        }
    }

    /// Those that are called `names`; `None` if no target has these.
    pub fn called(names: &[String]) -> Option<Self> {
        let tables: Vec<TableName> =
            names.iter().map(|name| name.parse()).collect::<Result<_, _>>().ok()?;
        match &tables[..] {
            tables if tables == Tables::Managed.each() => Some(Tables::Managed),
            [table] => Some(Tables::Foreign(table.clone())),
            _ => None,
        }
    }
}

impl fmt::Display for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Listed(&self.each()).fmt(f)
    }
}

impl FromStr for Tables {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let table: TableName = text.parse()?;
        if table == TableName::replaced() {
            return Ok(Tables::Managed);
        }
        match Tables::Managed.each().contains(&table) {
            true => Err(NameError::Kept(table.to_string())),
            false => Ok(Tables::Foreign(table)),
        }
    }
}

/// Tables as a part of a sentence: `table inet filter`, `tables ip netfilterd and ip6 netfilterd`.
pub struct Listed<'a, T>(pub &'a [T]);

impl<T> Listed<'_, T> {
    /// What stands for them where they were named.
    pub fn pronoun(&self) -> &'static str {
        if self.0.len() == 1 { "it" } else { "them" }
    }
}

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.len() == 1 { "table " } else { "tables " })?;
        for (index, table) in self.0.iter().enumerate() {
            write!(f, "{}{table}", if index == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserved_words_are_sorted_for_the_search() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn drop_is_refused_with_the_reason() {
        let message = "drop".parse::<SetName>().unwrap_err().to_string();
        assert!(message.contains("reserved word of nft"), "{message}");
        assert!(message.contains("take another, like drop4"), "{message}");
    }

    #[test]
    fn every_reserved_word_is_refused_and_its_neighbours_are_not() {
        for word in RESERVED {
            assert_eq!(word.parse::<SetName>(), Err(NameError::Reserved((*word).into())));
            assert!(format!("{word}4").parse::<SetName>().is_ok(), "{word}4");
        }
    }

    #[test]
    fn a_name_that_nft_cannot_type_is_refused() {
        for name in ["", "4drop", "bad guys", "böse", "a\nb", "a\"b", "@drop4", "-x"] {
            assert!(name.parse::<SetName>().is_err(), "{name:?}");
        }
        for name in ["drop4", "_x", ".x", "a/b-c_d.e", "DROP"] {
            assert!(name.parse::<SetName>().is_ok(), "{name:?}");
        }
        assert!("x".repeat(MAX_SET_NAME).parse::<SetName>().is_ok());
        assert!("x".repeat(MAX_SET_NAME + 1).parse::<SetName>().is_err());
    }

    #[test]
    fn the_managed_tables_are_chosen_together_by_the_name_that_older_versions_had() {
        assert_eq!(MANAGED.parse::<Tables>(), Ok(Tables::Managed));
        assert_eq!(Tables::Managed.to_string(), "tables ip netfilterd and ip6 netfilterd");
        for one in ["ip netfilterd", "ip6  netfilterd"] {
            let message = one.parse::<Tables>().unwrap_err().to_string();
            assert!(message.contains("omit --table"), "{message}");
        }
        let foreign = Tables::Foreign("ip filter".parse().unwrap());
        assert_eq!("ip filter".parse::<Tables>(), Ok(foreign.clone()));
        assert_eq!(foreign.to_string(), "table ip filter");
        for tables in [Tables::Managed, foreign] {
            let names: Vec<String> = tables.each().iter().map(ToString::to_string).collect();
            assert_eq!(Tables::called(&names), Some(tables));
        }
        assert_eq!(Tables::called(&[]), None);
    }

    #[test]
    fn a_table_is_a_family_and_a_name() {
        let table: TableName = " ip   filter ".parse().unwrap();
        assert_eq!(table.to_string(), "ip filter");
        assert_eq!("filter".parse::<TableName>(), Err(NameError::NoFamily("filter".into())));
        assert!(matches!("ipx filter".parse::<TableName>(), Err(NameError::UnknownFamily(_))));
        assert!("ip a b".parse::<TableName>().is_err());
    }
}
