//! Names of sets and numbers of lists that are the largest that work.

use std::fs;

use kit::*;

#[test]
#[ignore = "needs root: network namespaces"]
fn a_set_has_a_name_of_at_most_229_bytes_and_works_with_that() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.0/24\n2001:db8::/32\n");
    let (four, six) = ("a".repeat(228) + "4", "b".repeat(228) + "6");
    for layout in ["auto", "interval", "hash", "auto"] {
        let options = ["-f", &list, "--set4", &four, "--set6", &six, "--layout", layout];
        namespace.load(&options);
        assert_eq!(namespace.managed(&four), ["192.0.2.0/24"]);
        assert_eq!(namespace.generations().len(), 2);
    }
    let long = "a".repeat(230);
    netfilterd(&["load", "-f", &list, "--set4", &long]).expect(2, &["--set4", "229"]);
    let (fits, long) = (format!("ip {}", "t".repeat(255)), format!("ip {}", "t".repeat(256)));
    namespace
        .netfilterd(&["load", "-f", &list, "-t", &fits])
        .expect(1, &[&format!("nft add table {fits}")]);
    netfilterd(&["load", "-f", &list, "-t", &long]).expect(2, &["--table", "255"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_hundred_lists_are_one() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let lists = folder.path().join("lists");
    fs::create_dir(&lists).unwrap();
    for number in 0..100 {
        fs::write(lists.join(format!("list{number}")), format!("10.0.{number}.1\nx\n")).unwrap();
    }
    let ran = namespace.load(&["-f", lists.to_str().unwrap()]);
    ran.expect(0, &["v4 100", "100 lists", "100 lines"]);
    // The first ten are named, and how many more there are.
    assert_eq!(ran.stderr().matches(":2:1: ").count(), 10, "{}", ran.stderr());
    ran.expect(0, &["90 lines"]);
    assert_eq!(namespace.managed("drop4").len(), 100);
    // Named one by one as well.
    let paths: Vec<String> =
        (0..100).map(|i| lists.join(format!("list{i}")).to_str().unwrap().to_string()).collect();
    let options: Vec<&str> = paths.iter().flat_map(|path| ["-f", path]).collect();
    namespace.load(&options).expect(0, &["v4 100", "100 lists"]);
}
