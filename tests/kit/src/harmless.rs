//! Text of attackers, and whether what is said of it is harmless to a terminal.

/// What an attacker may put into a list that is fetched: bytes that move the cursor, end the line,
/// begin another one as if it were netfilterd's, or turn the direction of writing.
pub const EVIL: [&str; 5] = [
    "\x1b[2J\x1b[31m",
    "\r netfilterd: loaded 1 network",
    "\x07\x08\x7f\u{9b}31m",
    "\u{202e}\u{2028}",
    "\x00\x1b]0;title\x07",
];

/// Asserts that a text is lines of printable characters.
#[track_caller]
pub fn assert_harmless(text: &str) {
    assert!(!text.is_empty());
    let bad =
        text.chars().find(|&c| c != '\n' && (c.is_control() || "\u{202e}\u{2028}".contains(c)));
    assert_eq!(bad, None, "{text:?}");
}
