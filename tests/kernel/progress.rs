//! What `load` shows to a person who waits at a terminal: it is held until that can be read.

use kit::terminal::{AtTerminal, left_on_screen};
use kit::*;

/// The messages of a load, without the time that it took.
fn without_time(messages: &str) -> String {
    let time = |line: &str| line.rsplit_once(", ").map_or(line, |(line, _)| line).to_string();
    messages.lines().map(time).collect::<Vec<_>>().join("\n")
}

#[test]
#[ignore = "needs root: network namespaces"]
fn while_lists_are_read_it_shows_how_many_of_their_bytes_were() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    // A quarter of it is read when the second file is opened.
    let mebibyte = format!("{}\n", "#".repeat(63)).repeat(1 << 14);
    let first = folder.file("first", &mebibyte);
    let end = format!("192.0.2.7 {}\n", "#".repeat(53));
    let second = folder.file("second", mebibyte.repeat(3)[64..].to_string() + &end);
    let arguments = format!("load -f {first} -f {second} {}", namespace.state().join(" "));
    let at = format!("-P {second} -e inject=openat:delay_enter=1000000000:when=1");
    let terminal = AtTerminal::start_held(namespace.command("script"), &at, &arguments);
    terminal.wait_for("reading [");
    terminal.wait_for("] 1.00 MiB/4.00 MiB (");
    terminal.release();
    let (status, written) = terminal.end();
    assert_eq!(status, 0, "{written}");
    assert_eq!(namespace.managed("drop4"), ["192.0.2.7/32"]);
    let ran = Namespace::new().load(&["-f", &first, "-f", &second]);
    assert_eq!(without_time(&left_on_screen(&written)), without_time(&ran.stderr()));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn while_networks_are_sent_it_shows_how_many_of_them_were() {
    let folder = Folder::new();
    let networks: String =
        (0..2500).map(|i| format!("10.{}.{}.0/24\n", i >> 7, (i & 127) * 2)).collect();
    let list = folder.file("list", networks);
    // Which of its messages has the networks is seen from one that is not held.
    let namespace = Namespace::new();
    let trace = folder.path().join("trace");
    let mut command = namespace.command("strace");
    command.args(["-qq", "-e", "trace=sendto", "-o"]).arg(&trace).args([program(), "load"]);
    let ran = run(command.args(["-f", &list]).args(namespace.state()));
    ran.expect(0, &[]);
    let trace = std::fs::read_to_string(trace).unwrap();
    let bytes = |line: &str| line.rsplit_once(" = ").unwrap().1.parse::<usize>().unwrap();
    let sent: Vec<usize> = trace.lines().map(bytes).collect();
    let networks = 1 + sent.iter().position(|bytes| bytes == sent.iter().max().unwrap()).unwrap();
    for (number, shown) in [(networks, "0/2,500"), (sent.len(), "2,500/2,500")] {
        let namespace = Namespace::new();
        let arguments = format!("load -f {list} {}", namespace.state().join(" "));
        let at = format!("-e trace=sendto -e inject=sendto:delay_enter=1000000000:when={number}");
        let terminal = AtTerminal::start_held(namespace.command("script"), &at, &arguments);
        terminal.wait_for("sending networks [");
        terminal.wait_for(&format!("] {shown} ("));
        terminal.release();
        let (status, written) = terminal.end();
        assert_eq!(status, 0, "{written}");
        assert_eq!(namespace.managed("drop4").len(), 2500);
        assert_eq!(without_time(&left_on_screen(&written)), without_time(&ran.stderr()));
    }
}
