//! What is shown to a person who waits at a terminal, and to nobody else. What `load` shows is in
//! the kernel's tests.

use std::fs;
use std::io::Write;
use std::process::Command;

use kit::agents::given;
use kit::terminal::{AtTerminal, CLEAR, left_on_screen};
use kit::*;

/// A list of 4 MiB, of which one line is a network and one is no entry.
fn large() -> String {
    let line = |text: &str| format!("{text:#<63}\n");
    let end = format!("192.0.2.7\nno entry\n{}\n", "#".repeat(44));
    line("").repeat((4 << 20) / 64 - 1) + &end
}

/// Starts a command at a terminal, and gives it a list at standard input that goes on until the
/// file is dropped.
#[track_caller]
fn begin(arguments: &str) -> (AtTerminal, fs::File) {
    let folder = Folder::new();
    let fifo = folder.path().join("fifo");
    run(Command::new("mkfifo").arg(&fifo)).expect(0, &[]);
    let command = format!("{} {arguments} <{}", program(), fifo.display());
    let terminal = AtTerminal::start(Command::new("script"), &command);
    let mut feed = fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    let fed = feed.write_all(large().as_bytes());
    assert!(fed.is_ok(), "{fed:?}: {}", terminal.written());
    (terminal, feed)
}

/// Runs a command whose list goes on until the person at the terminal has seen how much of it was
/// read. Returns its status and all that was written.
#[track_caller]
fn slowly(arguments: &str) -> (i32, String) {
    let (terminal, feed) = begin(arguments);
    // How many there will be nobody knows.
    terminal.wait_for(" reading 4.00 MiB (");
    drop(feed);
    terminal.end()
}

/// Runs the same command at no terminal.
fn plainly(arguments: &str) -> Ran {
    given(Command::new(program()).args(arguments.split(' ')), large())
}

#[test]
fn at_a_terminal_a_load_that_takes_its_time_shows_how_far_it_is() {
    let folder = Folder::new();
    let state = folder.path().join("state").display().to_string();
    for arguments in [
        format!("check -f - --no-protect --state-file {state}"),
        "print -f - --no-protect".to_string(),
        // An error as well is written where the bar was.
        format!("print -f - -f {state} --no-protect"),
    ] {
        let (status, written) = slowly(&arguments);
        let ran = plainly(&arguments);
        assert_eq!(status, ran.status(), "{written}");
        assert!(written.contains(CLEAR), "{written:?}");
        assert_eq!(left_on_screen(&written), ran.stderr() + &ran.stdout(), "nothing of it is left");
    }
}

#[test]
fn what_is_printed_into_a_file_has_nothing_in_it_of_what_is_shown() {
    let folder = Folder::new();
    let out = folder.path().join("out");
    let arguments = "print -f - --no-protect";
    let (_, written) = slowly(&format!("{arguments} >{}", out.display()));
    let ran = plainly(arguments);
    assert_eq!(fs::read_to_string(out).unwrap(), ran.stdout());
    assert_eq!(left_on_screen(&written), ran.stderr());
}

#[test]
fn at_a_terminal_a_load_that_is_quick_shows_nothing() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.7\n");
    let command = format!("{} print -f {list} --no-protect", program());
    // On a machine with other work it may be slow once, but not always.
    eventually("a load at which nothing is shown", || {
        let (status, written) = AtTerminal::start(Command::new("script"), &command).end();
        assert_eq!((status, left_on_screen(&written).as_str()), (0, "192.0.2.7/32\n"));
        !written.contains(['\r', '\x1b'])
    });
}

#[test]
fn where_standard_error_is_no_terminal_nothing_is_shown() {
    let folder = Folder::new();
    let errors = folder.path().join("errors");
    let arguments = "print -f - --no-protect";
    let (terminal, feed) = begin(&format!("{arguments} 2>{}", errors.display()));
    // It takes longer than one that shows something.
    slowly(arguments);
    drop(feed);
    let (_, written) = terminal.end();
    let ran = plainly(arguments);
    assert_eq!(written, ran.stdout());
    assert_eq!(fs::read_to_string(errors).unwrap(), ran.stderr());
}
