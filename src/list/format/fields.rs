//! What a field with a name says of the entry beside it, in JSON and in CSV: that it is not bad, or when
//! it ends.

use crate::list::end::End;
use crate::list::parse_error::Reason;
use crate::list::reading::Purpose;
use crate::list::verdict;

/// What a field is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// It says in words what becomes of the entry.
    Verdict,
    /// It says what kind of entry it is.
    Kind,
    /// If it is true, the entry is not bad, or is over.
    Allows,
    /// If it is false, the entry is not bad, or is over.
    Drops,
    /// When the entry ends.
    End,
    /// It says nothing of that.
    Other,
}

/// The longest name of a field that means something here, in bytes.
const LONGEST_NAME: usize = 40;

/// A name in small letters, without the signs between its words: `DstIP` and `dst_ip` are one. A name that
/// is too long to be known becomes nothing.
pub fn normalised(name: &[u8]) -> String {
    if name.len() > LONGEST_NAME {
        return String::new();
    }
    let letters = name.iter().filter(|byte| !b"_- ".contains(byte));
    letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

impl Field {
    /// What a field of this name is.
    pub fn of(name: &[u8]) -> Field {
        match normalised(name).as_str() {
            "action" | "verdict" | "status" | "state" | "disposition" | "decision" | "policy"
            | "judgement" | "judgment" => Field::Verdict,
            "type" | "listtype" | "list" | "target" | "classification" | "mode" => Field::Kind,
            "expired" | "isexpired" | "revoked" | "isrevoked" | "removed" | "isremoved"
            | "deleted" | "isdeleted" | "disabled" | "isdisabled" | "inactive" | "isinactive"
            | "benign" | "isbenign" | "falsepositive" | "isfalsepositive" | "issafe" => {
                Field::Allows
            }
            "block" | "blocked" | "isblocked" | "ban" | "banned" | "isbanned" | "drop"
            | "dropped" | "malicious" | "ismalicious" | "active" | "isactive" | "enabled"
            | "isenabled" | "listed" | "islisted" | "blacklisted" | "isblacklisted" | "bad"
            | "isbad" | "toids" => Field::Drops,
            "expires" | "expire" | "expiry" | "expiration" | "expiresat" | "expireson"
            | "expireat" | "expiretime" | "expiredate" | "expirytime" | "expirydate"
            | "expirationtime" | "expirationdate" | "until" | "validuntil" | "validto"
            | "bannedtill" | "banneduntil" | "banuntil" | "blockeduntil" | "blockuntil" | "end"
            | "ends" | "endsat" | "endtime" | "enddate" | "endat" | "banend" | "unbantime" => {
                Field::End
            }
            "allow" | "white" | "permit" | "ignore" | "accept" | "exempt" => Field::Allows,
            name if is_of_good(name) => Field::Allows,
            _ => Field::Other,
        }
    }

    /// Whether a value of the field says that the entry beside it is not bad, or is over. On an allowlist
    /// such words are no reason to reject anything.
    pub fn denies(self, value: &[u8], purpose: Purpose) -> bool {
        if purpose == Purpose::Allow {
            return false;
        }
        match self {
            Field::Verdict => {
                verdict::denies(value).is_some() || verdict::name_allows(value) || is_undone(value)
            }
            Field::Kind => verdict::name_allows(value) || is_undone(value),
            Field::Allows => !is_false(value) && !is_number(value) || value == b"1",
            Field::Drops => !is_nothing(value) && is_false(value),
            Field::End | Field::Other => false,
        }
    }
}

/// Whether a normalised name is one such as `is_whitelisted`.
fn is_of_good(name: &str) -> bool {
    const GOOD: [&str; 9] = [
        "allowed",
        "allowlist",
        "whitelist",
        "permitted",
        "exempt",
        "trusted",
        "ignored",
        "accepted",
        "safelist",
    ];
    const NOT_GOOD: [&str; 4] = ["disallow", "notallow", "untrusted", "notaccept"];
    GOOD.iter().any(|good| name.contains(good)) && !NOT_GOOD.iter().any(|not| name.contains(not))
}

/// Whether a value, in whatever column, is one word that says that the entry beside it is not bad, or is
/// over.
pub fn is_good_word(value: &[u8]) -> bool {
    const WORDS: [&str; 22] = [
        "accept",
        "accepted",
        "allow",
        "allowed",
        "allowlist",
        "allowlisted",
        "exempt",
        "expired",
        "false positive",
        "false-positive",
        "false_positive",
        "falsepositive",
        "ignore",
        "ignored",
        "ok",
        "permit",
        "permitted",
        "removed",
        "trusted",
        "whitelist",
        "whitelisted",
        "safelist",
    ];
    (2..=14).contains(&value.len())
        && matches!(
            value[0] | 0x20,
            b'a' | b'e' | b'f' | b'i' | b'o' | b'p' | b'r' | b's' | b't' | b'w'
        )
        && WORDS.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a verdict is one word that takes a ban back, or says that the entry is good.
fn is_undone(value: &[u8]) -> bool {
    const WORDS: [&str; 19] = [
        "benign",
        "clean",
        "delete",
        "deleted",
        "delisted",
        "disabled",
        "dismissed",
        "good",
        "harmless",
        "inactive",
        "legitimate",
        "revoked",
        "unban",
        "unbanned",
        "unblock",
        "unblocked",
        "undo",
        "unlisted",
        "withdrawn",
    ];
    WORDS.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// When an entry ends by a field that says so; nothing if it never does.
pub fn end(value: &[u8]) -> Result<Option<End>, Reason> {
    let never = ["never", "permanent", "infinity", "forever"];
    if is_nothing(value) || never.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes())) {
        return Ok(None);
    }
    End::parse(value).map(Some).ok_or(Reason::UnreadableEnd)
}

/// An end that is yet to come; an entry beside one that is past is over.
pub fn future(end: Option<End>, now: End) -> Result<Option<End>, Reason> {
    match end {
        Some(end) if end <= now => Err(Reason::Verdict),
        end => Ok(end),
    }
}

fn is_nothing(value: &[u8]) -> bool {
    ["", "-", "null", "none", "nil"].iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

fn is_false(value: &[u8]) -> bool {
    let words = ["false", "no", "0", "n", "f", "off", "never"];
    is_nothing(value) || words.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// A score, a count or the like.
fn is_number(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.' || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_says_by_its_name_and_value_that_an_entry_is_not_bad() {
        for (name, value, denies) in [
            ("action", "allow", true),
            ("action", "block", false),
            ("status", "whitelisted", true),
            ("status", "offline", false),
            ("status", "Inactive", true),
            ("action", "unban", true),
            ("action", "delete", true),
            ("classification", "benign", true),
            ("classification", "malicious", false),
            ("verdict", "clean", true),
            ("whitelisted", "true", true),
            ("whitelisted", "false", false),
            ("isWhitelisted", "true", true),
            ("isWhitelisted", "null", false),
            ("is_allowed", "1", true),
            ("allowed", "0", false),
            ("trust_score", "40", false),
            ("disallowed", "true", false),
            ("type", "port scan", false),
            ("type", "whitelist", true),
            ("falsePositive", "true", true),
            ("blocked", "false", true),
            ("blocked", "true", false),
            ("blocked", "", false),
            ("country", "allow", false),
        ] {
            let found = Field::of(name.as_bytes()).denies(value.as_bytes(), Purpose::Drop);
            assert_eq!(found, denies, "{name}: {value}");
            assert!(!Field::of(name.as_bytes()).denies(value.as_bytes(), Purpose::Allow));
        }
    }

    #[test]
    fn an_end_is_a_time_nothing_or_unreadable() {
        assert_eq!(end(b"1970-01-01T00:01:00Z"), Ok(Some(End::at(60))));
        assert_eq!(end(b"1801353600"), Ok(Some(End::at(1_801_353_600))));
        for never in ["", "null", "never", "-"] {
            assert_eq!(end(never.as_bytes()), Ok(None), "{never}");
        }
        for text in ["tomorrow", "2027-01-31", "2027-01-31 00:00:00", "0", "1801353600000"] {
            assert_eq!(end(text.as_bytes()), Err(Reason::UnreadableEnd), "{text}");
        }
    }
}
