//! The files that a command writes must be neither lists nor one another.
//!
//! A file that netfilterd did not write is not replaced in any case. But a list may be missing or empty as
//! yet, and a file among lists would be read as a list, so the paths are compared, too.

use std::path::{Path, PathBuf};

use super::args::{LoadOptions, RunOptions};
use super::out::usage;
use crate::list::Source;

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
    check(&options.load, &outputs);
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
            if places(path).iter().any(|place| places(output).contains(place)) {
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

/// Whether two paths are one, as they are written or where the first really leads. The file system of a
/// list may not answer, so nothing is asked of it.
fn same(output: &Path, other: &Path) -> bool {
    let other = std::path::absolute(other).ok();
    other.is_some_and(|other| places(output).contains(&other))
}

/// Whether a file is in a folder, and its name is not hidden.
fn would_be_list(output: &Path, folder: &Path) -> bool {
    let hidden = output.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let folder = std::path::absolute(folder).ok();
    !hidden && places(output).iter().any(|place| place.parent() == folder.as_deref())
}

/// The paths of a file that is to be written: as it is written, without the links of its folder, and
/// without any link.
fn places(output: &Path) -> Vec<PathBuf> {
    let written = std::path::absolute(output).ok();
    let folder =
        written.as_deref().and_then(Path::parent).and_then(|path| path.canonicalize().ok());
    let in_folder = folder.zip(output.file_name()).map(|(folder, name)| folder.join(name));
    [written, in_folder, output.canonicalize().ok()].into_iter().flatten().collect()
}
