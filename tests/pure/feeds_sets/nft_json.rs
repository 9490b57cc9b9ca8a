//! What `nft -j list` shows, and documents for `nft -j -f`.

use netfilterd::list::format::NotAList;
use netfilterd::list::parse_error::Reason::{
    Narrower, NotAnAddress, NotJson, TrailingText, UnknownBlock, Verdict,
};

use super::{accepts, has_several, holds, holds_but, of_sets, refusal};

/// A document of these objects.
fn document(objects: &str) -> String {
    format!("{{\"nftables\": [{{\"metainfo\": {{\"version\": \"1.0.6\"}}}}, {objects}]}}\n")
}

/// A set of these elements.
fn set(name: &str, elements: &str) -> String {
    format!(
        "{{\"set\": {{\"family\": \"inet\", \"name\": \"{name}\", \"table\": \"t\", \"type\": \
         \"ipv4_addr\", \"handle\": 1, \"flags\": [\"interval\"], \"elem\": [{elements}]}}}}"
    )
}

/// A rule of a chain.
fn rule(chain: &str, statements: &str) -> String {
    format!(
        "{{\"rule\": {{\"family\": \"inet\", \"table\": \"t\", \"chain\": \"{chain}\", \"expr\": [{statements}]}}}}"
    )
}

/// A condition on the source.
fn source(op: &str, right: &str) -> String {
    format!(
        "{{\"match\": {{\"op\": \"{op}\", \"left\": {{\"payload\": {{\"protocol\": \"ip\", \"field\": \
         \"saddr\"}}}}, \"right\": {right}}}}}"
    )
}

#[test]
fn the_elements_of_a_set_are_entries() {
    let elements = r#""192.0.2.7", {"prefix": {"addr": "198.51.100.0", "len": 24}},
        {"range": ["203.0.113.0", "203.0.113.1"]},
        {"elem": {"val": "192.0.2.9", "timeout": 60, "expires": 59, "comment": "x",
            "counter": {"packets": 0, "bytes": 0}}},
        {"elem": {"val": {"prefix": {"addr": "203.0.113.8", "len": 29}}, "counter": null}}"#;
    let networks =
        ["192.0.2.7/32", "192.0.2.9/32", "198.51.100.0/24", "203.0.113.0/31", "203.0.113.8/29"];
    holds(&document(&set("s", elements)), &networks);
    let add = format!(
        "{{\"add\": {{\"element\": {{\"table\": \"t\", \"name\": \"s\", \"elem\": [{elements}]}}}}}}"
    );
    holds(&document(&add), &networks);
    // In whatever order.
    holds(
        r#"{"nftables": [{"set": {"elem": ["192.0.2.7"], "type": "ipv4_addr", "name": "s"}}], "x": {}}"#,
        &["192.0.2.7/32"],
    );
}

#[test]
fn what_is_no_address_is_rejected_where_it_stands() {
    let elements = "\"192.0.2.7\",\n\"example.org\", \"192.0.2.0 \",\n{\"concat\": [\"192.0.2.1\", 80]}, 22,\n\
                    {\"elem\": {\"val\": \"192.0.2.1\", \"limit\": 1}},\n\
                    {\"elem\": {\"val\": \"192.0.2.1\", \"comment\": \"whitelisted\"}}";
    let (held, rejected) = super::read(&document(&set("s", elements)), &[]).expect("it is a list");
    let rejected: Vec<_> = rejected.into_iter().map(|(line, _, reason)| (line, reason)).collect();
    assert_eq!(held, ["192.0.2.7/32"]);
    let reasons = [
        (2, NotAnAddress),
        (2, TrailingText),
        (3, Narrower),
        (3, NotAnAddress),
        (4, UnknownBlock),
        (5, Verdict),
    ];
    assert_eq!(rejected, reasons);
    holds_but(
        &document(&format!("{},\n{{\"foo\": {{}}}}", set("s", "\"192.0.2.7\""))),
        &["192.0.2.7/32"],
        &[(2, 1, UnknownBlock)],
    );
}

#[test]
fn several_sets_are_refused_and_those_of_other_types_are_none() {
    let two = format!("{}, {}", set("a", "\"192.0.2.7\""), set("b", "\"192.0.2.8\""));
    has_several(&document(&two), &["a", "b"]);
    of_sets(&document(&two), &["b"], &["192.0.2.8/32"]);
    let pair = two.replace("\"a\"", "\"drop4\"").replace("\"b\"", "\"drop6\"");
    let pair = pair.replace("192.0.2.8", "2001:db8::1");
    holds(&document(&pair), &["192.0.2.7/32", "2001:db8::1/128"]);
    let ports = set("b", "22, {\"range\": [80, 90]}").replace("ipv4_addr", "inet_service");
    holds(&document(&format!("{ports}, {}", set("a", "\"192.0.2.7\""))), &["192.0.2.7/32"]);
    let of = r#"["ipv4_addr", "inet_service"]"#;
    let narrower = set("b", "{\"concat\": [\"192.0.2.1\", 80]}").replace("\"ipv4_addr\"", of);
    let (held, rejected) =
        super::read(&document(&format!("{narrower}, {}", set("a", "\"192.0.2.7\""))), &["a"])
            .expect("it has the set");
    assert_eq!((held, rejected[0].2), (vec!["192.0.2.7/32".to_string()], Narrower));
    let name = NotAList::AllowSet { name: "allowed".into() };
    assert_eq!(refusal(&document(&set("allowed", "\"192.0.2.7\""))), name);
}

#[test]
fn a_set_has_what_stands_in_it_at_the_end() {
    let element = |verb: &str, element: &str| {
        format!(
            "{{\"{verb}\": {{\"element\": {{\"table\": \"t\", \"name\": \"s\", \"elem\": [\"{element}\"]}}}}}}"
        )
    };
    let (one, two) = (element("add", "192.0.2.1"), element("add", "192.0.2.2"));
    for between in [
        r#"{"flush": {"set": {"table": "t", "name": "s"}}}"#,
        r#"{"flush": {"ruleset": null}}"#,
        r#"{"delete": {"table": {"name": "t"}}}"#,
        r#"{"destroy": {"set": {"table": "t", "name": "s"}}}"#,
        &element("delete", "192.0.2.1"),
    ] {
        holds(&document(&format!("{one}, {between}, {two}")), &["192.0.2.2/32"]);
    }
}

#[test]
fn what_a_rule_lets_pass_is_no_entry() {
    let s = set("s", "{\"prefix\": {\"addr\": \"192.0.2.0\", \"len\": 24}}");
    let with = |statements: &str| {
        let chain = rule("good", "{\"accept\": null}");
        document(&format!("{s},\n{},\n{chain}", rule("c", statements)))
    };
    for (op, verdict) in [
        ("==", "{\"accept\": null}"),
        ("==", "{\"counter\": {\"packets\": 0}}, {\"return\": null}"),
        ("!=", "{\"drop\": null}"),
        ("==", "{\"jump\": {\"target\": \"good\"}}"),
    ] {
        accepts(&with(&format!("{}, {verdict}", source(op, "\"@s\""))), "s", 2);
        let half = "{\"prefix\": {\"addr\": \"192.0.2.0\", \"len\": 25}}";
        let rule = format!("{}, {verdict}", source(op, half));
        holds(&with(&rule), &["192.0.2.128/25"]);
        let rule =
            format!("{}, {verdict}", source(op, &format!("{{\"set\": [{half}, \"10.0.0.1\"]}}")));
        holds(&with(&rule), &["192.0.2.128/25"]);
    }
    for (op, verdict) in [("==", "drop"), ("!=", "accept"), ("==", "continue")] {
        let rule = format!("{}, {{\"{verdict}\": null}}", source(op, "\"@s\""));
        holds(&with(&rule), &["192.0.2.0/24"]);
    }
    let vmap = "{\"vmap\": {\"key\": {\"payload\": {\"protocol\": \"ip\", \"field\": \"saddr\"}}, \"data\": \
                {\"set\": [[\"192.0.2.1\", {\"drop\": null}], [{\"prefix\": {\"addr\": \"192.0.2.0\", \"len\": \
                25}}, {\"accept\": null}]]}}}";
    holds(&with(vmap), &["192.0.2.128/25"]);
}

#[test]
fn a_document_that_is_not_whole_has_no_entry() {
    let text = document(&set("s", "\"192.0.2.7\""));
    for end in [20, 60, text.len() - 4] {
        let (held, rejected) = match super::read(&text[..end], &[]) {
            Err(netfilterd::list::ListError::NoEntry { first, .. }) => (vec![], vec![first.reason]),
            other => panic!("{other:?}"),
        };
        assert_eq!((held, rejected), (Vec::<String>::new(), vec![NotJson]), "{end}");
    }
}
