//! The files that a command writes must be neither lists nor one another.
//!
//! A file that netfilterd did not write is not replaced in any case. A list may be missing or empty as
//! yet, and a file among lists would be read as a list, so the paths are compared, too.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::args::{LoadOptions, RunOptions};
use super::out::usage;
use crate::list::Source;

/// How long the file systems of the lists may take to answer before it is reported.
const LATE: Duration = Duration::from_secs(10);

/// Exits with a usage error if `load` would write to one of its lists.
pub fn check_load(options: &LoadOptions) {
    check(options, &[("--state-file", &options.state_file)]);
}

/// Exits with a usage error if the daemon would write to one of its lists, or two things to one file.
pub fn check_run(options: &RunOptions) {
    let mut outputs: Vec<(&str, &Path)> = vec![
        ("--state-file", &options.load.state_file),
        ("--status-file", &options.status.status_file),
    ];
    outputs.extend(options.pid_file.as_deref().map(|path| ("--pid-file", path)));
    outputs.extend(options.metrics.as_deref().map(|path| ("--metrics", path)));
    // Ends as soon as the other half of the channel is dropped.
    let (_done, answered) = mpsc::channel::<()>();
    thread::spawn(move || report_if_late(&answered));
    check(&options.load, &outputs);
}

/// Logs an error if the file system of a list has not answered in time. The daemon cannot start before.
fn report_if_late(answered: &mpsc::Receiver<()>) {
    if answered.recv_timeout(LATE) == Err(RecvTimeoutError::Timeout) {
        log::error!(
            "cannot find the lists within {} s, and waits for them; check that their file systems answer",
            LATE.as_secs()
        );
    }
}

fn check(options: &LoadOptions, outputs: &[(&str, &Path)]) {
    let lists = options.lists.file.iter().map(|list| ("--file", list));
    let lists = lists.chain(options.lists.allow.iter().map(|list| ("--allow", list)));
    let inputs: Vec<(&str, &PathBuf)> = lists
        .filter_map(|(option, list)| match list {
            Source::Path(path) => Some((option, path)),
            Source::Stdin => None,
        })
        .collect();
    for (number, (option, output)) in outputs.iter().enumerate() {
        for (other, path) in &outputs[..number] {
            if same(output, path) {
                usage(&format!(
                    "{other} and {option} are the same file, {}; give two files",
                    output.display()
                ));
            }
        }
        for (input, list) in &inputs {
            if same(output, list) {
                usage(&format!(
                    "{option} {} is a list ({input}), which netfilterd would replace; give another file",
                    output.display()
                ));
            }
            if would_be_list(output, list) {
                usage(&format!(
                    "{option} {} is in a folder of lists ({input} {}), and would be read as a list; give \
                     a file in another folder",
                    output.display(),
                    list.display()
                ));
            }
        }
    }
}

/// Whether two paths lead to one file, or would if it existed.
fn same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        (Err(_), Err(_)) => place(one).is_some_and(|one| Some(one) == place(other)),
        _ => false,
    }
}

/// The path of a file in a folder that exists, without links.
fn place(path: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(path).ok()?.parent()?.canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

fn would_be_list(output: &Path, folder: &Path) -> bool {
    let hidden = output.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden
        && folder.is_dir()
        && place(output).is_some_and(|place| {
            folder.canonicalize().is_ok_and(|folder| place.parent() == Some(folder.as_path()))
        })
}
