//! `load --confirm`: a load that nobody confirms leaves no trace.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use kit::terminal::AtTerminal;
use kit::*;

/// A load that waits for its answer.
struct Asked {
    child: Background,
    log: String,
    _folder: Folder,
}

impl Asked {
    /// Loads `text` and waits until that is in force and the question was asked.
    fn load(namespace: &Namespace, text: &str, options: &[&str]) -> Self {
        let folder = Folder::new();
        let list = folder.file("new", text);
        let log = folder.file("log", "");
        let mut command = namespace.command(program());
        command.args(["load", "--no-protect", "-f", &list]).args(options);
        if !options.contains(&"--confirm") {
            command.args(["--confirm", "86400"]);
        }
        if !options.contains(&"--state-file") {
            command.args(namespace.state());
        }
        command.stdin(Stdio::piped());
        command.stderr(std::fs::File::create(&log).unwrap());
        let child = Background(command.spawn().unwrap());
        let asked = Asked { child, log, _folder: folder };
        eventually("the question", || asked.log().contains("Type yes within"));
        asked
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn process(&mut self) -> &mut Child {
        &mut self.child.0
    }

    /// Types a line. Returns the exit status.
    fn answer(&mut self, line: &str) -> i32 {
        let mut stdin = self.process().stdin.take().unwrap();
        stdin.write_all(line.as_bytes()).unwrap();
        drop(stdin);
        self.process().wait().unwrap().code().unwrap()
    }
}

/// The ruleset but for the numbers of what the packets have counted.
fn ruleset(namespace: &Namespace) -> String {
    namespace.ruleset()
}

/// What is in force before: a list, on one interface, with a counter.
fn before(namespace: &Namespace) -> String {
    let folder = Folder::new();
    let list = folder.file("before", "192.0.2.0/24\n198.51.100.7\n2001:db8::/32\n");
    namespace.load(&["-f", &list, "-i", "lo"]);
    ruleset(namespace)
}

const NEW: &str = "203.0.113.0/24\n2001:db8:1::/48\n";

#[test]
#[ignore = "needs root: network namespaces"]
fn a_confirmed_load_stays_and_leaves_nothing_of_the_old_one() {
    let namespace = Namespace::new();
    before(&namespace);
    let mut asked = Asked::load(&namespace, NEW, &[]);
    assert_eq!(namespace.looked_up("drop4"), ["203.0.113.0/24"]);
    assert_eq!(asked.answer("yes\n"), 0, "{}", asked.log());
    assert_eq!(namespace.managed("drop4"), ["203.0.113.0/24"]);
    assert_eq!(namespace.managed("drop6"), ["2001:db8:1::/48"]);
    assert_eq!(namespace.generations(), ["drop4_g2", "drop6_g2"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn whatever_is_no_confirmation_returns_to_exactly_what_was_in_force() {
    let namespace = Namespace::new();
    let old = before(&namespace);
    let undone = |way: &str, end: &dyn Fn(&mut Asked) -> Option<i32>, options: &[&str]| {
        let mut asked = Asked::load(&namespace, NEW, options);
        assert_ne!(ruleset(&namespace), old);
        let status = end(&mut asked);
        eventually(way, || ruleset(&namespace) == old);
        assert!(status.is_none_or(|status| status == 1), "{way}: {status:?}");
        eventually("it is said", || asked.log().contains("was not confirmed"));
    };
    undone("the answer is no", &|asked| Some(asked.answer("no\n")), &[]);
    undone("an empty line is no answer", &|asked| Some(asked.answer("\n")), &[]);
    undone("the input ends, as that of a lost session", &|asked| Some(asked.answer("")), &[]);
    undone("half an answer", &|asked| Some(asked.answer("yes")), &[]);
    undone(
        "the time is over",
        &|asked| Some(asked.process().wait().unwrap().code().unwrap()),
        &["--confirm", "1"],
    );
    for signal in ["HUP", "INT", "TERM", "KILL"] {
        let end = |asked: &mut Asked| {
            let pid = asked.process().id().to_string();
            run(Command::new("kill").args(["-s", signal, &pid])).expect(0, &[]);
            asked.process().wait().unwrap();
            None
        };
        undone(signal, &end, &[]);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_terminal_that_is_gone_is_no_confirmation() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let old = before(&namespace);
    let list = folder.file("new", NEW);
    let state = namespace.state().join(" ");
    let load = format!("{} load --no-protect -f {list} --confirm 86400 {state}", program());
    let terminal = AtTerminal::start(namespace.command("script"), &load);
    terminal.wait_for("Type yes within 86400 s");
    assert_ne!(ruleset(&namespace), old);
    drop(terminal);
    eventually("as before", || ruleset(&namespace) == old);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_person_at_a_terminal_confirms() {
    needs(&["script"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("new", NEW);
    let state = namespace.state().join(" ");
    let load = format!("{} load --no-protect -f {list} --confirm 86400 {state}", program());
    let mut script = namespace.command("script");
    script.args(["-qefc", &load, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = Background(script.spawn().unwrap());
    let mut shown = BufReader::new(script.0.stdout.take().unwrap()).lines();
    assert!(shown.any(|line| line.unwrap().contains("Type yes within")));
    script.0.stdin.take().unwrap().write_all(b"yes\n").unwrap();
    assert!(script.0.wait().unwrap().success());
    assert_eq!(namespace.managed("drop4"), ["203.0.113.0/24"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_progress_bar_overwrites_the_question_and_the_answer() {
    needs(&["script"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("new", NEW);
    let state = namespace.state().join(" ");
    // Long enough for the bar to appear, which it does half a second after the first step.
    let load = format!("{} load --no-protect -f {list} --confirm 2 {state}", program());
    let mut script = namespace.command("script");
    // The input stays open, and nobody types.
    script.args(["-qefc", &load, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = Background(script.spawn().unwrap());
    let mut shown = String::new();
    script.0.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    let (_, after) = shown.split_once("Type yes within 2 s").unwrap();
    assert!(after.contains("was not confirmed"), "{shown}");
    assert!(!after.contains("sending networks"), "{shown}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn where_nothing_was_in_force_nothing_is_left_and_another_program_is_left_alone() {
    let namespace = Namespace::new();
    namespace.nft("add table inet other");
    let old = ruleset(&namespace);
    let mut asked = Asked::load(&namespace, NEW, &[]);
    namespace.nft("add chain inet other later");
    assert_eq!(asked.answer("no\n"), 1);
    assert_eq!(ruleset(&namespace), old.replace("{\n}", "{\n\tchain later {\n\t}\n}"));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_elements_of_a_foreign_table_are_returned_to_too() {
    let namespace = Namespace::new();
    namespace.nft(
        "table inet mine {
            set drop4 { type ipv4_addr; flags interval; elements = { 192.0.2.0/24, 198.51.100.7 }; }
            set drop6 { type ipv6_addr; flags interval; }
            chain input { type filter hook input priority 0; ip saddr @drop4 drop; ip6 saddr @drop6 drop; }
        }",
    );
    let old = ruleset(&namespace);
    let mut asked = Asked::load(&namespace, NEW, &["-t", "inet mine"]);
    assert_eq!(namespace.elements("inet mine", "drop4"), ["203.0.113.0/24"]);
    assert_eq!(asked.answer("no\n"), 1);
    assert_eq!(ruleset(&namespace), old);
    let mut asked = Asked::load(&namespace, NEW, &["-t", "inet mine"]);
    assert_eq!(asked.answer("yes\n"), 0);
    assert_eq!(namespace.elements("inet mine", "drop4"), ["203.0.113.0/24"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_load_that_fails_or_is_refused_asks_nothing() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let old = before(&namespace);
    for (list, status) in [("", 3), ("rubbish\n", 1)] {
        let list = folder.file("list", list);
        let ran = namespace.netfilterd(&["load", "-f", &list, "--confirm", "86400"]);
        assert_eq!(ran.status(), status, "{}", ran.stderr());
        assert!(!ran.stderr().contains("yes") && !ran.stderr().contains("confirmed"));
        assert_eq!(ruleset(&namespace), old);
    }
    let ran = namespace.netfilterd(&["load", "-f", "-", "--confirm", "5"]);
    ran.expect(2, &["--confirm", "standard input"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_load_that_was_undone_is_not_what_the_next_one_is_compared_with() {
    let namespace = Namespace::new();
    let folder = Folder::new();
    let many: String = (0..200).map(|i| format!("10.9.{i}.1\n")).collect();
    let few: String = (0..150).map(|i| format!("10.9.{i}.1\n")).collect();
    let most: String = (0..1000).map(|i| format!("10.{}.{}.1\n", i / 200, i % 200)).collect();
    let state = folder.path().join("state").to_str().unwrap().to_string();
    let state = ["--state-file", &state];
    namespace.load(&[&["-f", &folder.file("many", many)], &state[..]].concat());
    let mut asked = Asked::load(&namespace, &most, &state);
    assert_eq!(asked.answer("no\n"), 1);
    // More than half of 200, and less than half of 1,000.
    let few = folder.file("few", few);
    namespace.load(&[&["-f", &few], &state[..]].concat());
    let mut asked = Asked::load(&namespace, &most, &state);
    assert_eq!(asked.answer("yes\n"), 0);
    let ran = namespace.netfilterd(&[&["load", "-f", &few], &state[..]].concat());
    ran.expect(3, &["--max-shrink"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_another_load_or_program_has_removed_is_not_returned_to_for_ever() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let other = folder.file("other", "198.51.100.0/24\n");
    // The other list stays in force, and where the table was deleted, nothing does.
    for (change, left) in [
        (&(|| drop(namespace.load(&["-f", &other]))) as &dyn Fn(), &["198.51.100.0/24"][..]),
        (&|| drop(namespace.nft("delete table ip netfilterd; delete table ip6 netfilterd")), &[]),
    ] {
        before(&namespace);
        let mut asked = Asked::load(&namespace, NEW, &[]);
        change();
        let changed = ruleset(&namespace);
        drop(asked.process().stdin.take());
        eventually("the end", || asked.process().try_wait().unwrap().is_some());
        assert_eq!(asked.process().wait().unwrap().code(), Some(1));
        assert!(asked.log().contains("cannot be undone"), "{}", asked.log());
        assert_eq!(ruleset(&namespace), changed);
        assert_eq!(namespace.managed("drop4"), left);
    }
}
