//! What is shown to a person who waits at a terminal, and to nobody else.

use std::process::Command;

use kit::*;

/// Networks enough for a person to notice.
fn large(folder: &Folder) -> String {
    let network = |i: u32| format!("{}.{}.{}.0/24\n", 1 + (i >> 15), i >> 7 & 255, i << 1 & 255);
    folder.file("large", (0..400_000).map(network).collect::<String>())
}

/// Runs a shell command at a terminal of its own. What it writes there is in `$SCREEN` as it goes
/// along.
fn at_a_terminal(folder: &Folder, command: &str) -> String {
    let screen = folder.path().join("screen");
    let ran = run(Command::new("script")
        .env("TERM", "xterm")
        .env("SSH_CONNECTION", "")
        .env("SCREEN", &screen)
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
        // The list goes on until the person has seen something; the command itself is on the screen,
        // too, and must not match.
        let feed = format!("cat {list}; until grep -q '[r]eading' $SCREEN; do sleep 0.1; done");
        let said = at_a_terminal(&folder, &format!("{{ {feed}; }} | {} {command}", program()));
        let shown = said.rfind("reading").unwrap();
        // Each line that was shown is cleared before words are written where it was.
        assert!(said[shown..].contains("\x1b[2K"), "{said:?}");
        if command.starts_with("check") {
            assert!(said.contains("400,000 networks"), "{said:?}");
        }
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
    assert!(!ran.stderr().contains("reading"), "{}", ran.stderr());
}
