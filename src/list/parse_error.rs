//! Why a line is rejected, and where in it.

use std::fmt;
use std::net::Ipv4Addr;

/// The longest line that is read, in bytes without its line end. No format needs more; what does
/// is not a list.
pub const MAX_LINE: usize = 4096;

/// Why a line is rejected, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The offset from the beginning of the line, in bytes.
    pub at: usize,
    /// What is wrong with what begins there.
    pub reason: Reason,
}

impl ParseError {
    /// An error at an offset.
    pub(super) fn at(at: usize, reason: Reason) -> Self {
        ParseError { at, reason }
    }

    /// The same error, where what was read begins only at `offset`.
    pub(super) fn behind(self, offset: usize) -> Self {
        ParseError { at: offset + self.at, reason: self.reason }
    }
}

impl fmt::Display for ParseError {
    /// `column 11: not an address`. Columns are counted from 1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.at + 1, self.reason)
    }
}

impl std::error::Error for ParseError {}

/// The reasons for which a line is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Longer than [`MAX_LINE`].
    TooLong,
    /// A NUL byte.
    Nul,
    /// Neither digits nor anything else an address begins with.
    NotAnAddress,
    /// Digits and dots, but not four octets.
    NotFourOctets,
    /// An octet above 255.
    OctetTooLarge,
    /// An octet with a leading zero.
    LeadingZero,
    /// Colons, but not an IPv6 address.
    NotAnIpv6Address,
    /// Eight groups of two digits.
    HardwareAddress,
    /// `%` after an address.
    Zone,
    /// `/` without a length or netmask that can be read.
    NotALength,
    /// A prefix length above the family's width, which is given.
    LengthTooLarge(u8),
    /// A netmask whose ones are not all in front.
    NotContiguous,
    /// The netmask 0.0.0.0, which is a host in the inverse notation.
    ZeroNetmask,
    /// A network in the IPv4-mapped block, with the IPv4 network to write instead if there is one.
    MappedNetwork(Option<(Ipv4Addr, u8)>),
    /// A range that holds a part of the IPv4-mapped block.
    MappedRange,
    /// A range between two families.
    MixedRange,
    /// A range that ends before it begins.
    ReversedRange,
    /// Text after the entry that is no comment.
    TrailingText,
    /// Two entries with a comma between them.
    TwoEntries,
    /// Behind `until` stands no time.
    NotATime,
    /// An address in the text before or after the entry.
    SecondAddress,
    /// Words that say that the entry is not bad, is over, or is meant more narrowly.
    Verdict,
    /// An element of a set that is more than an address, such as an address and a port.
    Narrower,
    /// An action or a value that neither drops nor lets pass.
    OtherAction,
    /// A line that is not of the format of the list, which is named.
    NotOfTheFormat(&'static str),
    /// A line of this format in a list of another.
    LineOf(&'static str),
    /// An entry in a short form, or with a note behind a dash, among whole ones.
    ShortForm,
    /// Columns of which one says another network than the others.
    NotThatNetwork,
    /// A command or a block of some program that is none of those that are read.
    UnknownBlock,
    /// A block that nothing closes.
    Unclosed,
    /// What begins like JSON and is none, or not all of it.
    NotJson,
    /// What begins like XML and is none, or not all of it.
    NotXml,
    /// JSON without a network where one is looked for.
    NoNetworkInJson,
    /// Several members or columns, each of which could be the network.
    TwoNetworks,
    /// A field that says when the entry ends, in a form that is not read.
    UnreadableEnd,
}

/// A network that stands in a line, with `true` only how to write it.
struct Shown(Ipv4Addr, u8, bool);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown(.., true) => f.write_str("without ::ffff:"),
            Shown(address, length, false) => write!(f, "{address}/{length}"),
        }
    }
}

impl fmt::Display for Reason {
    /// With `{:#}` without anything that stands in the line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::TooLong => write!(f, "line is longer than {MAX_LINE} bytes"),
            Reason::Nul => {
                f.write_str("NUL byte: not text, or UTF-16, which iconv -t UTF-8 converts")
            }
            Reason::NotAnAddress => f.write_str("not an address"),
            Reason::NotFourOctets => f.write_str("an IPv4 address has four octets"),
            Reason::OctetTooLarge => f.write_str("an octet is at most 255"),
            Reason::LeadingZero => {
                f.write_str("leading zero: octal to some, decimal to others; write it without")
            }
            Reason::NotAnIpv6Address => f.write_str("not an IPv6 address"),
            Reason::HardwareAddress => f.write_str(
                "eight pairs of digits are a hardware address (EUI-64) to some, IPv6 to others; write \
                 IPv6 with its prefix length, /128",
            ),
            Reason::Zone => f.write_str("a zone (%) has no meaning in a list; write it without"),
            Reason::NotALength => f.write_str("not a prefix length or netmask"),
            Reason::LengthTooLarge(most) => write!(f, "a prefix length is at most {most} here"),
            Reason::NotContiguous => f.write_str("netmask is not contiguous"),
            Reason::ZeroNetmask => f.write_str(
                "netmask 0.0.0.0 is everything to some, one host to others; write /0 or /32",
            ),
            Reason::MappedNetwork(Some((address, length))) => {
                let network = Shown(*address, *length, f.alternate());
                write!(f, "IPv4-mapped network; write the IPv4 one, {network}")
            }
            Reason::MappedNetwork(None) => {
                f.write_str("IPv4-mapped network wider than all of IPv4; write the IPv4 one")
            }
            Reason::MappedRange => f.write_str("IPv4-mapped range; write the IPv4 one"),
            Reason::MixedRange => f.write_str("a range has both ends in one family"),
            Reason::ReversedRange => f.write_str("range ends before it begins"),
            Reason::NotATime => f.write_str(
                "until must be followed by a time: RFC 3339 (2027-01-31T00:00:00Z), or seconds since 1970 \
                 in ten digits",
            ),
            Reason::TrailingText => {
                f.write_str("text after the entry (a comment begins with # after a blank)")
            }
            Reason::TwoEntries => f.write_str(
                "two entries with a comma are a range to some, two entries to others; write first-last, \
                 or a line for each",
            ),
            Reason::SecondAddress => f.write_str("another address in the text of the line"),
            Reason::Verdict => f.write_str(
                "these words say that the entry is not bad, is over, or is meant more narrowly than an \
                 address",
            ),
            Reason::Narrower => f.write_str(
                "an element with a port, an interface or the like is narrower than an address, or is none",
            ),
            Reason::OtherAction => {
                f.write_str("neither drops nor lets pass what it names (another action or value)")
            }
            Reason::NotOfTheFormat(format) => {
                write!(f, "not a line of the format of this list, {format}")
            }
            Reason::LineOf(format) => {
                write!(f, "a line of the format {format} in a list of another format; divide the list")
            }
            Reason::ShortForm => f.write_str(
                "a short form (192.0.2.4-9) or a note behind a dash, in a list whose other lines are whole \
                 entries; write the whole entry",
            ),
            Reason::NotThatNetwork => {
                f.write_str("first address, last address and length are not of one network")
            }
            Reason::UnknownBlock => f.write_str("belongs to a command or block that is not read"),
            Reason::Unclosed => f.write_str("this block is never closed; the list was cut off"),
            Reason::NotXml => f.write_str("not XML, or cut off, or with a document type"),
            Reason::NotJson => f.write_str("not JSON, or cut off"),
            Reason::NoNetworkInJson => f.write_str("JSON, but without a network or list to read"),
            Reason::TwoNetworks => f.write_str("several members could be the network"),
            Reason::UnreadableEnd => f.write_str(
                "the time at which the entry expires is neither RFC 3339 (2027-01-31T00:00:00Z) nor seconds \
                 since 1970 in ten digits",
            ),
        }
    }
}
