//! What ipset writes and reads: saved sets, commands, listings.

use std::collections::BTreeSet;

use super::address::{entry, is_comment, is_number};
use super::firewall::{command, words};
use super::words::comment_denies;
use super::{Found, Line, What};

const BLANKS: [char; 2] = [' ', '\t'];
/// The kinds of sets whose elements are networks and nothing else.
const KINDS: [&str; 3] = ["hash:ip", "hash:net", "bitmap:ip"];

/// Lines of `ipset save`, or commands of a script.
pub(super) fn commands(lines: &[Line]) -> Option<Found> {
    let mut found = Found::new("ipset save");
    let (mut known, mut others) = (0, BTreeSet::new());
    for line in lines {
        let Some(text) = line.text.as_ref().map(|text| text.trim_matches(BLANKS)) else {
            found.reject(line.number);
            continue;
        };
        if is_comment(text) || text == "COMMIT" {
            continue;
        }
        let understood = words(text).and_then(|all| {
            let all = command(&all, &["ipset"]).unwrap_or(&all).to_vec();
            of_command(all, line.number, &mut others, &mut found)
        });
        match understood {
            Some(()) => known += 1,
            None => found.reject(line.number),
        }
    }
    (known > 0).then_some(found)
}

/// Takes one command, if it is one.
fn of_command(
    mut words: Vec<String>,
    line: usize,
    others: &mut BTreeSet<String>,
    found: &mut Found,
) -> Option<()> {
    while words
        .first()
        .is_some_and(|word| ["-exist", "-!", "-q", "-quiet"].contains(&word.as_str()))
    {
        words.remove(0);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["add" | "-A" | "--add", "-exist" | "-!", set, element, ref options @ ..]
        | ["add" | "-A" | "--add", set, element, ref options @ ..] => {
            let pair = entry(element).filter(|_| !others.contains(set))?.1;
            let what = if nomatch(options)? { What::Exception(pair) } else { What::Entry(pair) };
            found.add(line, set, what);
        }
        ["del" | "-D" | "--del", set, element, ..] => {
            found.add(line, set, What::Remove(entry(element)?.1));
        }
        ["flush" | "-F" | "destroy" | "-X" | "-x"] => found.add(line, "", What::Empty),
        ["flush" | "-F" | "destroy" | "-X" | "-x", set] => found.add(line, set, What::Empty),
        ["swap" | "-W" | "-w", one, two] => found.add(line, one, What::Swap(two.to_string())),
        ["create" | "-N" | "-n", set, ref rest @ ..]
            if rest.iter().any(|word| word.contains(':')) =>
        {
            if !rest.iter().any(|kind| KINDS.contains(kind)) {
                others.insert(set.to_string());
            }
        }
        _ => return None,
    }
    Some(())
}

/// A number, behind which a comment may begin.
fn is_value(text: &str) -> bool {
    is_number(text.split('#').next().unwrap_or_default(), 20)
}

/// Whether `nomatch` is among the options of an element, if all of them are known.
fn nomatch(options: &[&str]) -> Option<bool> {
    let (mut nomatch, mut at) = (false, 0);
    while at < options.len() {
        let value = options.get(at + 1).copied();
        at += match options[at] {
            "nomatch" => {
                nomatch = true;
                1
            }
            "-exist" | "-!" => 1,
            "comment" if value.is_some_and(|text| !comment_denies(text)) => 2,
            "timeout" | "packets" | "bytes" if value.is_some_and(is_value) => 2,
            "skbprio" | "skbqueue" | "skbmark" if value.is_some() => 2,
            word if is_comment(word) => options.len(),
            _ => return None,
        };
    }
    Some(nomatch)
}

/// What `ipset list` writes: a head for each set, and its members.
pub(super) fn listing(lines: &[Line]) -> Option<Found> {
    let mut found = Found::new("ipset list");
    let (mut set, mut members, mut is_other) = (None::<String>, false, false);
    for line in lines {
        let Some(text) = line.text.as_ref().map(|text| text.trim_matches(BLANKS)) else {
            found.reject(line.number);
            continue;
        };
        if let Some(name) = text.strip_prefix("Name: ") {
            (set, members, is_other) = (Some(name.to_string()), false, false);
        } else if let (Some(kind), false) = (text.strip_prefix("Type: "), members) {
            is_other = !KINDS.contains(&kind);
        } else if text == "Members:" {
            members = true;
        } else if text.is_empty() || !members && set.is_some() && text.contains(": ") {
        } else if let (Some(set), true) = (&set, members) {
            let element = words(text).filter(|_| !is_other).and_then(|words| {
                let options: Vec<&str> = words[1..].iter().map(String::as_str).collect();
                Some((entry(&words[0])?.1, nomatch(&options)?))
            });
            match element {
                Some((pair, true)) => found.add(line.number, set, What::Exception(pair)),
                Some((pair, false)) => found.add(line.number, set, What::Entry(pair)),
                None => found.reject(line.number),
            }
        } else {
            found.reject(line.number);
        }
    }
    set.is_some().then_some(found)
}
