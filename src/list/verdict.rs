//! Words by which a list says of an entry that it is not bad, that its time is over, or that it is meant
//! more narrowly than an address; and names of sets that say the first.

/// Where in a text behind an entry a word stands that says so.
pub fn denies(text: &[u8]) -> Option<usize> {
    words(text).find(|(_, word)| is_verdict(word)).map(|(at, _)| at)
}

/// Whether the first word of a comment says so.
pub fn comment_denies(comment: &[u8]) -> bool {
    words(comment).next().is_some_and(|(_, word)| is_verdict(word))
}

/// Whether a name of a set says that what the set holds is to be let pass.
pub fn name_allows(name: &[u8]) -> bool {
    name_words(name).any(|word| {
        has_stem(word, &ALLOWS)
            || ["ok", "safe", "safelist", "lan", "admin", "admins", "local"]
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
    })
}

/// Whether a name of a file says so. `local` says nothing there, and neither do other places.
pub fn file_name_allows(name: &[u8]) -> bool {
    name_words(name).any(|word| has_stem(word, &ALLOWS))
}

/// Beginnings of words that say that something is to be let pass.
const ALLOWS: [&str; 7] = ["allow", "white", "accept", "trust", "permit", "ignore", "exempt"];

/// Beginnings of words that say that an entry is over.
const OVER: [&str; 2] = ["remove", "expire"];

fn is_verdict(word: &[u8]) -> bool {
    let whole =
        ["ok", "okay", "dunno", "except", "nomatch", "not", "pass", "relay", "return", "limit"];
    let narrower = ["tcp", "udp", "icmp", "sctp", "port", "ports", "dev"];
    has_stem(word, &ALLOWS)
        || has_stem(word, &OVER)
        || whole.iter().chain(&narrower).any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

fn has_stem(word: &[u8], stems: &[&str]) -> bool {
    stems.iter().any(|stem| {
        word.get(..stem.len()).is_some_and(|head| head.eq_ignore_ascii_case(stem.as_bytes()))
    })
}

/// The words of a text with their places, without brackets, quotes and colons.
fn words(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text[at..].iter().take_while(|byte| !is_part(byte)).count();
        let length = text[at..].iter().take_while(|byte| is_part(byte)).count();
        let word = (length > 0).then(|| (at, &text[at..at + length]));
        at += length;
        word
    })
}

/// The words of a name: between signs, and where a capital follows a small letter.
fn name_words(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|byte| !byte.is_ascii_alphanumeric())
        .flat_map(|word| word.chunk_by(|a, b| !(a.is_ascii_lowercase() && b.is_ascii_uppercase())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_it_with_a_whole_word() {
        for name in ["whitelist", "allowed_internet", "chain_ALLOW", "myTrusted", "LAN", "f-safe"] {
            assert!(name_allows(name.as_bytes()), "{name}");
        }
        for name in ["poland", "blocked", "unsafe", "planned", "badminton", "drop4", "localhosts2"]
        {
            assert!(!name_allows(name.as_bytes()), "{name}");
        }
    }
}
