//! What the command line takes and what it refuses, with exit status 2 and before anything is done.

use kit::*;

#[test]
fn options_out_of_their_bounds_are_usage_errors_with_a_sentence() {
    for (option, bad, good, said) in [
        ("--max-shrink", ["-1", "101", "x", "50%"], ["0", "100"], "a percentage is a number from"),
        (
            "--widest",
            ["-1", "33", "x", "/8"],
            ["0", "32"],
            "a prefix length is a number from 0 to 32",
        ),
        (
            "--widest6",
            ["-1", "129", "x", ""],
            ["0", "128"],
            "a prefix length is a number from 0 to 128",
        ),
    ] {
        for value in bad {
            netfilterd(&["check", "-f", "/dev/null", &format!("{option}={value}")])
                .expect(2, &[said]);
        }
        for value in good {
            let ran = netfilterd(&["check", "-f", "/dev/null", &format!("{option}={value}")]);
            ran.expect(3, &["the lists hold no network"]);
        }
    }
    netfilterd(&["check", "-f", "-", "-a", "-"]).expect(2, &["can be read only once"]);
    netfilterd(&["run", "-a", "-"]).expect(2, &["a daemon cannot read standard input"]);
}

#[test]
fn the_hash_layout_is_for_the_table_with_rules_of_our_own() {
    let ran = netfilterd(&["load", "-t", "ip filter", "--layout", "hash"]);
    ran.expect(2, &["--layout hash needs the managed table"]);
}

#[test]
fn an_interface_cannot_be_narrowed_to_in_a_table_that_is_not_ours() {
    netfilterd(&["load", "-t", "ip filter", "-i", "eth0"]).expect(2, &["--interface needs the"]);
}

#[test]
fn names_that_cannot_work_are_usage_errors() {
    let same = ["--set4", "same", "--set6", "same"];
    netfilterd(&[&["load"], &same[..]].concat()).expect(2, &["are the same set"]);
    netfilterd(&[&["print"], &same[..]].concat()).expect(2, &["are the same set"]);
    let (fits, long) = ("x".repeat(27), "x".repeat(28));
    let print = ["print", "-f", "/dev/null", "--format", "ipset", "--set4"];
    netfilterd(&[&print[..], &[&fits]].concat()).expect(0, &[]);
    netfilterd(&[&print[..], &[&long]].concat()).expect(2, &["too long for ipset"]);
}

#[test]
fn the_command_line_takes_what_makes_sense() {
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    for (arguments, reason) in [
        (&["--queue", "65536"][..], "0 to 65535"),
        (&["--queue", "-1"], "0 to 65535"),
        (&["--queue", ""], "0 to 65535"),
        (&["--queue", "0:"], "0 to 65535"),
        (&["--queue", "0-3"], "0 to 65535"),
        (&["--queue", "4:3"], "write 3:4"),
        (&["--queue", "0:256"], "257 queues"),
        (&["--queue", "0", "--table", "inet filter"], "cannot be used with"),
        (&["--queue", "0", "--layout", "hash"], "cannot be used with"),
        (&["--queue", "0", "--set4", "x"], "cannot be used with"),
        (&["--queue", "0", "--no-repair"], "cannot be used with"),
        (&["load", "--queue", "0"], "unexpected argument '--queue'"),
        (&["--queue", "0", "load"], "cannot be used with"),
        (&["--queue", "0", "--fail-open", "--fail-closed"], "cannot be used with"),
        (&["--queue", "0", "--queue-maxlen", "0"], "0 is not in"),
        (&["--queue", "0", "--mark-accept", "0"], "unmarked"),
        (&["--queue", "0", "--mark-accept", "0x1ffffffff"], "32 bits"),
        (&["--queue", "0", "--mark-drop", "x"], "a mark is a number"),
        (&["--queue", "0", "--mark-drop", "9", "--mark-accept", "0x9"], "the same mark"),
        (&["--queue", "0", "-f", "-"], "cannot read standard input again"),
        (&["--fail-closed"], "--queue"),
        (&["--mark-drop", "3"], "--queue"),
    ] {
        let list = if arguments.contains(&"-f") { &[][..] } else { &["-f", list.as_str()][..] };
        let ran = netfilterd(&if arguments[0] == "load" || arguments.contains(&"load") {
            arguments.to_vec()
        } else {
            [arguments, list].concat()
        });
        ran.expect(2, &[reason]);
    }
}
