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
mod pf;
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

#[test]
fn an_allowlist_is_refused_with_a_cure_that_applies_to_allowlists() {
    let reason = |text: &str| {
        let list = List::new("test", text.as_bytes().to_vec()).to_read(Purpose::Allow, &[]);
        list.decision().err().map(|reason| reason.to_string())
    };
    let several = reason("add a 192.0.2.7\nadd b 192.0.2.9\n").expect("two sets are refused");
    assert!(several.contains("(a, b)") && !several.contains("with --from-set"), "{several}");
    // That its lines are exceptions is said of the first of them.
    assert_eq!(reason("!192.0.2.7\n"), None);
}

#[test]
fn a_pair_of_sets_that_ipset_fills_and_swaps_is_one_list() {
    let script = |name: &str, network: &str| {
        format!(
            "create {name} hash:net family inet maxelem 4294967295 -exist\n\
             create {name}.new hash:net family inet maxelem 4294967295 hashsize 1024 -exist\n\
             flush {name}.new\nadd {name}.new {network}\nswap {name}.new {name}\ndestroy {name}.new\n"
        )
    };
    let pair = script("drop4", "192.0.2.0/24") + &script("drop6", "2001:db8::/32");
    holds(&pair, &["192.0.2.0/24", "2001:db8::/32"]);
}

#[test]
fn a_set_on_one_line_takes_no_more_time_than_its_length_is_worth() {
    let addresses = |separator: &str| {
        let addresses: Vec<String> =
            (0..50_000).map(|i| format!("10.{}.{}.1", i / 256, i % 256)).collect();
        addresses.join(separator)
    };
    let names = "$x, ".repeat(50_000);
    for text in [
        format!(
            "table ip t {{ set s {{ type ipv4_addr; elements = {{ {} }} }} }}",
            addresses(", ")
        ),
        format!(
            "{{\"nftables\": [{{\"set\": {{\"name\": \"s\", \"elem\": [\"{}\"]}}}}]}}",
            addresses("\",\"")
        ),
        format!("<ipset type=\"hash:ip\"><entry>{}</entry></ipset>", addresses("</entry><entry>")),
        format!("define A = {{ {names} 192.0.2.1 }}\ndefine A = {{ 192.0.2.2 }}"),
        format!(
            "define A = {{ 192.0.2.2 }}\nadd rule ip t c ip saddr {{ {names} 192.0.2.1 }} accept"
        ),
        format!("add list=s address=192.0.2.1 comment=\\\n{}x", "x\\\n".repeat(50_000)),
    ] {
        let start = std::time::Instant::now();
        let _ = read(&text, &[]);
        let seconds = start.elapsed().as_secs();
        assert!(seconds < 20, "{seconds} s: {}", &text[..40]);
    }
}
