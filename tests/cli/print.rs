//! `print`: what it writes is a list again, and means the same.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use ipnet::IpNet;

#[test]
fn what_is_printed_reads_back_as_the_same_networks_and_ranges() {
    for list in lists() {
        let text = std::fs::read(&list).expect("a list");
        let (cidr, range) = (print("cidr", &text), print("range", &text));
        assert!(!cidr.is_empty());
        for printed in [&cidr, &range] {
            assert_eq!(print("cidr", printed.as_bytes()), cidr, "{}", list.display());
            assert_eq!(print("range", printed.as_bytes()), range, "{}", list.display());
        }
    }
}

#[test]
fn networks_are_printed_ascending_and_ipv4_before_ipv6() {
    for list in lists() {
        let printed = print("cidr", &std::fs::read(&list).expect("a list"));
        let networks: Vec<IpNet> =
            printed.lines().map(|line| line.parse().expect("a network")).collect();
        for pair in networks.windows(2) {
            // Addresses of IPv4 compare as lower than those of IPv6.
            assert!(pair[0].broadcast() < pair[1].network(), "{pair:?} in {}", list.display());
        }
        for (network, line) in networks.iter().zip(printed.lines()) {
            assert_eq!(network.trunc().to_string(), line);
        }
    }
}

#[test]
fn ranges_are_printed_ascending_and_apart_from_each_other() {
    for list in lists() {
        let printed = print("range", &std::fs::read(&list).expect("a list"));
        let ends: Vec<(std::net::IpAddr, std::net::IpAddr)> = printed
            .lines()
            .map(|line| line.split_once('-').expect("first-last"))
            .map(|(first, last)| (first.parse().expect("first"), last.parse().expect("last")))
            .collect();
        assert!(ends.iter().all(|(first, last)| first <= last));
        assert!(ends.windows(2).all(|pair| pair[0].1 < pair[1].0), "{}", list.display());
    }
}

#[test]
fn json_holds_the_same_networks() {
    for list in lists() {
        let text = std::fs::read(&list).expect("a list");
        let json: serde_json::Value = serde_json::from_str(&print("json", &text)).expect("JSON");
        let networks = |family: &str| json[family].as_array().expect("networks").clone();
        let joined: Vec<_> = [networks("v4"), networks("v6")].concat();
        let cidr = print("cidr", &text);
        assert_eq!(joined, cidr.lines().collect::<Vec<_>>(), "{}", list.display());
        assert!(networks("v4").iter().all(|network| !network.to_string().contains(':')));
        assert_eq!(json.as_object().expect("an object").len(), 2);
    }
}

#[test]
fn the_whole_of_a_family_is_one_network() {
    for all in ["::/0\n0.0.0.0/0\n", "::/1\n8000::/1\n128.0.0.0-255.255.255.255\n0.0.0.0/1\n"] {
        assert_eq!(print("cidr", all.as_bytes()), "0.0.0.0/0\n::/0\n");
        let ranges = "0.0.0.0-255.255.255.255\n::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n";
        assert_eq!(print("range", all.as_bytes()), ranges);
        assert_eq!(print("cidr", ranges.as_bytes()), "0.0.0.0/0\n::/0\n");
        let json: serde_json::Value =
            serde_json::from_str(&print("json", all.as_bytes())).expect("JSON");
        assert_eq!(json, serde_json::json!({"v4": ["0.0.0.0/0"], "v6": ["::/0"]}));
    }
}

#[test]
fn a_host_is_printed_with_its_length_and_with_both_its_ends() {
    let hosts = b"2001:db8::1\n::ffff:192.0.2.7\n";
    assert_eq!(print("cidr", hosts), "192.0.2.7/32\n2001:db8::1/128\n");
    assert_eq!(print("range", hosts), "192.0.2.7-192.0.2.7\n2001:db8::1-2001:db8::1\n");
}

#[test]
fn an_address_is_printed_as_it_is_read_also_where_ipv6_is_written_with_dots() {
    // ::/96 and ::ffff:0:0:0/96 are what libraries like to write with dots.
    let text = b"::192.0.2.7\n::ffff:0:192.0.2.0/120\n::2-::ffff\n64:ff9b::192.0.2.1\n";
    let cidr = print("cidr", text);
    assert_eq!(print("cidr", cidr.as_bytes()), cidr);
    assert_eq!(print("range", cidr.as_bytes()), print("range", text));
}

#[test]
fn a_range_around_the_ipv4_mapped_block_reads_back() {
    for text in ["::/64\n", "::fffe:0:0-::ffff:ffff:ffff:5\n", "::1-::1:0:0:0\n"] {
        let (cidr, range) = (print("cidr", text.as_bytes()), print("range", text.as_bytes()));
        assert_eq!(print("range", range.as_bytes()), range, "{text}");
        assert_eq!(print("range", cidr.as_bytes()), range, "{text}");
    }
}

#[test]
fn no_merging_makes_a_network_of_the_ipv4_mapped_block_alone() {
    let text = "::fffe:0:0/95\n::1:0:0:0\n::fffd:ffff:ffff\n";
    let cidr = print("cidr", text.as_bytes());
    assert_eq!(cidr, "::fffd:ffff:ffff/128\n::fffe:0:0/95\n::1:0:0:0/128\n");
    assert_eq!(print("range", cidr.as_bytes()), print("range", text.as_bytes()));
    assert_eq!(print("range", cidr.as_bytes()), "::fffd:ffff:ffff-::1:0:0:0\n");
}

#[test]
fn an_empty_result_is_printed_as_nothing_and_is_no_failure() {
    for text in ["", "\n", "# nothing yet\n"] {
        assert_eq!(print("cidr", text.as_bytes()), "");
        assert_eq!(print("range", text.as_bytes()), "");
        let json: serde_json::Value =
            serde_json::from_str(&print("json", text.as_bytes())).expect("JSON");
        assert_eq!(json, serde_json::json!({"v4": [], "v6": []}));
    }
    let output = netfilterd().args(["print", "--file", "/dev/null"]).output().expect("netfilterd");
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    // More than any buffer or pipe holds.
    let many: String = (0..65_536).map(|at| format!("10.{}.{}.1\n", at >> 8, at & 255)).collect();
    for format in ["cidr", "range", "json", "nft", "ipset"] {
        let mut child = start(format, Stdio::piped());
        // Closed before there is anything to write.
        drop(child.stdout.take());
        let output = feed(child, many.as_bytes());
        assert_eq!(output.status.code(), Some(0), "{format}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}

#[test]
fn a_full_disk_is_a_failure_and_said() {
    for (format, text) in [("cidr", "192.0.2.1\n"), ("range", "192.0.2.1\n"), ("json", "")] {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let output = feed(start(format, full.into()), text.as_bytes());
        assert_eq!(output.status.code(), Some(1), "{format}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("No space left on device"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

/// The lists that are kept with the tests.
fn lists() -> Vec<PathBuf> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lists");
    let lists: Vec<PathBuf> = kept
        .read_dir()
        .expect("tests/lists")
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt" || ending == "cidr"))
        .collect();
    assert_eq!(lists.len(), 5);
    lists
}

fn netfilterd() -> Command {
    Command::new(kit::program())
}

fn start(format: &str, stdout: Stdio) -> Child {
    netfilterd()
        .args(["print", "--no-protect", "--file", "-", "--format", format])
        .stdin(Stdio::piped())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .expect("netfilterd starts")
}

/// Nothing is written before the whole list is read, so this cannot come to a standstill.
fn feed(mut child: Child, text: &[u8]) -> Output {
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text).expect("netfilterd reads");
    drop(input);
    child.wait_with_output().expect("netfilterd ends")
}

/// What `print` makes of `text`, which must have no fault.
fn print(format: &str, text: &[u8]) -> String {
    let output = feed(start(format, Stdio::piped()), text);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).expect("text")
}
