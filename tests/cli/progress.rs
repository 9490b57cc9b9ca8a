//! What is shown to a person who waits at a terminal, and to nobody else.

use std::process::Command;

use kit::*;

/// Networks enough for a person to notice.
fn large(folder: &Folder) -> String {
    let network = |i: u32| format!("{}.{}.{}.0/24\n", 1 + (i >> 15), i >> 7 & 255, i << 1 & 255);
    folder.file("large", (0..400_000).map(network).collect::<String>())
}

/// What clears the line that the cursor is in.
const CLEAR: &str = "\x1b[2K";

/// Runs a shell command at a terminal of its own. What it writes there is in `$SCREEN` as it goes
/// along.
fn at_a_terminal(folder: &Folder, command: &str) -> String {
    let screen = folder.path().join("screen");
    let ran = run(Command::new("script")
        .env("TERM", "xterm")
        .env("SSH_CONNECTION", "")
        .env("SCREEN", &screen)
        .env("CLEAR", CLEAR)
        .args(["-qefc", command])
        .arg(&screen));
    assert_eq!(ran.status(), 0, "{}", ran.stdout());
    String::from_utf8_lossy(&std::fs::read(&screen).unwrap()).into_owned()
}

#[test]
fn at_a_terminal_a_load_that_takes_its_time_shows_how_far_it_is() {
    let folder = Folder::new();
    let list = large(&folder);
    let state = folder.path().join("state");
    for command in [
        format!("check -f - --no-protect --state-file {}", state.display()),
        "print -f - --no-protect > /dev/null".to_string(),
    ] {
        // The list goes on until the person has seen something, in a line that was cleared for the
        // next one.
        let feed = format!("cat {list}; until grep -qF \"$CLEAR\" $SCREEN; do sleep 0.1; done");
        let said = at_a_terminal(&folder, &format!("{{ {feed}; }} | {} {command}", program()));
        // The last line as well, before words are written where it was.
        let (_, behind) = said.rsplit_once(CLEAR).unwrap();
        let words = if command.starts_with("check") { "standard input: " } else { "\nScript done" };
        assert!(behind.starts_with(words), "{said:?}");
    }
}

#[test]
fn where_standard_error_is_no_terminal_nothing_is_shown() {
    let folder = Folder::new();
    let list = large(&folder);
    let said = folder.path().join("said");
    let print = format!("{} print -f {list} --no-protect", program());
    at_a_terminal(&folder, &format!("{print} > /dev/null 2> {}", said.display()));
    assert_eq!(std::fs::read_to_string(&said).unwrap(), "");
    let ran = netfilterd(&["print", "-f", &list]);
    assert_eq!(ran.stderr(), "");
}
