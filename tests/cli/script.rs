//! `print --format nft --rules`: a script with sets and rules.

use kit::*;

/// What `print --rules` writes for a list.
fn script(folder: &Folder, list: &str, options: &[&str]) -> Ran {
    let list = folder.file("list", list);
    let print = ["print", "-f", &list, "--format", "nft", "--rules"];
    netfilterd(&[&print, options].concat())
}

/// The block of a table, which stands at the end of its part of the script.
fn block<'a>(script: &'a str, table: &str) -> &'a str {
    let start = script.find(&format!("\ntable {table} {{\n")).expect("the table");
    let block = &script[start..];
    &block[1..block.find("\n}\n").expect("its end") + 3]
}

#[test]
fn sets_and_interfaces_have_the_names_that_were_given() {
    let folder = Folder::new();
    let options = ["-t", "inet t", "--set4", "bad", "-i", "eth0", "-i", "ppp*"];
    let ran = script(&folder, "192.0.2.1\n2001:db8::/47\n", &options);
    ran.expect(0, &[]);
    let script = ran.stdout();
    let block = block(&script, "inet t");
    for line in [
        "\tset bad_32 {",
        "\tset drop6_47 {",
        "\t\tip saddr @bad_32 goto from_listed4",
        "\t\tiifname \"eth0\" counter name \"inbound4\" drop",
        "\t\toifname \"ppp*\" counter name \"outbound6\" drop",
    ] {
        let ends = |written: &str| written.trim().ends_with(line.trim());
        assert!(block.lines().any(ends), "{line} in {block}");
    }
}

#[test]
fn without_a_table_each_family_has_its_own_and_does_not_ask_for_the_family() {
    let folder = Folder::new();
    let ran = script(&folder, "20.0.0.0/16\n2001:db8::1\n", &[]);
    ran.expect(0, &[]);
    let script = ran.stdout();
    let inbound = |table| {
        let block = block(&script, table);
        let inbound = &block[block.find("\tchain inbound {").expect("the chain")..];
        inbound.lines().nth(2).expect("a rule").trim().to_string()
    };
    assert_eq!(inbound("ip blocklist"), "@nh,96,16 @drop4_first16 goto from_suspect4");
    assert!(inbound("ip6 blocklist").contains(" @drop6_"), "{script}");
    assert!(!script.contains("inet") && !script.contains("nfproto"), "{script}");
}

#[test]
fn a_script_empties_its_chains_and_deletes_sets_before_it_creates_its_own() {
    let folder = Folder::new();
    let script = script(&folder, "192.0.2.1\n", &["-t", "ip t"]).stdout();
    let (before, block) = script.split_once("\ntable ip t {\n").expect("the block");
    for line in [
        "add table ip t",
        "add counter ip t inbound4",
        "add chain ip t inbound { type filter hook prerouting priority raw; policy accept; }",
        "flush chain ip t inbound",
        "flush chain ip t to_suspect4",
        "add set ip t drop4_first16 { typeof @nh,96,16; }; delete set ip t drop4_first16",
        "add set ip t drop4_32 { type ipv4_addr; }; delete set ip t drop4_32",
    ] {
        assert!(before.lines().any(|written| written == line), "{line} in {before}");
    }
    assert!(before.rfind("flush chain") < before.find("delete set"), "{before}");
    for chain in block.lines().filter_map(|line| line.strip_prefix("\tchain ")) {
        let flushed = format!("flush chain ip t {}", chain.trim_end_matches(" {"));
        assert!(before.lines().any(|line| line == flushed), "{flushed} in {before}");
    }
}

#[test]
fn a_table_of_one_family_gets_that_family_and_the_rest_is_reported() {
    let folder = Folder::new();
    let list = "192.0.2.1\n2001:db8::1\n2001:db8::3\n";
    for (table, kept, missing, said) in [
        ("ip t", "drop4_32", "drop6", "ignored of IPv6: 2 networks"),
        ("ip6 t", "drop6_128", "drop4", "ignored of IPv4: 1 network"),
    ] {
        let ran = script(&folder, list, &["-t", table]);
        ran.expect(0, &["warning: ", said]);
        assert!(ran.stdout().contains(kept) && !ran.stdout().contains(missing), "{table}");
    }
}

#[test]
fn what_a_script_cannot_be_written_for_is_refused() {
    let folder = Folder::new();
    for (options, names) in [
        (&["-t", "bridge t"][..], &["bridge t", "inet, ip and ip6"][..]),
        (&["-t", "ip netfilterd"], &["ip netfilterd", "--table"]),
        (&["-t", "ip6 netfilterd"], &["ip6 netfilterd", "--table"]),
        (&["--set4", "bad", "--set6", "bad"], &["--set4", "--set6"]),
        (&["--set4", "bad", "--set6", "bad_24"], &["--set4", "--set6", "number"]),
        (&["-i", "a-name-of-more-than-15-bytes"], &["a-name-of-more-than-15-bytes", "alternative"]),
        (&["-i", "a\"b"], &["a\"b", "nft"]),
        (&["-i", "ab\\*"], &["ab\\*", "nft"]),
    ] {
        let ran = script(&folder, "192.0.2.1\n", options);
        ran.expect(2, names);
        assert_eq!(ran.stdout(), "", "{options:?}");
    }
    for format in ["cidr", "range", "ipset", "json"] {
        netfilterd(&["print", "--format", format, "--rules"])
            .expect(2, &["--rules", "--format nft"]);
    }
    netfilterd(&["print", "--rules"]).expect(2, &["--rules", "--format nft"]);
    netfilterd(&["print", "--format", "nft", "-i", "eth0"]).expect(2, &["--interface", "--rules"]);
}
