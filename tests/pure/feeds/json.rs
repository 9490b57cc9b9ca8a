//! JSON documents, records a line, and what is refused of both.

use std::fs::{self, File};
use std::time::{Duration as Span, UNIX_EPOCH};

use netfilterd::list::{End, Purpose, Source};
use netfilterd::progress::Unseen;

use super::*;

/// Why a file is refused.
#[track_caller]
fn refusal(text: &str) -> String {
    match list::parse(&[List::new("list", text.into())]) {
        Err(error @ ListError::NotAList { .. }) => error.to_string(),
        other => panic!("{text}: {:?}", other.map(|read| read.sets)),
    }
}

/// A file is refused, with these words in the message.
#[track_caller]
pub fn is_refused(text: &str, words: &[&str]) {
    let message = refusal(text);
    for word in words {
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
}

/// The name of the format of a text for reports.
#[track_caller]
pub fn name_of(text: &str) -> String {
    List::new("list", text.into()).decision().expect("a list").name().to_string()
}

/// The entries of a text that is a list without a rejected line.
#[track_caller]
pub fn entries_of(text: &str) -> Vec<String> {
    let (entries, rejected) = scan(text);
    assert_eq!(rejected, [], "{text}");
    entries.into_iter().map(|(_, entry)| entry).collect()
}

// JSON documents: MISP warning lists, arrays

#[test]
fn the_list_of_a_json_document_is_read_string_by_string() {
    let document = "{\n  \"description\": \"192.0.2.99/32\",\n  \"list\": [\n    \"192.0.2.0/24\",\n\
                    \"198.51.100.7\", \"2001:db8::/32\"\n  ],\n  \"version\": 20260811\n}\n";
    let entries = [(4, "192.0.2.0/24"), (5, "198.51.100.7/32"), (5, "2001:db8::/32")];
    reads(document, &entries, &[]);
    assert_eq!(List::new("list", document.into()).scan(|_, _, _| {}, |_, _, _| {}), 8);
    // On one line too, however long that is.
    let one: String = document.split('\n').collect();
    reads(&one, &entries.map(|(_, entry)| (1, entry)), &[]);
    let many: Vec<String> =
        (0..60_000).map(|n| format!("\"10.{}.{}.0/24\"", n / 256, n % 256)).collect();
    let (entries, rejected) = scan(format!("{{\"list\":[{}]}}", many.join(",")));
    assert_eq!((entries.len(), rejected.len()), (60_000, 0));
}

#[test]
fn an_array_of_strings_is_a_list() {
    reads("[\"192.0.2.0/24\",\n\"192.0.2.7\"]", &[(1, "192.0.2.0/24"), (2, "192.0.2.7/32")], &[]);
    reads("\u{feff}\n [ ] \n", &[], &[]);
    reads("{\"list\":[]}", &[], &[]);
    // Brackets alone make no document.
    reads("[bad ones]\n192.0.2.7\n", &[(2, "192.0.2.7/32")], &[]);
}

#[test]
fn a_string_that_is_no_network_is_rejected_where_it_stands() {
    reads(
        "{\"list\":[\"192.0.2.0/24\",\n \"ads.example\", \"192.0.2.0/24 x\", 7, [\"192.0.2.9\"],\n\
         \"198.51.100.0\\/x\"]}",
        &[(1, "192.0.2.0/24")],
        &[
            (2, 3, NotAnAddress),
            (2, 31, TrailingText),
            (2, 35, NotAnAddress),
            (2, 38, NotAnAddress),
            (3, 1, NotALength),
        ],
    );
}

#[test]
fn a_string_has_at_most_4096_bytes() {
    let long = "x".repeat(4097);
    reads(&format!("[\"{long}\", \"192.0.2.7\"]"), &[(1, "192.0.2.7/32")], &[(1, 2, TooLong)]);
}

#[test]
fn a_document_that_is_not_whole_has_no_entry() {
    let whole = "{\"name\":\"x\",\n\"list\":[\"192.0.2.0/24\",\n\"192.0.2.7\"],\n\"version\":1}";
    assert_eq!(scan(whole).0.len(), 2);
    for length in 1..whole.len() {
        is_refused(&whole[..length], &["JSON document that is cut off"]);
    }
    for tail in ["x", "{}", "]", ","] {
        is_refused(&format!("{whole}{tail}"), &["error in line 4"]);
    }
    let hole = whole.replace("\"192.0.2.7\"]", "192.0.2.7]");
    is_refused(&hole, &["error in line 3", "get the document again"]);
}

#[test]
fn a_line_below_a_document_is_rejected() {
    for document in ["[\"192.0.2.7\"]", "[\"192.0.2.7\"\n]", "{\"list\":\n[\"192.0.2.7\"]}"] {
        let (entries, rejected) = scan(format!("{document}\n\n# more\n192.0.2.9\n192.0.2.10\n"));
        let line = document.split('\n').count() as u64 + 3;
        let other = NotOfTheFormat("JSON document");
        assert_eq!(entries.len(), 1, "{document}");
        assert_eq!(rejected, [(line, 1, other), (line + 1, 1, other)], "{document}");
    }
}

#[test]
fn a_document_that_something_else_follows_is_refused() {
    let document = "{\"list\":\n[\"192.0.2.7\"]}\n";
    for below in [
        "]",
        "}",
        "[",
        "\"192.0.2.9\"",
        "{\"list\":[\"192.0.2.9\"]}",
        "192.0.2.9\n]",
        "drop in all",
    ] {
        is_refused(&format!("{document}{below}\n"), &["error in line 3", "get the document again"]);
    }
}

#[test]
fn json_lines_of_the_whole_internet_are_refused_with_the_name_of_the_agent() {
    let line = r#"{"network":"1.0.0.0/24","country":"Australia","country_code":"AU","continent_code":"OC","asn":null}"#;
    is_refused(&format!("{line}\n{line}\n"), &["whole internet", "agent country"]);
    is_refused(&format!("{line}\n"), &["whole internet"]);
    // A feed may say where an address is.
    let host = r#"{"ip":"192.0.2.7","country_code":"AU","continent_code":"OC"}"#;
    assert_eq!(entries_of(&format!("{host}\n")), ["192.0.2.7/32"]);
    let network = r#"{"network":"192.0.2.0/24","country_code":"AU"}"#;
    assert_eq!(entries_of(&format!("{network}\n")), ["192.0.2.0/24"]);
}

#[test]
fn a_document_of_an_unknown_shape_is_refused() {
    for document in [
        "{\"list\":\"192.0.2.0/24\"}",
        "{\"list\":{\"192.0.2.0/24\":1}}",
        "{\"data\":{\"list\":[\"192.0.2.0/24\"]}}",
        "{\"prefixes\":[\"192.0.2.0/24\"]}",
        "{\n  \"ip\": \"192.0.2.7\"\n}",
    ] {
        is_refused(document, &["JSON document without a member that is read", "jq -r "]);
    }
    is_refused("{\"list\":[\"192.0.2.0/24\"],\"list\":[\"192.0.2.7\"]}", &["several lists"]);
    is_refused("{\"list\":[\"192.0.2.0/24\"],\"addresses\":[\"192.0.2.7\"]}", &["several lists"]);
    is_refused("{}", &["no address was found"]);
}

#[test]
fn a_refusal_has_the_command_that_makes_a_list() {
    for (document, command) in [
        (r#"{"count":1,"data":[{"addr":"192.0.2.7"}]}"#, "jq -r '.data[].addr' FILE"),
        (r#"{"blocked":["192.0.2.0/24"]}"#, "jq -r '.blocked[]' FILE"),
        // What is to be let pass is not offered, nor what was taken out.
        (r#"{"whitelist":["10.0.0.0/8"],"bad":["192.0.2.7"]}"#, "jq -r '.bad[]' FILE"),
        (
            r#"{"deleted":[{"value":"10.0.0.1"}],"new":[{"value":"192.0.2.7"}]}"#,
            "jq -r '.new[].value' FILE",
        ),
        // A list rather than one address, and a network rather than the address in front of it.
        (r#"{"version":"1.2.3.4","x":{"y":["192.0.2.7"]}}"#, "jq -r '.x.y[]' FILE"),
        (
            r#"{"items":[{"net":"192.0.2.0","len":24,"full":"192.0.2.0/24"}]}"#,
            "jq -r '.items[].full' FILE",
        ),
        (r#"{"hosts":{"192.0.2.7":{"seen":1}}}"#, "jq -r '.hosts | keys[]' FILE"),
        (r#"{"192.0.2.7":1,"192.0.2.9":2}"#, "jq -r 'keys[]' FILE"),
        (r#"{"bad-ones":["192.0.2.7"]}"#, "jq -r '.\"bad-ones\"[]' FILE"),
        (r#"{"it's":["192.0.2.7"]}"#, r#"jq -r '."it'\''s"[]' FILE"#),
        (r#"[{"host":"192.0.2.7"}]"#, "jq -r '.[].host' FILE"),
        ("{\"src\":\"192.0.2.7\"}\n{\"src\":\"192.0.2.9\"}\n", "jq -r '.src' FILE"),
    ] {
        let message = refusal(document);
        assert!(message.ends_with(&format!(": {command}")), "{message}");
    }
    is_refused(r#"{"count":1,"data":[]  ,"x":{"a":1}}"#, &["it has count, data, x"]);
}

#[test]
fn the_command_of_a_refusal_selects_no_record_that_says_that_it_is_good() {
    for (document, command) in [
        (
            r#"{"data":[{"addr":"192.0.2.7","isWhitelisted":false}]}"#,
            "jq -r '.data[] | select((.isWhitelisted | not)) | .addr' FILE",
        ),
        (
            r#"{"data":[{"addr":"192.0.2.7"},{"benign":true,"deleted":false,"addr":"192.0.2.9"}]}"#,
            "jq -r '.data[] | select((.benign | not) and (.deleted | not)) | .addr' FILE",
        ),
        (
            r#"[{"active":true,"host":{"main":"192.0.2.7"}}]"#,
            "jq -r '.[] | select(.active == true) | .host.main' FILE",
        ),
        (
            "{\"src\":\"192.0.2.7\"}\n{\"src\":\"192.0.2.9\",\"is-benign\":true}\n",
            "jq -r 'select((.\"is-benign\" | not)) | .src' FILE",
        ),
        (
            r#"{"groups":[{"enabled":true,"list":["192.0.2.7"]}]}"#,
            "jq -r '.groups[] | select(.enabled == true) | .list[]' FILE",
        ),
        // What the answer as a whole says is not about a record.
        (r#"{"status":"ok","data":[{"addr":"192.0.2.7"}]}"#, "jq -r '.data[].addr' FILE"),
    ] {
        let message = refusal(document);
        assert!(message.ends_with(&format!(": {command}")), "{message}");
    }
    // What a command cannot tell apart for certain gets none.
    for (document, member) in [
        (r#"{"data":[{"addr":"192.0.2.7","status":"active"}]}"#, "status"),
        (r#"{"data":[{"addr":"192.0.2.7","expires":"2020-01-01"}]}"#, "expires"),
        (r#"{"data":[{"addr":"192.0.2.7","note":"whitelisted"}]}"#, "note"),
        (r#"{"data":[{"addr":"192.0.2.7","tags":["x","whitelist"]}]}"#, "tags"),
        (r#"{"data":[{"addr":"192.0.2.7","meta":{"benign":true}}]}"#, "benign"),
        (r#"{"hosts":{"192.0.2.7":{"deleted":true}}}"#, "deleted"),
        (r#"{"192.0.2.7":{"whitelisted":true}}"#, "whitelisted"),
        (r#"{"data":[{"active":"no","addr":"192.0.2.7"}]}"#, "active"),
    ] {
        let message = refusal(document);
        assert!(!message.contains("jq"), "{message}");
        is_refused(document, &[&format!("the member {member}"), "one a line"]);
    }
}

#[test]
fn the_stream_of_crowdsec_is_refused_with_the_command_for_its_new_bans() {
    let decision = |value| {
        format!(r#"{{"duration":"4h","scope":"Ip","type":"ban","origin":"x","value":"{value}"}}"#)
    };
    let command = "jq -r '.new[] | select(.type==\"ban\" and (.scope==\"Ip\" or .scope==\"Range\")) \
                   | .value' FILE";
    for deleted in [format!("[{}]", decision("198.51.100.7")), "null".into(), "[]".into()] {
        let new = format!("[{}]", decision("192.0.2.7"));
        is_refused(&format!(r#"{{"deleted":{deleted},"new":{new}}}"#), &["crowdsec", command]);
        is_refused(&format!(r#"{{"new":{new},"deleted":{deleted}}}"#), &["crowdsec", command]);
    }
}

#[test]
fn the_ranges_of_providers_are_read_by_the_names_of_members() {
    for (name, document, entries) in [
        (
            "AWS ip-ranges",
            r#"{"syncToken":"1","prefixes":[{"ip_prefix":"3.2.34.0/26","region":"af-south-1"}],
               "ipv6_prefixes":[{"ipv6_prefix":"2600:f0f0:2::/48"}]}"#,
            &["3.2.34.0/26", "2600:f0f0:2::/48"][..],
        ),
        (
            "JSON document, members ipv4Prefix and ipv6Prefix",
            r#"{"prefixes":[{"ipv4Prefix":"192.0.2.0/28"},{"ipv6Prefix":"2001:db8::/32"}]}"#,
            &["192.0.2.0/28", "2001:db8::/32"],
        ),
        (
            "Cloudflare IP ranges",
            r#"{"result":{"ipv4_cidrs":["192.0.2.0/24"],"ipv6_cidrs":["2001:db8::/32"],"etag":"x"}}"#,
            &["192.0.2.0/24", "2001:db8::/32"],
        ),
        (
            "Fastly IP ranges",
            r#"{"addresses":["192.0.2.0/24"],"ipv6_addresses":["2001:db8::/32"]}"#,
            &["192.0.2.0/24", "2001:db8::/32"],
        ),
        (
            "Oracle Cloud IP ranges",
            r#"{"regions":[{"region":"us","cidrs":[{"cidr":"192.0.2.0/24","tags":["OCI"]}]}]}"#,
            &["192.0.2.0/24"],
        ),
        (
            "AbuseIPDB blacklist",
            r#"{"meta":{},"data":[{"ipAddress":"192.0.2.7","abuseConfidenceScore":100}]}"#,
            &["192.0.2.7/32"],
        ),
        (
            "JSON document, member ip_address",
            r#"[{"ip_address":"192.0.2.7","port":443,"status":"offline"}]"#,
            &["192.0.2.7/32"],
        ),
        (
            "netfilterd print --format json",
            r#"{"v4":["192.0.2.0/24"],"v6":["2001:db8::/32"]}"#,
            &["192.0.2.0/24", "2001:db8::/32"],
        ),
        ("JSON document, member list", r#"{"list":["192.0.2.0/24"]}"#, &["192.0.2.0/24"]),
        ("JSON lines, member ip", r#"{"ip":"192.0.2.7","score":1}"#, &["192.0.2.7/32"]),
        ("Spamhaus DROP", r#"{"cidr":"192.0.2.0/24","sblid":"SBL1"}"#, &["192.0.2.0/24"]),
    ] {
        assert_eq!(entries_of(document), entries, "{document}");
        assert_eq!(name_of(document), name, "{document}");
    }
}

#[test]
fn a_record_of_a_provider_without_a_network_is_rejected() {
    let document = "{\"prefixes\":[\n{\"region\":\"x\"},\n{\"ip_prefix\":\"192.0.2.0/24\"},\n\
                    {\"ip_prefix\":\"AS1\"},\n{\"ip\":\"192.0.2.9\"}]}";
    let rejected = [(4, 15, NotAnAddress), (2, 2, NoNetworkInJson), (5, 2, NoNetworkInJson)];
    let (entries, mut found) = scan(document);
    assert_eq!(entries, [(3, "192.0.2.0/24".to_string())]);
    found.sort_by_key(|(line, ..)| *line);
    let mut wanted = rejected.to_vec();
    wanted.sort_by_key(|(line, ..)| *line);
    assert_eq!(found, wanted);
}

#[test]
fn the_tags_of_azure_and_the_lists_of_github_can_be_chosen() {
    let azure = r#"{"cloud":"Public","values":[
        {"name":"One","properties":{"region":"","addressPrefixes":["192.0.2.0/24"]}},
        {"properties":{"addressPrefixes":["198.51.100.0/24","2001:db8::/32"]},"name":"Two"}]}"#;
    let github = r#"{"verifiable_password_authentication":false,
        "ssh_keys":["ssh-ed25519 AAAA"],"domains":{"website":["*.github.com"]},
        "One":["192.0.2.0/24"],"Two":["198.51.100.0/24","2001:db8::/32"]}"#;
    for (document, name) in [(azure, "Azure service tags"), (github, "GitHub meta")] {
        assert_eq!(entries_of(document), ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"]);
        assert_eq!(name_of(document), name);
        let list = List::new("list", document.into()).to_read(Purpose::Drop, &["Two".into()]);
        let mut entries = Vec::new();
        list.scan(|_, entry, _| entries.push(entry.to_string()), |_, error, _| panic!("{error}"));
        assert_eq!(entries, ["198.51.100.0/24", "2001:db8::/32"]);
    }
    // Without GitHub's first member the lists have no known names: one may be of what is to pass.
    is_refused(
        r#"{"hooks":["192.0.2.0/24"],"trusted":["198.51.100.0/24"]}"#,
        &["jq -r '.hooks[]'"],
    );
}

#[test]
fn a_record_that_says_that_the_entry_is_not_bad_or_over_is_rejected() {
    for member in [
        r#""action":"allow""#,
        r#""status":"whitelisted""#,
        r#""whitelisted":true"#,
        r#""isWhitelisted":true"#,
        r#""is_allowed":1"#,
        r#""false_positive":true"#,
        r#""blocked":false"#,
        r#""expires":"2020-01-01T00:00:00Z""#,
        r#""valid_until":"2020-01-01T00:00:00Z""#,
        r#""until":1500000000"#,
        r#""type":"allowlist""#,
        r#""note":"false positive""#,
        r#""comment":"whitelisted""#,
        r#""note":"Allowed""#,
        r#""reason":"false positive""#,
        r#""tags":["whitelist"]"#,
        r#""tags":[ "a, scanner", "allow" ]"#,
        r#""labels":["x",["allowed"],{"a":"b"},"OK"]"#,
        r#""status":["inactive"]"#,
        r#""type":["scanner","allowlist"]"#,
    ] {
        for line in [
            format!("{{\"ip\":\"192.0.2.7\",{member}}}"),
            format!("{{{member},\"ip\":\"192.0.2.7\"}}"),
        ] {
            let (entries, rejected) = scan(&line);
            assert_eq!(entries, [], "{line}");
            assert!(matches!(rejected[..], [(1, _, Reason::Verdict)]), "{line}: {rejected:?}");
            let (entries, rejected) = scan(format!("[{line}]"));
            assert_eq!((entries.len(), rejected.len()), (0, 1), "{line}");
        }
    }
    for member in [
        r#""action":"block""#,
        r#""whitelisted":false"#,
        r#""isWhitelisted":null"#,
        r#""status":"offline""#,
        r#""type":"port scan""#,
        r#""expires":null"#,
        r#""expiration":"""#,
        r#""blocked":true"#,
        r#""trust_score":12"#,
        r#""tags":["scanner", 7, null, {"allow": 1}]"#,
        r#""tags":[]"#,
        r#""note":"whitelisted on other hosts only, and seen in the logs of all others""#,
        r#""comment":"allowed through by mistake""#,
        r#""types":["tcp scan"]"#,
    ] {
        is(format!("{{\"ip\":\"192.0.2.7\",{member}}}"), &["192.0.2.7/32"]);
    }
    let decision = r#"{"scope":"Ip","type":"ban","value":"192.0.2.7","note":["allowed"]}"#;
    is_rejected(decision, 56, Reason::Verdict);
    // A time that can be read in two ways is none.
    is_rejected(r#"{"ip":"192.0.2.7","expires":"2099-01-01"}"#, 29, Reason::UnreadableEnd);
}

/// The entries of a text and their ends, of a file that was written at some time.
pub fn ends(text: &str, written: u64) -> Vec<(String, Option<i64>)> {
    let folder = kit::Folder::new();
    let path = folder.path().join("list");
    fs::write(&path, text).expect("it can be written");
    let written = UNIX_EPOCH + Span::from_secs(written);
    File::options()
        .append(true)
        .open(&path)
        .and_then(|file| file.set_modified(written))
        .expect("a time");
    let lists = list::read(&[Source::Path(path)], None, &Unseen).expect("it can be read");
    let list = lists.into_iter().next().expect("one list").to_read(Purpose::Drop, &[]);
    let mut entries = Vec::new();
    list.scan(
        |_, entry, end| entries.push((entry.to_string(), end.map(End::seconds))),
        |_, error, _| panic!("{error}"),
    );
    entries
}

#[test]
fn an_end_that_is_to_come_is_that_of_the_entry() {
    let line = r#"{"ip":"192.0.2.7","expires":"2099-01-01T00:00:00Z"}"#;
    assert_eq!(ends(line, 0), [("192.0.2.7/32".to_string(), Some(4_070_908_800))]);
    let line = r#"{"ip":"192.0.2.7","until":4070908800,"end":"2098-01-01T00:00:00Z"}"#;
    assert_eq!(ends(line, 0), [("192.0.2.7/32".to_string(), Some(4_039_372_800))]);
}

#[test]
fn a_decision_of_crowdsec_is_a_ban_of_an_address_until_its_end() {
    let ban = |more: &str| format!(r#"{{"duration":"3h59m12.5s",{more}}}"#);
    let ip = r#""scope":"Ip","type":"ban","value":"192.0.2.7""#;
    let entry = |end| vec![("192.0.2.7/32".to_string(), Some(end))];
    let decision = ban(ip);
    let end = entry(1_000 + 14_353);
    for text in [
        format!("[{decision}]"),
        decision.clone(),
        format!(
            "[{{\"decisions\":[{decision}],\"id\":1,\"source\":{{\"ip\":\"192.0.2.99\",\"value\":\"192.0.2.99\"}}}}]"
        ),
        format!("[{}]", ban(&ip.replace("Ip", "ip").replace("ban", "Ban"))),
        format!("[{}]", ban(&format!("{ip},\"simulated\":false"))),
    ] {
        assert_eq!(ends(&text, 1_000), end, "{text}");
        assert_eq!(name_of(&text), "crowdsec decisions");
    }
    let range = ban(r#""scope":"Range","type":"ban","value":"198.51.100.0/24""#);
    assert_eq!(ends(&range, 0)[0].0, "198.51.100.0/24");
    let until = ban(&format!(r#"{ip},"until":"2099-01-01T00:00:00Z""#));
    assert_eq!(ends(&until, 0), entry(4_070_908_800));
    // One that is over has ended; it is no error.
    assert_eq!(
        ends(&decision.replace("3h", "-3h"), 100_000),
        entry(100_000 - 3 * 3600 - 59 * 60 - 12)
    );
    for other in [
        ip.replace("\"ban\"", "\"captcha\""),
        ip.replace("Ip", "AS").replace("192.0.2.7", "64500"),
        ip.replace("Ip", "Country").replace("192.0.2.7", "CN"),
        format!("{ip},\"simulated\":true"),
    ] {
        let text = format!("[{},\n{}]", ban(&ip.replace("2.7", "2.9")), ban(&other));
        assert_eq!(entries_of(&text), ["192.0.2.9/32"], "{text}");
    }
    let (entries, rejected) = scan(format!("[{}]", decision.replace("3h59m12.5s", "tomorrow")));
    assert_eq!((entries.len(), rejected[0].2), (0, Reason::UnreadableEnd));
}

#[test]
fn an_allowlist_is_not_rejected_for_saying_so() {
    let text = r#"{"ip":"192.0.2.7","action":"allow"}"#;
    let mut entries = 0;
    let list = List::new("list", text.into()).to_read(Purpose::Allow, &[]);
    list.scan(|_, _, _| entries += 1, |_, _, _| {});
    assert_eq!(entries, 1);
}

#[test]
fn what_is_known_to_be_no_list_is_refused_by_name() {
    is_refused(
        r#"{"type":"bundle","objects":[{"type":"indicator","pattern":"[ipv4-addr:value = '192.0.2.7']"}]}"#,
        &["a STIX bundle", "jq -r"],
    );
    let event = r#"{"Event":{"Attribute":[{"type":"ip-dst","value":"192.0.2.7","to_ids":true}]}}"#;
    is_refused(event, &["a MISP event", "to_ids"]);
    is_refused(&format!("{{\"response\":[{event}]}}"), &["a MISP event"]);
    is_refused("{\"asn\":64496,\"cc\":\"ZZ\"}\n{\"asn\":64497}\n", &["AS numbers"]);
}
