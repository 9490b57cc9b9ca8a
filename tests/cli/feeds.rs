//! The formats of feeds, seen from outside: what is printed is read again, and an address is traced to
//! the place in a feed that lists it.

use std::io::Write;
use std::process::{Command, Stdio};

use netfilterd::list::{self, List};

#[test]
fn what_netfilterd_prints_reads_back_as_what_it_was() {
    let text = "192.0.2.0/24\n198.51.100.1-198.51.100.9\n2001:db8::/32\n2001:db9::1-2001:db9::7\n";
    let sets = list::parse(&[List::new("list", text.into())]).expect("entries").sets;
    for format in ["cidr", "range", "nft", "ipset", "json"] {
        let printed = run(&["print", "--format", format], text.as_bytes());
        let again = list::parse(&[List::new(format, printed.into())]).expect("entries");
        assert_eq!(again.report.rejections, [], "{format}");
        assert_eq!(again.sets.v4.ranges(), sets.v4.ranges(), "{format}");
        assert_eq!(again.sets.v6.ranges(), sets.v6.ranges(), "{format}");
    }
}

#[test]
fn an_address_is_traced_to_the_line_of_the_feed_that_it_is_in() {
    for (text, line) in [
        ("# list\nname:192.0.2.0-192.0.2.9\n", 2),
        ("define BAD = {\n10.0.0.0/8,\n 10.1.1.1, 192.0.2.7\n}\n", 3),
        ("{\n\"list\": [\n\"10.0.0.0/8\",\n\n\"192.0.2.0/24\"]}\n", 5),
        ("{\"cidr\":\"10.0.0.0/8\"}\n{\"cidr\":\"192.0.2.0/24\"}\n", 2),
    ] {
        let answer = run(&["test", "--json", "192.0.2.7"], text.as_bytes());
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer[0]["entries"][0]["line"], line, "{text}: {answer}");
    }
}

/// What netfilterd answers with `input` for its list.
fn run(arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new(kit::program())
        .args(arguments)
        .args(["--no-protect", "--file", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("netfilterd starts");
    child.stdin.take().expect("a pipe").write_all(input).expect("it reads");
    let output = child.wait_with_output().expect("netfilterd ends");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}
