//! Scripts and listings of nft: the elements of sets and definitions, in blocks of braces that go over as
//! many lines as it takes, or over one.
//!
//! Rules are read for one thing only: a set whose packets they let pass is none of bad addresses.

mod element;
pub mod json;
pub mod names;
pub mod rule;
mod script;
mod statement;

use crate::list::format::reader::{Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::format::text::word;
use crate::list::grammar::{leading_entry, skip_blanks};
use crate::list::verdict;
use script::Script;

const NAME: &str = "nft script";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

/// A line may have any length: scripts that programs write have one line of a whole set.
fn detect(line: &Line<'_>) -> bool {
    is_statement(line.raw.strip_suffix(b"\r").unwrap_or(line.raw))
}

/// Whether a line outside of all blocks is nft's: two words decide, since ipset has some of the
/// first ones too.
pub fn is_statement(line: &[u8]) -> bool {
    let (first, end) = word(line, skip_blanks(line, 0));
    let second = || word(line, skip_blanks(line, end));
    match first {
        // pf has tables, too.
        b"table" => !matches!(second().0, b"" | [b'<', ..]),
        b"define" | b"redefine" => !second().0.is_empty(),
        b"add" | b"create" | b"delete" | b"destroy" | b"flush" | b"insert" | b"replace" => {
            let (object, end) = second();
            let is_object = matches!(
                object,
                b"table" | b"set" | b"element" | b"chain" | b"rule" | b"map" | b"ruleset"
            );
            // A set of ipset may have such a name, and then a network follows.
            let next = skip_blanks(line, end);
            is_object && (first != b"add" || leading_entry(line, next).is_err())
        }
        _ => false,
    }
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let mut script = Script::default();
    let reading = lines.reading;
    let mut next = lines.line().map(|line| (line.number, line.raw));
    while let Some((number, raw)) = next {
        script.read(number, raw, reading, sink);
        next = lines.take();
    }
    lines.advance();
    script.end(sink);
    Ok(NAME.into())
}

/// Whether a word is a family of tables.
fn is_family(word: &[u8]) -> bool {
    matches!(word, b"ip" | b"ip6" | b"inet" | b"arp" | b"bridge" | b"netdev")
}

/// Whether a statement begins as one of nft.
fn is_known(words: &[&[u8]]) -> bool {
    matches!(
        words,
        [
            b"table"
                | b"define"
                | b"redefine"
                | b"undefine"
                | b"include"
                | b"list"
                | b"reset"
                | b"get",
            ..
        ] | [
            b"add"
                | b"create"
                | b"delete"
                | b"destroy"
                | b"flush"
                | b"insert"
                | b"replace"
                | b"rename",
            ..
        ]
    )
}

/// Whether the comment of a set begins with a word that says that what it holds may pass.
pub fn says_good(comment: &[u8]) -> bool {
    let comment = comment.trim_ascii();
    let comment = comment.strip_prefix(b"\"").unwrap_or(comment);
    let length = comment.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let first = &comment[..length];
    verdict::comment_denies(first) && verdict::name_allows(first)
}
