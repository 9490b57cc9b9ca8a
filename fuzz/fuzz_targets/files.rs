//! The small files and words: what the daemon wrote, resolv.conf and other files of the host, the SSH
//! session, times, names.
//! The first byte says which.

#![no_main]

use std::net::{IpAddr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use netfilterd::list::End;
use netfilterd::load::host::{dnsmasq, environment, logind, resolvers, utmp};
use netfilterd::load::state::State;
use netfilterd::nfqueue::kernel;
use netfilterd::nftables::name::{SetName, TableName};
use netfilterd::status::Status;

fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(data);
    match which % 10 {
        0 => a_state_reads_back(data),
        1 => a_status_can_be_shown(data),
        2 => resolvers_are_behind_their_word(&text),
        3 => a_peer_is_the_first_word(&text),
        4 => an_end_is_what_its_digits_say(data),
        5 => names_are_words_of_nft(&text),
        6 => queues_are_columns(&text),
        7 => a_session_has_the_host_of_its_line(data),
        8 => records_are_of_one_size(data),
        _ => servers_are_behind_their_word(&text),
    }
});

fn a_state_reads_back(text: &[u8]) {
    if let Ok(state) = State::parse(text) {
        let written = serde_json::to_vec(&state).expect("it can be written");
        assert_eq!(State::parse(&written).expect("it can be read"), state);
    }
}

fn a_status_can_be_shown(text: &[u8]) {
    if let Ok(status) = serde_json::from_slice::<Status>(text) {
        assert!(status.to_string().starts_with("netfilterd "));
        let written = serde_json::to_vec(&status).expect("it can be written");
        let again: Status = serde_json::from_slice(&written).expect("it can be read");
        assert_eq!(again.to_string(), status.to_string());
        let _ = status.is_healthy();
    }
}

/// The interface behind a percent sign is cut off.
fn address(word: &str) -> Option<IpAddr> {
    match word.find('%') {
        Some(at) => word[..at].parse().ok(),
        None => word.parse().ok(),
    }
}

fn resolvers_are_behind_their_word(text: &str) {
    let mut wanted = Vec::new();
    for line in text.split('\n') {
        let words: Vec<&str> = line.split(char::is_whitespace).filter(|w| !w.is_empty()).collect();
        if let ["nameserver", word, ..] = words[..] {
            wanted.extend(address(word));
        }
    }
    assert_eq!(resolvers::resolvers(text), wanted);
}

fn a_peer_is_the_first_word(text: &str) {
    let word = text.split(char::is_whitespace).find(|word| !word.is_empty());
    let wanted = word.and_then(address).map(|address| match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 => v4,
    });
    assert_eq!(environment::peer(text), wanted);
    assert!(!matches!(environment::peer(text), Some(IpAddr::V6(v6)) if is_mapped(v6)));
}

fn is_mapped(address: Ipv6Addr) -> bool {
    address.segments()[..6] == [0, 0, 0, 0, 0, 0xffff]
}

fn an_end_is_what_its_digits_say(text: &[u8]) {
    let wanted = std::str::from_utf8(text).ok().and_then(kit::reader::seconds);
    let read = End::parse(text);
    assert_eq!(read.map(End::seconds), wanted, "\"{}\"", text.escape_ascii());
    // What is shown of an end is an end again, of the same time.
    if let Some(end) = read {
        let shown = end.to_string();
        assert_eq!(End::parse(shown.as_bytes()), Some(end), "{shown}");
    }
}

fn names_are_words_of_nft(text: &str) {
    let is_word = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || "_.".contains(c))
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.".contains(c))
    };
    if let Ok(name) = text.parse::<SetName>() {
        assert!(is_word(name.as_str()) && name.as_str() != "drop", "{text:?}");
        assert_eq!(name.to_string(), text);
    }
    if let Ok(table) = text.parse::<TableName>() {
        let name = table.name().to_str().expect("text");
        assert!(is_word(name), "{text:?}");
        assert_eq!(table.to_string().parse::<TableName>().ok(), Some(table));
    }
}

fn queues_are_columns(text: &str) {
    for line in text.lines() {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let read = kernel::parse(line);
        if let Some(queue) = read {
            let number = |at: usize| columns[at].parse::<u64>().ok();
            assert_eq!(Some(queue.queue.into()), number(0));
            assert_eq!(Some(queue.port.into()), number(1));
            assert_eq!(Some(queue.queue_full), number(5));
        }
    }
}

fn a_session_has_the_host_of_its_line(text: &[u8]) {
    let Some(login) = logind::login(text) else { return };
    let text = String::from_utf8_lossy(text);
    let host = text.lines().find_map(|line| line.strip_prefix("REMOTE_HOST=")).expect("a host");
    let host = host.trim_matches('"');
    match &login.addresses[..] {
        [] => assert_eq!(login.name.as_deref(), Some(host)),
        addresses => assert_eq!(addresses, [address(host).expect("an address").to_canonical()]),
    }
    assert!(!text.starts_with("STATE=closing\n"));
}

fn records_are_of_one_size(file: &[u8]) {
    let records = utmp::records(file);
    assert!(records.len() <= file.len() / 384);
    for record in records {
        assert!(!record.login.addresses.is_empty() || record.login.name.is_some());
        assert!(record.login.addresses.len() <= 2);
    }
}

fn servers_are_behind_their_word(text: &str) {
    let config = dnsmasq::parse(text);
    let lines = |words: &[&str]| {
        text.lines().filter(|line| words.iter().any(|word| line.contains(word))).count()
    };
    assert!(config.servers.len() <= lines(&["server", "local"]));
    assert!(config.resolv_files.len() <= lines(&["resolv-file"]));
    assert!(config.folders.len() <= lines(&["conf-dir"]));
}
