//! Words by which a list says of an entry that it is not bad, that its time is over, or that it is meant
//! more narrowly than an address; and names of sets that say the first.
//!
//! Words count in their English forms (`allow`, `allows`, `allowed`, `allowlist`), so `Trustwave` says
//! nothing. `Limited`, `Trust` and `White` are parts of names of companies, too: they are taken for one
//! only where a capital and the word beside them show it.

/// Where in a text behind an entry a word stands that says so.
pub fn denies(text: &[u8]) -> Option<usize> {
    let mut before: Option<&[u8]> = None;
    let mut rest = words(text);
    while let Some((at, word)) = rest.next() {
        if may_count(word) {
            let after = rest.clone().next().map(|(_, word)| word);
            if (before.is_none() && is_first(word)) || is_verdict(before, word, after) {
                return Some(at);
            }
        }
        before = Some(word);
    }
    None
}

/// Whether a comment begins with such a word.
#[inline]
pub fn comment_denies(comment: &[u8]) -> bool {
    let mut words = words(comment);
    let Some((_, word)) = words.next() else { return false };
    may_count(word) && begins(word, words)
}

fn begins<'a>(word: &[u8], mut rest: impl Iterator<Item = (usize, &'a [u8])>) -> bool {
    let mut next = || rest.next().map(|(_, word)| word);
    let after = next();
    if is_any(word, &["do"]) {
        return after.is_some_and(|word| is_any(word, &["not"])) && is_block(next());
    }
    is_verdict(None, word, after) || is_any(word, &["except", "nomatch", "dunno"])
}

/// Whether a name of a set says that what the set holds is to be let pass.
pub fn name_allows(name: &[u8]) -> bool {
    const NAMES: [&str; 7] = ["ok", "safe", "safelist", "lan", "admin", "admins", "local"];
    name_words(name).any(|word| has_name_stem(word) || is_any(word, &NAMES))
}

/// Whether a name of a file says so. `local` says nothing there, and neither do other places.
pub fn file_name_allows(name: &[u8]) -> bool {
    name_words(name).any(has_name_stem)
}

/// Whether a name of a file says so and nothing else, as `whitelist.txt` does.
pub fn file_name_only_allows(name: &[u8]) -> bool {
    const SAY_NOTHING: [&str; 23] = [
        "addresses",
        "cfg",
        "conf",
        "csv",
        "d",
        "default",
        "example",
        "file",
        "host",
        "hosts",
        "ip",
        "ips",
        "ipset",
        "ipv",
        "json",
        "list",
        "lists",
        "net",
        "nets",
        "networks",
        "sample",
        "txt",
        "v",
    ];
    let says_nothing = |word: &[u8]| {
        let digits = word.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let letters = &word[..word.len() - digits];
        letters.is_empty() || is_any(letters, &SAY_NOTHING)
    };
    let allows = |word: &[u8]| has_stem(word, &ALLOWS) || has_stem(word, &["trust", "white"]);
    name_words(name).any(allows)
        && name_words(name).all(|word| word.is_empty() || allows(word) || says_nothing(word))
}

/// Whether a word of a name says that something is to be let pass, or that it is left out of what is dropped.
fn has_name_stem(word: &[u8]) -> bool {
    has_stem(word, &ALLOWS)
        || has_stem(word, &["trust", "white"])
        || is_form(word, &["bypass"], &["", "es", "ed"])
        || is_form(word, &["except"], &["", "s", "ed", "ion", "ions"])
        || is_form(word, &["exclu"], &["de", "des", "ded", "sion", "sions"])
        || is_form(word, &["friend"], &["", "s"])
        || is_any(word, &["good"])
}

/// Whether a line without an address is a few words, of which one says that something is to be let pass:
/// a heading. Signs around the words make no difference.
///
/// A sentence is none, but for the one that begins like `The following addresses will be allowed`.
pub fn heading_allows(line: &[u8], most: usize) -> bool {
    if following_allows(line) {
        return true;
    }
    // No word of the longest English heading is so long.
    if line.len() > 24 * most {
        return false;
    }
    let mut allows = false;
    let mut count = 0;
    let mut rest = words(line);
    while let Some((_, word)) = rest.next() {
        count += 1;
        if count > most || word.iter().any(u8::is_ascii_digit) {
            return false;
        }
        let after = rest.clone().next().map(|(_, word)| word);
        allows |= may_count(word) && says_good(word, after);
    }
    allows
}

/// Whether a line is a sentence about what follows: that it is let pass, as in the file of csf.
fn following_allows(line: &[u8]) -> bool {
    const LONGEST: usize = 200;
    if line.len() > LONGEST || memchr::memmem::find(line, b"ollowing").is_none() {
        return false;
    }
    let mut rest = words(line);
    if !rest.by_ref().take(3).any(|(_, word)| is_any(word, &["following"])) {
        return false;
    }
    let mut allows = false;
    while let Some((_, word)) = rest.next() {
        let after = rest.clone().next().map(|(_, word)| word);
        if is_any(word, &["not", "never"]) || is_block(Some(word)) {
            return false;
        }
        allows |= may_count(word) && says_good(word, after);
    }
    allows
}

/// Whether such a line says instead that something is to be dropped.
pub fn heading_drops(line: &[u8], most: usize) -> bool {
    const DROPS: [&str; 9] =
        ["block", "black", "deny", "denied", "drop", "ban", "bad", "reject", "blacklist"];
    line.len() <= 24 * most
        && words(line).count() <= most
        && words(line).any(|(_, word)| has_stem(word, &DROPS))
}

/// Beginnings of words that say that something is to be let pass.
const ALLOWS: [&str; 5] = ["allow", "accept", "permit", "ignore", "exempt"];

/// Beginnings of words that say so with `list` behind them.
const LISTS: [&str; 6] = ["allow", "white", "permit", "accept", "ignore", "trust"];

/// Whether a word that begins like this text may be one of those that count, by three letters. Asked for
/// the comment of each line of a list.
#[inline]
pub fn may_begin(text: &[u8]) -> bool {
    let (first, second, third) = match *text {
        [first, second, third, ..] => (first | 0x20, second | 0x20, third | 0x20),
        [first, second] => (first | 0x20, second | 0x20, b' '),
        _ => return false,
    };
    match (first, second) {
        (b'o', b'k') | (b'd', b'o') => true,
        (b'a', b'l') => third == b'l',
        (b'a', b'c') => third == b'c',
        (b'w', b'h') => third == b'i',
        (b't', b'r') => third == b'u',
        (b't', b'c') => third == b'p',
        (b'p', b'e') => third == b'r',
        (b'p', b'o') => third == b'r',
        (b'p', b'a') => third == b's',
        (b'i', b'g') => third == b'n',
        (b'i', b'c') => third == b'm',
        (b'e', b'x') => matches!(third, b'c' | b'e' | b'p'),
        (b'r', b'e') => matches!(third, b'm' | b't' | b'l'),
        (b'f', b'a') => third == b'l',
        (b'n', b'o') => matches!(third, b'm' | b't'),
        (b'l', b'i') => third == b'm',
        (b'u', b'd') => third == b'p',
        (b's', b'c') => third == b't',
        (b's', b'p') => matches!(third, b't' | b'o'),
        (b'd', b'u') => third == b'n',
        (b'd', b'e') => third == b'v',
        (b'd', b'p') => matches!(third, b'o' | b't'),
        _ => false,
    }
}

fn may_count(word: &[u8]) -> bool {
    may_begin(word)
}

/// Words that count only as the first of a text.
fn is_first(word: &[u8]) -> bool {
    is_any(word, &["dunno", "except", "nomatch", "not", "pass", "relay", "return"])
}

/// Whether a word between two others says that the entry does not count.
fn is_verdict(before: Option<&[u8]>, word: &[u8], after: Option<&[u8]>) -> bool {
    is_company(before, word, after).map_or_else(
        || {
            says_good(word, after)
                || begins_as_good(word)
                || is_form(word, &["limit"], &["", "s", "ed", "ing"])
                || is_any(word, &["false"])
                    && after.is_some_and(|word| has_stem(word, &["positive"]))
                || has_stem(word, &["falsepositive"])
                || is_any(word, &["not"]) && is_block(after)
                || is_narrower(word, after)
        },
        |is_name| !is_name,
    )
}

/// Whether a word begins as one that says that an entry is not bad or is over, whatever its ending: a slip or
/// a line that was cut must not make an entry of it. A word with a capital may be the name of a company,
/// if no such ending follows.
fn begins_as_good(word: &[u8]) -> bool {
    const STEMS: [&str; 9] =
        ["allow", "permit", "accept", "ignor", "exempt", "remov", "expir", "trust", "whiteli"];
    const ENDINGS: [&str; 8] = ["ed", "ing", "list", "able", "ion", "st", "worth", "ted"];
    if has_stem(word, &["white"]) && word.get(5).is_some_and(u8::is_ascii_digit) {
        return true;
    }
    let Some(stem) = STEMS.iter().find(|stem| has_stem(word, &[stem])) else { return false };
    let tail = &word[stem.len()..];
    let is_name = word[0].is_ascii_uppercase()
        && tail.len() > 1
        && tail.iter().all(u8::is_ascii_alphabetic)
        && !has_stem(tail, &ENDINGS)
        && !is_any(tail, &["es", "al"]);
    !is_name
}

/// Whether a word says that something is to be let pass.
fn says_good(word: &[u8], after: Option<&[u8]>) -> bool {
    is_form(word, &ALLOWS, &["", "s", "d", "ed", "ing", "ted", "ting", "able", "ion", "ions"])
        || is_form(word, &LISTS, &["list", "lists", "listed", "listing"])
        || is_form(word, &["trust"], &["", "s", "ed", "ing", "worthy"])
        || is_any(word, &["ok", "okay", "white"])
        || is_any(word, &["ignoring"])
        || is_any(word, &["white"]) && after.is_some_and(|word| has_stem(word, &["list"]))
}

/// For a word that is a part of names, too: whether it is one here, by its capital and the word beside it.
/// Nothing for any other word.
fn is_company(before: Option<&[u8]>, word: &[u8], after: Option<&[u8]>) -> Option<bool> {
    let capital = |word: Option<&[u8]>| word.is_some_and(|word| word[0].is_ascii_uppercase());
    let is_title = word[0].is_ascii_uppercase() && word.iter().any(u8::is_ascii_lowercase);
    // `(Limited Liability Company)`, `Okay-Telecom`, `UDP Ltd.`
    const BEHIND: [&str; 18] = [
        "ag",
        "bv",
        "co",
        "company",
        "corp",
        "corporation",
        "gmbh",
        "inc",
        "liability",
        "llc",
        "ltd",
        "net",
        "network",
        "networks",
        "ooo",
        "partnership",
        "srl",
        "telecom",
    ];
    let may_be_name =
        is_any(word, &["limited", "ok", "okay", "trust", "white", "tcp", "udp", "icmp"]);
    let is_behind = |word: &[u8]| word[0].is_ascii_uppercase() && is_any(word, &BEHIND);
    if may_be_name && word[0].is_ascii_uppercase() && after.is_some_and(is_behind) {
        return Some(true);
    }
    if is_any(word, &["limited"]) {
        if after.is_some_and(|word| is_any(word, &["liability", "company", "partnership"])) {
            return Some(true);
        }
        let is_rate = before.is_some_and(|word| is_any(word, &["rate", "speed", "time"]));
        Some(word[0].is_ascii_uppercase() && capital(before) && !is_rate)
    } else if is_any(word, &["trust"]) {
        Some(is_title && capital(before))
    } else if is_any(word, &["white"]) {
        let is_list = after.is_some_and(|word| has_stem(word, &["list"]));
        Some(is_title && (capital(before) || capital(after)) && !is_list)
    } else {
        None
    }
}

/// Whether a word says that an entry is meant for one port, protocol or interface only.
fn is_narrower(word: &[u8], after: Option<&[u8]>) -> bool {
    let digits = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
    let is_protocol = ["tcp", "udp", "icmp", "icmpv6", "sctp"].iter().any(|protocol| {
        let (head, tail) = word.split_at(word.len().min(protocol.len()));
        head.eq_ignore_ascii_case(protocol.as_bytes()) && digits(tail)
    });
    is_protocol
        || is_any(word, &["port", "ports", "dport", "dports", "sport", "sports", "dpt", "spt"])
            && after.is_none_or(digits)
        || word == b"dev" && after.is_some()
}

fn is_block(word: Option<&[u8]>) -> bool {
    word.is_some_and(|word| has_stem(word, &["block", "drop", "ban", "deny", "reject", "bad"]))
}

/// Whether a word is one of some, whatever its case.
fn is_any(word: &[u8], known: &[&str]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether a word begins with one of some stems.
fn has_stem(word: &[u8], stems: &[&str]) -> bool {
    stems.iter().any(|stem| {
        word.get(..stem.len()).is_some_and(|head| head.eq_ignore_ascii_case(stem.as_bytes()))
    })
}

/// Whether a word is one of some stems with one of some endings.
fn is_form(word: &[u8], stems: &[&str], endings: &[&str]) -> bool {
    stems.iter().any(|stem| has_stem(word, &[stem]) && is_any(&word[stem.len()..], endings))
}

/// The words of a text with their places, without brackets, quotes and colons.
fn words(text: &[u8]) -> Words<'_> {
    Words { text, at: 0 }
}

#[derive(Clone)]
struct Words<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = (usize, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
        let start = self.at + self.text[self.at..].iter().position(is_part)?;
        let length = self.text[start..].iter().take_while(|byte| is_part(byte)).count();
        self.at = start + length;
        Some((start, &self.text[start..self.at]))
    }
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
    fn a_file_is_named_for_what_is_to_pass_and_nothing_else() {
        for name in [
            "whitelist",
            "whitelist.txt",
            "allow",
            "hosts.allow",
            "whitelist_ips-v4.conf",
            "trusted",
        ] {
            assert!(file_name_only_allows(name.as_bytes()), "{name}");
        }
        for name in [
            "exceptions.conf",
            "nginx-allow.conf",
            "drop_ips",
            "comment-whitelisted.txt",
            "list.txt",
            "admin",
        ] {
            assert!(!file_name_only_allows(name.as_bytes()), "{name}");
        }
    }

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

    #[test]
    fn each_form_of_a_word_counts_with_signs_around_it() {
        for text in [
            "allow",
            "Allowed",
            "(allowed)",
            "\"allow\"",
            "ALLOW: office",
            "is allowlisted",
            "whitelisted",
            "white-listed",
            "White List",
            "white listed",
            "white",
            "trusted",
            "our TRUSTED net",
            "Trust",
            "trustworthy",
            "permits",
            "permit_all",
            "permitted",
            "accepts",
            "accepted",
            "ok",
            "[OK]",
            "Okay",
            "ignore",
            "ignored",
            "ignoring",
            "exempted",
            "exemption",
            "removed",
            "removal",
            "expired 2020-01-01",
            "expires",
            "expiry 2020",
            "(whiteli",
            "ignore5",
            "ALLOWE",
            "white0isted",
            "whiteli5sted",
            "whitelisted192.0.2.2",
            "trusted9",
            "removd",
            "Expiredd",
            "false positive",
            "false-positives",
            "not blocked",
            "do not block",
            "limit",
            "rate limited",
            "Rate Limited",
            "limited",
            "limits",
            "tcp",
            "UDP",
            "tcp/22",
            "udp53",
            "x icmp",
            "sctp",
            "port 22",
            "ports: 80",
            "dport 22",
            "dev eth0",
            "RELAY",
            "nomatch",
        ] {
            assert!(denies(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn a_name_that_holds_such_a_word_says_nothing() {
        for text in [
            "Example Limited",
            "EXAMPLE TELECOM LIMITED (GB)",
            "Example (Pvt) Limited, London",
            "Okinawa Telecom",
            "(Limited Company \"Example-Telecom\")",
            "(Limited liability company Example)",
            "RU-EXAMPLE-20100810 (Okay-Telecom Ltd.)",
            "UDP-NET (UDP Ltd.)",
            "Trustwave Holdings",
            "TRUSTWAVE",
            "Whitehall",
            "Whiteley",
            "Whitelink",
            "Alloway Telecom",
            "First Trust Bank",
            "Trustpilot",
            "White Mountain Telecom",
            "Whitesky",
            "Port of Rotterdam",
            "Exporters",
            "Ignite",
            "Acceptance Corp",
            "RETN",
            "Nottingham",
            "Example Removals-R-Us",
            "Unlimited",
            "EXAMPLE-20190313 (Example LLC)",
            "a scanner",
            "Pass-through of scans by Limitless",
        ] {
            let place = denies(text.as_bytes());
            let expected = text.starts_with("Pass").then_some(0);
            assert_eq!(place, expected, "{text}");
        }
    }

    #[test]
    fn in_a_comment_only_the_first_word_counts() {
        for text in
            ["whitelisted", "(allowed) by x", "OK", "do not block", "not a ban? no: not ban"]
        {
            let expected = !text.starts_with("not a");
            assert_eq!(comment_denies(text.as_bytes()), expected, "{text}");
        }
        for text in ["SBL123", "do not delete", "lfd: not allowed", "Trustwave", "5 in 3600", ""] {
            assert!(!comment_denies(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_heading_is_a_few_words_of_which_one_allows() {
        for text in ["# whitelist", "## Allowed:", "# --- trusted hosts ---", "// White list"] {
            assert!(heading_allows(text.as_bytes(), 3), "{text}");
        }
        let csf = b"# The following IP addresses will be allowed through iptables.";
        assert!(heading_allows(csf, 3));
        for text in [
            "# The following addresses will be blocked in iptables",
            "# the following are not allowed",
            "# Allowed are the following notations",
        ] {
            assert!(!heading_allows(text.as_bytes(), 3), "{text}");
        }
        for text in ["# do not delete", "# blocked", "# you may allow it to pass", "# 2 allowed"] {
            assert!(!heading_allows(text.as_bytes(), 3), "{text}");
        }
        assert!(heading_drops(b"# Blocked hosts", 3) && !heading_drops(b"# Office", 3));
    }
}
