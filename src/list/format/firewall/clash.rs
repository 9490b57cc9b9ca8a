//! Rules of proxies, one a line: `IP-CIDR,NETWORK,POLICY`, as Surge, Clash and their relatives have them.

use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Lines, Outcome, Sign, Sink};
use crate::list::format::text;
use crate::list::grammar::skip_blanks;
use crate::list::parse_error::{ParseError, Reason};

const NAME: &str = "Surge or Clash rules";

pub static FORMAT: Format =
    Format { name: NAME, sign: Sign::Line(|line| kind(rule(line.text)).is_some()), read };

/// What a rule asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The address that a connection is for, or comes from.
    Network,
    /// Something else.
    Other,
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    // Within `payload:` a network may stand alone.
    let mut is_payload = false;
    while let Some(line) = lines.line() {
        let (number, text) = (line.number, line.text);
        let rule = rule(text);
        let is_item = text.trim_ascii_start().starts_with(b"- ");
        let parsed = match kind(rule) {
            _ if line.is_blank() => Some(Ok(None)),
            Some(Kind::Network) => {
                let parsed = network(text, rule);
                if parsed == Ok(None) {
                    sink.event(number, Event::Skipped);
                }
                Some(parsed)
            }
            Some(Kind::Other) => {
                sink.event(number, Event::Skipped);
                Some(Ok(None))
            }
            None if text.trim_ascii() == b"payload:" => {
                is_payload = true;
                Some(Ok(None))
            }
            None if is_payload && is_item => {
                let at = offset(text, rule);
                Some(text::network(text, at, at + rule.len()).map(Some))
            }
            None => None,
        };
        match parsed {
            Some(Ok(Some(entry))) => sink.entry(number, entry, None),
            Some(Ok(None)) => {}
            Some(Err(error)) => lines.reject(error, sink),
            None => {
                is_payload = false;
                lines.reject_other(NAME, sink);
            }
        }
        lines.advance();
    }
    Ok(NAME.into())
}

/// The rule on a line, without the signs and quotes of YAML and without a comment.
fn rule(line: &[u8]) -> &[u8] {
    let text = line.trim_ascii();
    let text = text.strip_prefix(b"- ").unwrap_or(text).trim_ascii();
    let comment = [&b" #"[..], b" //", b" ;", b"\t#", b"\t//"]
        .iter()
        .filter_map(|sign| memchr::memmem::find(text, sign))
        .min();
    let text = text[..comment.unwrap_or(text.len())].trim_ascii();
    let quoted = |quote: u8| {
        let inner = text.strip_prefix(&[quote])?.strip_suffix(&[quote])?;
        (!inner.contains(&quote)).then_some(inner)
    };
    quoted(b'\'').or_else(|| quoted(b'"')).unwrap_or(text)
}

/// What kind of rule it is, by the word before its first comma.
fn kind(rule: &[u8]) -> Option<Kind> {
    let name = &rule[..memchr::memchr(b',', rule)?];
    let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
    if ["IP-CIDR", "IP-CIDR6", "IP6-CIDR"].iter().any(is) {
        return Some(Kind::Network);
    }
    let others = [
        "DOMAIN",
        "DOMAIN-SUFFIX",
        "DOMAIN-KEYWORD",
        "DOMAIN-SET",
        "DOMAIN-REGEX",
        "DOMAIN-WILDCARD",
        "HOST",
        "HOST-SUFFIX",
        "HOST-KEYWORD",
        "USER-AGENT",
        "URL-REGEX",
        "PROCESS-NAME",
        "PROCESS-PATH",
        "GEOIP",
        "GEOSITE",
        "IP-ASN",
        "IP-SUFFIX",
        "SRC-IP",
        "SRC-IP-CIDR",
        "SRC-GEOIP",
        "SRC-PORT",
        "DST-PORT",
        "DEST-PORT",
        "IN-PORT",
        "PROTOCOL",
        "NETWORK",
        "SUBNET",
        "RULE-SET",
        "AND",
        "OR",
        "NOT",
        "FINAL",
        "MATCH",
    ];
    others.iter().any(is).then_some(Kind::Other)
}

fn offset(line: &[u8], rule: &[u8]) -> usize {
    line.windows(rule.len().max(1)).position(|part| part == rule).unwrap_or(0)
}

/// The policies that reject.
const REJECTS: [&str; 8] = [
    "REJECT",
    "REJECT-DROP",
    "REJECT-NO-DROP",
    "REJECT-TINYGIF",
    "REJECT-IMG",
    "REJECT-200",
    "REJECT-DICT",
    "REJECT-ARRAY",
];

/// The network of a rule, if the rule rejects or has no policy; nothing if it lets pass.
fn network(line: &[u8], rule: &[u8]) -> Result<Option<Entry>, ParseError> {
    let mut is_direct = false;
    let mut at = offset(line, rule);
    let mut network = None;
    for (index, column) in rule.split(|byte| *byte == b',').enumerate() {
        let begin = skip_blanks(line, at);
        let column_end = at + column.len();
        let text = column.trim_ascii();
        at = column_end + 1;
        match index {
            0 => {}
            1 => network = Some(text::network(line, begin, begin + text.len())?),
            _ if text.eq_ignore_ascii_case(b"no-resolve") || text.eq_ignore_ascii_case(b"src") => {}
            2 if REJECTS.iter().any(|policy| text.eq_ignore_ascii_case(policy.as_bytes())) => {}
            2 if text.eq_ignore_ascii_case(b"DIRECT") => is_direct = true,
            _ => return Err(ParseError::at(begin, Reason::OtherAction)),
        }
    }
    let network = network.ok_or(ParseError::at(0, Reason::NotAnAddress))?;
    Ok(Some(network).filter(|_| !is_direct))
}
