//! Numbers, counts, ages and paths in the form that messages use.

use std::fmt;
use std::path::Path;
use std::time::Duration;

/// A number with a comma after each three digits: `61,204`.
pub struct Grouped(pub u128);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A number and its noun, singular or plural: `1 network`, `61,204 networks`.
pub struct Count(pub u64, pub Noun);

/// The nouns that [`Count`] knows, with their plurals.
#[derive(Clone, Copy, Debug)]
pub enum Noun {
    /// IP addresses of either family.
    Address,
    /// Entries of a list as written, before merging.
    Entry,
    /// What a list itself says is not to be dropped.
    Exception,
    /// Lines of a list, or of the log.
    Line,
    /// Files of entries; each file of a directory counts.
    List,
    /// Networks after merging, the fewest that name the same addresses.
    Network,
    /// Packets of a counter or a queue.
    Packet,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, many) = match self.1 {
            Noun::Address => ("address", "addresses"),
            Noun::Entry => ("entry", "entries"),
            Noun::Exception => ("exception", "exceptions"),
            Noun::Line => ("line", "lines"),
            Noun::List => ("list", "lists"),
            Noun::Network => ("network", "networks"),
            Noun::Packet => ("packet", "packets"),
        };
        write!(f, "{} {}", Grouped(self.0.into()), if self.0 == 1 { one } else { many })
    }
}

/// An age in its largest unit of which it has at least two: `12 min`, `3 h`, `9 days`.
pub struct Age(pub Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        // "119 min" is more precise than "1 h".
        match (seconds, seconds / 60, seconds / 3600, seconds / 86_400) {
            (0..120, ..) => write!(f, "{seconds} s"),
            (_, minutes @ 0..120, ..) => write!(f, "{minutes} min"),
            (.., hours @ 0..48, _) => write!(f, "{hours} h"),
            (.., days) => write!(f, "{} days", Grouped(days.into())),
        }
    }
}

/// A path for messages: what is not printable would disturb a terminal or forge a log line, and what
/// turns the direction of writing would show another name.
pub fn printable(path: &Path) -> String {
    path.to_string_lossy()
        .chars()
        .flat_map(|c| {
            let escaped = (c.is_control() || is_invisible(c)).then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// Marks and separators of Unicode that take no place and change how what follows is shown.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (61204, "61,204"), (1_234_567, "1,234,567")]
        {
            assert_eq!(Grouped(number).to_string(), text);
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(Count(1, Noun::Entry).to_string(), "1 entry");
        assert_eq!(Count(0, Noun::Line).to_string(), "0 lines");
        assert_eq!(Count(1000, Noun::Network).to_string(), "1,000 networks");
    }

    #[test]
    fn an_age_has_the_largest_unit_of_which_there_are_two() {
        for (seconds, text) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (172_799, "47 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(Age(Duration::from_secs(seconds)).to_string(), text);
        }
    }
}
