//! What is large or long: it works, or it is refused by name. benches/compare/limits.py has what it
//! costs.

use std::fs;

use kit::*;

#[test]
fn a_list_may_have_a_name_of_255_bytes_and_a_path_of_4095() {
    let folder = Folder::new();
    let name = "n".repeat(255);
    let list = folder.file(&name, "192.0.2.1\nx\n");
    let ran = netfilterd(&["print", "-f", &list]);
    ran.expect(0, &[&format!("{name}:2:1: ")]);
    // A path of so many bytes needs steps that lead nowhere new.
    let start = folder.path().to_str().unwrap();
    let long = |bytes: usize| {
        let rest = bytes - start.len() - 256;
        format!("{start}{}{}{name}", "/.".repeat(rest / 2), "/".repeat(rest % 2 + 1))
    };
    assert_eq!(long(4095).len(), 4095);
    netfilterd(&["print", "-f", &long(4095)]).expect(0, &[":2:1: "]);
    netfilterd(&["print", "-f", &long(4096)]).expect(1, &["File name too long"]);
}

#[test]
fn a_file_over_4_gib_is_refused_by_name_and_size() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.1\n");
    fs::OpenOptions::new().write(true).open(&list).unwrap().set_len((4 << 30) + 1).unwrap();
    netfilterd(&["check", "-f", &list]).expect(1, &["list: ", "4294967297", "4294967296"]);
}

#[test]
fn what_cannot_be_the_name_of_an_interface_is_a_usage_error() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.1\n");
    // An alternative name has up to 127 bytes.
    let (long, long_beginning) = ("i".repeat(128), "i".repeat(16) + "*");
    for name in
        ["", "*", ".", "..", "a b", "a/b", "a:b", "a\tb", "a\u{a0}b", &long, &long_beginning]
    {
        netfilterd(&["load", "-f", &list, "-i", name]).expect(2, &["--interface", "127"]);
    }
    for names in ["wan,lan", "wan, lan", ","] {
        let ran = netfilterd(&["load", "-f", &list, "-i", names]);
        ran.expect(2, &["--interface", "repeat the option"]);
    }
    for name in ["i".repeat(127), "i".repeat(15) + "*", "eth0.5".to_string(), "a*b".to_string()] {
        netfilterd(&["check", "-f", &list, "-i", &name]).expect(0, &["warning: ", &name]);
    }
}
