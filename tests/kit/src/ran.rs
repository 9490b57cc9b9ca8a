//! Programs that have ended.

use std::process::{Command, Output};

use serde_json::Value;

use crate::files::with_files;
use crate::{program, unique};

/// A program that has ended.
#[derive(Debug)]
pub struct Ran(Output);

impl Ran {
    pub(crate) fn new(output: Output) -> Self {
        Ran(output)
    }

    pub fn status(&self) -> i32 {
        self.0.status.code().expect("not ended by a signal")
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// Standard output, which is JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.0.stdout).unwrap_or_else(|_| panic!("{self:?} is no JSON"))
    }

    /// Asserts the status, and that standard error names each of these.
    #[track_caller]
    pub fn expect(&self, status: i32, names: &[&str]) {
        let stderr = self.stderr();
        assert_eq!(self.status(), status, "{stderr}");
        assert_names(&stderr, names);
    }
}

/// Asserts that one line of a text names all of these.
#[track_caller]
pub fn assert_line_names(text: &str, names: &[&str]) {
    let names_all = |line: &str| names.iter().all(|name| line.contains(name));
    assert!(text.lines().any(names_all), "no line with {names:?} in {text}");
}

/// Asserts that a message names what it must: files with line and column, addresses, options, paths,
/// errors of the system, commands to run. How it says it is no affair of a test.
#[track_caller]
pub fn assert_names(text: &str, names: &[&str]) {
    for name in names {
        assert!(text.contains(name), "no {name:?} in {text}");
    }
}

/// Runs netfilterd where the test runs; for what touches no kernel. What the machine would have
/// protected is not protected.
pub fn netfilterd(arguments: &[&str]) -> Ran {
    let reads = ["check", "print", "test"].iter().any(|command| arguments.first() == Some(command));
    let no_protect = if reads { &["--no-protect"][..] } else { &[] };
    let arguments = [arguments, no_protect].concat();
    let arguments = with_files(&arguments, &std::env::temp_dir().join(unique()));
    Ran::new(Command::new(program()).env("SSH_CONNECTION", "").args(arguments).output().unwrap())
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ran {
    Ran::new(command.output().unwrap())
}

#[track_caller]
pub(crate) fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
