//! Words that say that what stands beside them is not to be dropped.

const STEMS: [&str; 10] = [
    "allow", "white", "trust", "permit", "accept", "ignore", "exempt", "remove", "expire", "except",
];

const NARROWER: [&str; 5] = ["limit", "tcp", "udp", "icmp", "sctp"];

const PROGRAMS: [&str; 21] = [
    "warn",
    "hold",
    "filter",
    "prepend",
    "redirect",
    "discard",
    "defer",
    "bcc",
    "info",
    "replace",
    "dev",
    "via",
    "proto",
    "scope",
    "unicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "metric",
    "le",
    "ge",
];

const NAMES: [&str; 10] =
    ["allow", "white", "accept", "trusted", "permit", "ignore", "exempt", "safe", "lan", "admin"];

/// Words in lower case: letters and digits, without the signs around them.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn good_at(words: &[String]) -> bool {
    let Some(first) = words.first() else { return false };
    let second = words.get(1).map_or("", String::as_str);
    STEMS.iter().any(|stem| first.starts_with(stem))
        || ["ok", "okay", "dunno"].contains(&first.as_str())
        || first == "false" && second.starts_with("positive")
        || first == "not" && second.starts_with("block")
}

fn narrower_at(words: &[String]) -> bool {
    words
        .first()
        .is_some_and(|word| word.starts_with(NARROWER[0]) || NARROWER[1..].contains(&word.as_str()))
}

/// Whether a text is the rest of a line of another program: an action of a table of Postfix, what
/// holds of a route, the columns of ufw.
fn is_of_a_program(words: &[String]) -> bool {
    let first = words.first().map_or("", String::as_str);
    PROGRAMS.contains(&first) || words.iter().any(|word| word == "anywhere")
}

/// Whether a text says anywhere that a network is good, or that its entry is over.
pub fn says_good(text: &str) -> bool {
    let words = words(text);
    (0..words.len()).any(|at| good_at(&words[at..]))
}

/// Whether a text says of a network that it is good, or that only a part of its traffic is meant.
pub fn denies(text: &str) -> bool {
    let words = words(text);
    says_good(text)
        || (0..words.len()).any(|at| narrower_at(&words[at..]))
        || is_of_a_program(&words)
        || words.first().is_some_and(|word| word.parse::<u64>().is_ok())
}

/// The same of a comment, in which only the first words count.
pub fn comment_denies(text: &str) -> bool {
    let words = words(text);
    good_at(&words) || narrower_at(&words)
}

/// Whether one of the words of a name says that what it names is good. A name is split at signs, at
/// digits, and before a capital that follows a small letter.
pub fn names_good(name: &str) -> bool {
    let mut split = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if before.is_lowercase() && c.is_uppercase() {
            split.push(' ');
        }
        split.push(if c.is_alphabetic() { c } else { ' ' });
        before = c;
    }
    let of = |word: &str, text: &str| {
        word == text
            || word
                .strip_prefix(text)
                .is_some_and(|rest| ["list", "listed", "ed", "d", "s", "lists"].contains(&rest))
    };
    split.to_lowercase().split_whitespace().any(|word| {
        NAMES.iter().any(|name| of(word, name))
            || ["local", "trust", "exempted", "permitted", "ignored"].contains(&word)
    })
}
