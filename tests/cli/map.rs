//! `print --format map`: a file gets the picture, a terminal does not.

use std::process::Command;

use kit::*;
use netfilterd::ip::RangeSet;
use netfilterd::list::{self, List};
use netfilterd::output::map::Map;

#[test]
fn print_writes_a_map_to_a_file_and_not_to_a_terminal() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.0/24\n2001:db8::/32\n");
    let map = folder.path().join("map.png");
    let arguments = format!("print --format map --no-protect -f {list}");
    let shell = |redirection: &str| {
        let command = format!("{} {arguments} {redirection}", program());
        run(Command::new("script").args(["-qec", &command, "/dev/null"]))
    };
    let said = shell(&format!("> {}", map.display()));
    assert_eq!(said.status(), 0);
    assert_names(&said.stdout(), &["IPv6: 1 network"]);
    let listed = list::parse(&[List::new("list", std::fs::read(&list).unwrap())]).unwrap().sets;
    let (nothing, mut picture) = (RangeSet::default(), Vec::new());
    let wanted = Map { dropped: &listed.v4, allowed: &nothing, protected: &nothing };
    wanted.write(&mut picture).unwrap();
    assert!(std::fs::read(&map).unwrap() == picture, "the picture of these networks");
    let said = shell("");
    assert_eq!(said.status(), 2, "{}", said.stdout());
    assert_names(&said.stdout(), &["a terminal"]);
    assert!(!said.stdout().contains("PNG"), "{}", said.stdout());
}
