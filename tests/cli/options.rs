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
fn the_hash_layout_is_for_the_table_with_rules_of_our_own() {
    let ran = netfilterd(&["load", "-t", "ip filter", "--layout", "hash"]);
    ran.expect(2, &["--layout hash"]);
}

#[test]
fn an_interface_cannot_be_narrowed_to_in_a_table_that_is_not_ours() {
    netfilterd(&["load", "-t", "ip filter", "-i", "eth0"]).expect(2, &["--interface"]);
}

#[test]
fn names_that_cannot_work_are_usage_errors() {
    let same = ["--set4", "same", "--set6", "same"];
    netfilterd(&[&["load"], &same[..]].concat()).expect(2, &["--set4", "--set6"]);
    netfilterd(&[&["print"], &same[..]].concat()).expect(2, &["--set4", "--set6"]);
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
