//! The formats with sets, as a specification: which sets a file has, what each holds at its end, and the
//! wrong readings that they tempt to.

use netfilterd::list::format::NotAList;
use netfilterd::list::parse_error::Reason;
use netfilterd::list::{self, List, ListError, Purpose};

mod ipset;
mod ipset_list;
mod mikrotik;
mod nft;
mod nft_json;
mod xml;

/// What a file holds: the merged networks, and the rejected lines with column and reason.
type Holds = (Vec<String>, Vec<(u64, usize, Reason)>);

/// Reads a file of which these sets are chosen.
fn read(text: &str, chosen: &[&str]) -> Result<Holds, ListError> {
    let sets: Vec<String> = chosen.iter().map(|set| (*set).to_string()).collect();
    let list = List::new("test", text.as_bytes().to_vec()).to_read(Purpose::Drop, &sets);
    let mut rejected = Vec::new();
    list.scan(|_, _, _| {}, |line, error, _| rejected.push((line, error.at + 1, error.reason)));
    let contents = list::parse(&[list])?;
    let networks = contents.sets.v4.networks().chain(contents.sets.v6.networks());
    Ok((networks.map(|network| network.to_string()).collect(), rejected))
}

/// A file holds these networks in the end, and each line of it is read.
#[track_caller]
fn holds(text: &str, networks: &[&str]) {
    of_sets(text, &[], networks);
}

/// The same, if these sets are chosen.
#[track_caller]
fn of_sets(text: &str, chosen: &[&str], networks: &[&str]) {
    let (held, rejected) = read(text, chosen).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(
        (held, rejected),
        (networks.iter().map(|n| n.to_string()).collect(), vec![]),
        "{text}"
    );
}

/// A file holds these networks in the end, and these lines are rejected.
#[track_caller]
fn holds_but(text: &str, networks: &[&str], rejected: &[(u64, usize, Reason)]) {
    let (held, not) = read(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(
        (held, &not[..]),
        (networks.iter().map(|n| n.to_string()).collect(), rejected),
        "{text}"
    );
}

/// Why a file is not read.
#[track_caller]
fn refusal(text: &str) -> NotAList {
    match read(text, &[]) {
        Err(ListError::NotAList { reason, .. }) => *reason,
        other => panic!("{text}: {other:?}"),
    }
}

/// A file has no entry at all.
#[track_caller]
fn has_no_entry(text: &str) {
    match read(text, &[]) {
        Ok((held, _)) => assert_eq!(held, [""; 0], "{text}"),
        Err(ListError::NoEntry { .. }) => {}
        Err(other) => panic!("{text}: {other}"),
    }
}

/// A file is refused, since it has these sets.
#[track_caller]
fn has_several(text: &str, sets: &[&str]) {
    let names = sets.iter().map(|set| (*set).to_string()).collect();
    assert_eq!(refusal(text), NotAList::SeveralSets { names }, "{text}");
}

/// A file is refused, since something in it lets pass what the set holds.
#[track_caller]
fn accepts(text: &str, set: &str, line: u64) {
    assert_eq!(refusal(text), NotAList::AcceptedSet { name: set.into(), line }, "{text}");
}
