//! What is shown to a person who waits at a terminal, and to nobody else.

use std::process::Command;

use kit::*;

/// Networks enough for a person to notice.
fn large(folder: &Folder) -> String {
    let network = |i: u32| format!("{}.{}.{}.0/24\n", 1 + (i >> 15), i >> 7 & 255, i << 1 & 255);
    folder.file("large", (0..400_000).map(network).collect::<String>())
}

/// All that a command writes to a terminal of its own.
fn at_a_terminal(command: &str) -> Ran {
    let ran = run(Command::new("script").env("TERM", "xterm").env("SSH_CONNECTION", "").args([
        "-qec",
        command,
        "/dev/null",
    ]));
    assert_eq!(ran.status(), 0, "{}", ran.stdout());
    ran
}

#[test]
fn at_a_terminal_commands_on_big_lists_show_what_they_are_at() {
    let folder = Folder::new();
    let list = large(&folder);
    let state = folder.path().join("state");
    for command in [
        format!("check -f {list} --no-protect --state-file {}", state.display()),
        format!("print -f {list} --no-protect > /dev/null"),
    ] {
        let said = at_a_terminal(&format!("{} {command}", program())).stdout();
        assert!(said.contains(&format!("looking through {list} (")), "{said:?}");
        // Each line that was shown is cleared before words are written where it was.
        let shown = said.rfind("looking through").unwrap();
        assert!(said[shown..].contains("\x1b[2K"), "{said:?}");
        if command.starts_with("check") {
            assert!(said.contains("\nwould load 400,000 networks"), "{said:?}");
        }
    }
}

#[test]
fn where_standard_error_is_no_terminal_nothing_is_shown() {
    let folder = Folder::new();
    let list = large(&folder);
    let said = folder.path().join("said");
    let print = format!("{} print -f {list} --no-protect", program());
    at_a_terminal(&format!("{print} > /dev/null 2> {}", said.display()));
    assert_eq!(std::fs::read_to_string(&said).unwrap(), "");
    let ran = netfilterd(&["print", "-f", &list]);
    assert!(!ran.stderr().contains("looking"), "{}", ran.stderr());
}
