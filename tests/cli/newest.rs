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
    netfilterd(&["check", "-f", &path, "--newest", "0"]).expect(2, &["0 is not in"]);
    let checked = netfilterd(&["check", "-f", &path, "--newest", "3"]);
    assert!(
        checked.stdout().contains("/old: 0 entries, 1 line rejected, 2 entries "),
        "{}",
        checked.stdout()
    );
}

#[test]
fn an_older_entry_is_not_said_to_drop_anything() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.7\n192.0.2.8\n192.0.2.7\n");
    let ran = netfilterd(&["test", "-f", &list, "--newest", "1", "192.0.2.7", "192.0.2.8"]);
    let said = ran.stdout();
    assert!(said.contains("192.0.2.7: dropped by 192.0.2.7/32 (") && said.contains("list:3)"));
    assert!(said.contains("192.0.2.8: not dropped\n") && !said.contains("list:1)"), "{said}");
}
