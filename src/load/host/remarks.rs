//! What a look at the files of the host could not find out.

use std::fmt;

/// The warnings of one look.
#[derive(Clone, Debug, Default)]
pub struct Remarks {
    lines: Vec<String>,
    unreadable: bool,
}

impl Remarks {
    /// A warning.
    pub fn add(&mut self, line: fmt::Arguments<'_>) {
        self.lines.push(line.to_string());
    }

    /// The warning that a file cannot be read.
    pub fn add_unreadable(&mut self, line: fmt::Arguments<'_>) {
        self.unreadable = true;
        self.add(line);
    }

    /// Whether all files that exist could be read.
    pub fn is_complete(&self) -> bool {
        !self.unreadable
    }

    /// The warnings.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Logs the warnings that are not among those of the look `before`.
    pub fn log_news(&self, before: &Remarks) {
        for line in self.lines.iter().filter(|line| !before.lines.contains(line)) {
            log::warn!("{line}");
        }
    }
}
