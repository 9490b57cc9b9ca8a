//! What the tests of contrib/agents/ stand on: agents that are given a log, and lists that they
//! write.

use std::fs;
use std::process::Command;

use super::*;

pub const AGENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contrib/agents");

pub fn agent(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(format!("{AGENTS}/{name}"));
    command.args(arguments);
    command
}

pub fn excerpt(name: &str) -> String {
    fs::read_to_string(format!("{}/tests/logs/{name}", TOP)).unwrap()
}

/// Runs a command with this text at its standard input.
pub fn given(command: &mut Command, text: impl AsRef<[u8]>) -> Ran {
    let folder = Folder::new();
    let file = folder.file("input", text);
    run(command.stdin(fs::File::open(file).unwrap()))
}

/// The addresses that an agent would list by this text.
#[track_caller]
pub fn listed(name: &str, options: &[&str], text: &str) -> Vec<String> {
    let ran = given(&mut agent(name, &[&["--print"], options].concat()), text);
    assert_eq!(ran.status(), 0, "{}", ran.stderr());
    ran.stdout().lines().map(str::to_string).collect()
}

/// A list that does not exist yet, in a folder of its own.
pub struct List {
    pub folder: Folder,
    pub path: String,
}

impl List {
    pub fn new() -> Self {
        let folder = Folder::new();
        let path = folder.path().join("drop_ips").to_str().unwrap().to_string();
        List { folder, path }
    }

    pub fn holding(text: &str) -> Self {
        let list = List::new();
        fs::write(&list.path, text).unwrap();
        list
    }

    pub fn append(&self, arguments: &[&str]) -> Ran {
        run(&mut agent("append", &[&["--list", &self.path], arguments].concat()))
    }

    pub fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    /// The entries without their ends.
    pub fn entries(&self) -> Vec<String> {
        self.text().lines().map(|line| line.split(' ').next().unwrap().to_string()).collect()
    }

    /// How many seconds from now each entry ends, to a hundred.
    pub fn lasts(&self) -> Vec<i64> {
        let now = jiff::Timestamp::now();
        let one = |line: &str| {
            let (_, end) = line.split_once(" until ").unwrap();
            let end: jiff::Timestamp = end.parse().unwrap();
            (end.as_second() - now.as_second() + 99) / 100 * 100
        };
        self.text().lines().map(one).collect()
    }

    /// That netfilterd takes all of it.
    #[track_caller]
    pub fn is_in_order(&self) {
        let ran = netfilterd(&["check", "--strict", "-f", &self.path]);
        assert_eq!(ran.status(), 0, "{}{}", ran.stderr(), self.text());
    }
}
