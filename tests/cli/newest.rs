//! `--newest`: which entries are taken, and which are none.

use std::fs::File;
use std::time::{Duration, SystemTime};

use kit::*;

#[test]
fn only_the_newest_entries_are_taken_by_the_age_of_lists_and_the_place_in_them() {
    let texts = [
        ("old", "10.0.0.1\n10.0.0.2\nnonsense\n", 300),
        ("new", "10.1.0.1\n\n2001:db8::1\n# x\n10.1.0.2\n", 100),
        ("middle", "10.2.0.1\n10.2.0.2 until 4000000000\n", 200),
    ];
    let folder = Folder::new();
    for (name, text, age) in texts {
        let path = folder.file(name, text);
        let time = SystemTime::now() - Duration::from_secs(age);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }
    let path = folder.path().to_str().unwrap().to_string();
    for (newest, wanted) in [
        (1, vec!["10.1.0.2/32"]),
        (2, vec!["10.1.0.2/32", "2001:db8::1/128"]),
        (3, vec!["10.1.0.1-10.1.0.2", "2001:db8::1/128"]),
        (4, vec!["10.1.0.1-10.1.0.2", "10.2.0.2/32", "2001:db8::1/128"]),
        (6, vec!["10.0.0.2/32", "10.1.0.1-10.1.0.2", "10.2.0.1-10.2.0.2", "2001:db8::1/128"]),
        (9, vec!["10.0.0.1-10.0.0.2", "10.1.0.1-10.1.0.2", "10.2.0.1-10.2.0.2", "2001:db8::1/128"]),
    ] {
        let newest = newest.to_string();
        let ran = netfilterd(&["print", "--format", "range", "-f", &path, "--newest", &newest]);
        let merged = merged(&ran.stdout());
        assert_eq!([merged.v4, merged.v6].concat(), wanted, "{newest}");
    }
    netfilterd(&["check", "-f", &path, "--newest", "0"]).expect(2, &["--newest"]);
    let checked = netfilterd(&["check", "-f", &path, "--newest", "3"]);
    assert_line_names(&checked.stdout(), &["/old: ", "0 entries", "1 line", "2 entries"]);
}

#[test]
fn an_older_entry_is_not_said_to_drop_anything() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.7\n192.0.2.8\n192.0.2.7\n");
    let test = ["test", "-f", &list, "--newest", "1", "192.0.2.7", "192.0.2.8"];
    let json = netfilterd(&[&test[..], &["--json"]].concat()).json();
    assert_eq!([&json[0]["dropped"], &json[1]["dropped"]], [true, false], "{json}");
    assert_eq!(json[0]["entries"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(json[0]["entries"][0]["line"], 3);
    let said = netfilterd(&test).stdout();
    assert_line_names(&said, &["192.0.2.7: ", "192.0.2.7/32", "list:3"]);
    assert!(!said.contains("list:1") && !said.contains("list:2"), "{said}");
}
