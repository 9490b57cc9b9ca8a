//! What the command line takes and what it refuses, with exit status 2 and before anything is done.

use kit::*;

#[test]
fn options_out_of_their_bounds_are_usage_errors_with_a_sentence() {
    for (option, bad, good) in [
        ("--max-shrink", ["-1", "101", "x", "50%"], ["0", "100"]),
        ("--widest", ["-1", "33", "x", "/8"], ["0", "32"]),
        ("--widest6", ["-1", "129", "x", ""], ["0", "128"]),
    ] {
        for value in bad {
            let ran = netfilterd(&["check", "-f", "/dev/null", &format!("{option}={value}")]);
            // The bounds of what is good.
            ran.expect(2, &[option, good[0], good[1]]);
        }
        for value in good {
            let ran = netfilterd(&["check", "-f", "/dev/null", &format!("{option}={value}")]);
            ran.expect(3, &["--min-entries"]);
        }
    }
    netfilterd(&["check", "-f", "-", "-a", "-"]).expect(2, &["standard input"]);
    netfilterd(&["run", "-a", "-"]).expect(2, &["standard input"]);
}

#[test]
fn a_file_to_be_written_is_neither_a_list_nor_another_of_them() {
    let folder = Folder::new();
    let lists = folder.path().join("lists");
    std::fs::create_dir(&lists).unwrap();
    let list = folder.file("lists/list", "192.0.2.1\n");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&list, &link).unwrap();
    let (link, lists) = (link.to_str().unwrap(), lists.to_str().unwrap());
    let missing = format!("{lists}-missing");
    let status = format!("{lists}/status");
    let other = folder.file("other", "");
    let outputs = ["--state-file", "--status-file", "--pid-file", "--metrics"];
    for (number, output) in outputs.into_iter().enumerate() {
        // The others, so that none is the default one.
        let mut rest: Vec<String> = Vec::new();
        for option in outputs.iter().filter(|option| **option != output) {
            rest.extend([
                option.to_string(),
                format!("{other}-{}", option.trim_start_matches('-')),
            ]);
        }
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        let refused = |list: &str, path: &str| {
            for input in ["-f", "-a"] {
                let arguments = [&["run", input, list, output, path], &rest[..]].concat();
                netfilterd(&arguments).expect(2, &[output, path]);
            }
        };
        refused(&list, &list);
        refused(&list, link);
        refused(&missing, &missing);
        refused(lists, &status);
        let second = outputs[(number + 1) % 4];
        let path = rest[rest.iter().position(|option| *option == second).unwrap() + 1];
        let arguments = [&["run", "-f", &list, output, path], &rest[..]].concat();
        netfilterd(&arguments).expect(2, &[output, second, path]);
    }
    netfilterd(&["load", "-f", &list, "--state-file", link]).expect(2, &["--state-file", link]);
    assert_eq!(std::fs::read_to_string(&list).unwrap(), "192.0.2.1\n");
}

#[test]
fn the_hash_layout_is_for_the_table_with_rules_of_our_own() {
    let ran = netfilterd(&["load", "-t", "ip filter", "--layout", "hash"]);
    ran.expect(2, &["--layout hash"]);
}

#[test]
fn an_interface_cannot_be_narrowed_to_in_a_table_that_is_not_ours() {
    netfilterd(&["load", "-t", "ip filter", "-i", "eth0"]).expect(2, &["--interface"]);
}

#[test]
fn the_managed_tables_are_chosen_together_and_by_the_name_that_scripts_have() {
    for one in ["ip netfilterd", "ip6 netfilterd"] {
        let ran = netfilterd(&["load", "-f", "/dev/null", "-t", one]);
        ran.expect(2, &["netfilterd itself keeps the table", one, "omit --table"]);
    }
    let print = ["print", "-f", "/dev/null", "--format", "nft"];
    let printed = netfilterd(&print).stdout();
    for set in ["add set ip netfilterd drop4 ", "add set ip6 netfilterd drop6 "] {
        assert!(printed.contains(set), "{printed}");
    }
    let given = netfilterd(&[&print[..], &["--table", "inet netfilterd"]].concat()).stdout();
    assert_eq!(given, printed);
    let own = netfilterd(&[&print[..], &["--table", "inet mine"]].concat()).stdout();
    assert!(own.contains("add set inet mine drop4 ") && own.contains("add set inet mine drop6 "));
}

#[test]
fn names_that_cannot_work_are_usage_errors() {
    let same = ["--set4", "same", "--set6", "same"];
    netfilterd(&[&["load"], &same[..]].concat()).expect(2, &["--set4", "--set6"]);
    netfilterd(&[&["print"], &same[..]].concat()).expect(2, &["--set4", "--set6"]);
    // The sets of the managed table have a length and a generation behind these names.
    for (one, other) in [("x", "x_24"), ("x_24", "x"), ("x", "x_g7")] {
        let names = ["load", "-f", "/dev/null", "--set4", one, "--set6", other];
        netfilterd(&names).expect(2, &["--set4", "--set6", "number"]);
    }
    let (fits, long) = ("x".repeat(27), "x".repeat(28));
    let print = ["print", "-f", "/dev/null", "--format", "ipset", "--set4"];
    netfilterd(&[&print[..], &[&fits]].concat()).expect(0, &[]);
    netfilterd(&[&print[..], &[&long]].concat()).expect(2, &["ipset", "27"]);
}

#[test]
fn the_command_line_takes_what_makes_sense() {
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    for (arguments, names) in [
        (&["--queue", "65536"][..], "65535"),
        (&["--queue", "-1"], "65535"),
        (&["--queue", ""], "65535"),
        (&["--queue", "0:"], "65535"),
        (&["--queue", "0-3"], "65535"),
        (&["--queue", "4:3"], "3:4"),
        (&["--queue", "0:256"], "257"),
        (&["--queue", "0", "--table", "inet filter"], "--table"),
        (&["--queue", "0", "--layout", "hash"], "--layout"),
        (&["--queue", "0", "--set4", "x"], "--set4"),
        (&["--queue", "0", "--no-repair"], "--no-repair"),
        (&["load", "--queue", "0"], "--queue"),
        (&["--queue", "0", "load"], "load"),
        (&["--queue", "0", "--fail-open", "--fail-closed"], "--fail-closed"),
        (&["--queue", "0", "--queue-maxlen", "0"], "--queue-maxlen"),
        (&["--queue", "0", "--mark-accept", "0"], "--mark-accept"),
        (&["--queue", "0", "--mark-accept", "0x1ffffffff"], "32 bits"),
        (&["--queue", "0", "--mark-drop", "x"], "--mark-drop"),
        (&["--queue", "0", "--mark-drop", "9", "--mark-accept", "0x9"], "--mark-accept"),
        (&["--queue", "0", "-f", "-"], "standard input"),
        (&["--fail-closed"], "--queue"),
        (&["--mark-drop", "3"], "--queue"),
    ] {
        let list = if arguments.contains(&"-f") { &[][..] } else { &["-f", list.as_str()][..] };
        let ran = netfilterd(&if arguments[0] == "load" || arguments.contains(&"load") {
            arguments.to_vec()
        } else {
            [arguments, list].concat()
        });
        ran.expect(2, &[names]);
    }
}
