//! JSON in which no member is named that is read: what it is, where in it addresses stand, and a command
//! that makes a list of them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::list::format::not_a_list::{Kind, NotAList};
use crate::list::grammar::{Form as EntryForm, leading_entry};
use crate::list::verdict;

/// In which form the text is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One record of many, a line each.
    Lines,
    /// The whole document.
    Document,
}

const STIX: Kind = Kind {
    what: "a STIX bundle, whose indicators have conditions and ends",
    cure: "make a list of the indicators that hold and are one address: \
           jq -r '.objects[] | select(.type == \"indicator\" and .revoked != true and \
           (.valid_until // \"9999\") > (now | todate)) | .pattern | \
           capture(\"^\\\\[ipv[46]-addr:value = .(?<address>[0-9a-fA-F.:/]+).\\\\]$\") | .address' FILE",
};

const MISP_EVENT: Kind = Kind {
    what: "a MISP event, whose attributes are not all bad",
    cure: "make a list of the attributes that are for detection: \
           jq -r '.. | objects | select((.type == \"ip-dst\" or .type == \"ip-src\") and \
           .to_ids == true) | .value' FILE",
};

/// How many members a message names, and how long one and a path may be.
const NAMED: usize = 5;
const LONGEST_NAME: usize = 40;
const LONGEST_PATH: usize = 200;

/// Why such a text is refused; `line` is where it begins.
pub fn refusal(text: &[u8], form: Form, line: u64) -> NotAList {
    let mut found = Found::default();
    let mut json = serde_json::Deserializer::from_slice(text);
    // An error further down leaves what was found above.
    let _ = ValueSeed { found: &mut found, path: Path::default() }.deserialize(&mut json);
    if found.is_stix {
        return NotAList::Kind { kind: &STIX, line };
    }
    if found.is_misp {
        return NotAList::Kind { kind: &MISP_EVENT, line };
    }
    let what = match form {
        Form::Lines => "JSON lines",
        Form::Document => "a JSON document",
    };
    let names = match &found.members[..] {
        [] => String::new(),
        [name] => format!(" (it has {name})"),
        names => format!(" (it has {})", names.join(", ")),
    };
    let best = found.best.map(|(_, path)| path);
    NotAList::Other {
        what: format!("{what} without a member that is read{names}"),
        cure: match best {
            Some(path) => format!(
                "if the addresses under {path} are to be dropped, make a list of them: jq -r '{path}' FILE"
            ),
            None => "no address was found in it, so give another file".to_string(),
        },
    }
}

/// What a walk through a document finds.
#[derive(Default)]
struct Found {
    /// The first members of the outermost object.
    members: Vec<String>,
    /// Where addresses stand, as jq has it, and how likely it is that they are a list.
    best: Option<(u8, String)>,
    is_stix: bool,
    is_misp: bool,
}

/// Where a value stands, as jq has it.
#[derive(Clone, Default)]
struct Path {
    text: String,
    /// How many members and arrays are around it.
    depth: usize,
    has_elements: bool,
    /// The name of the innermost member.
    name: String,
}

impl Path {
    /// A member of it; nothing if its name is too long, or says that it is to be let pass.
    fn member(&self, name: &str) -> Option<Path> {
        if name.len() > LONGEST_NAME
            || self.text.len() > LONGEST_PATH
            || verdict::name_allows(name.as_bytes())
            || verdict::denies(name.as_bytes()).is_some()
            || name.to_ascii_lowercase().contains("delete")
        {
            return None;
        }
        let is_plain = !name.starts_with(|byte: char| byte.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.is_empty();
        let step = if is_plain {
            format!(".{name}")
        } else {
            // As JSON has it, and within the quotes of a shell.
            format!(".{}", serde_json::Value::from(name)).replace('\'', "'\\''")
        };
        let text = format!("{}{step}", self.text);
        Some(Path { text, depth: self.depth + 1, name: name.to_string(), ..self.clone() })
    }

    fn elements(&self) -> Path {
        let text = if self.text.is_empty() { ".[]".into() } else { format!("{}[]", self.text) };
        Path { text, depth: self.depth + 1, has_elements: true, name: self.name.clone() }
    }

    fn keys(&self) -> String {
        if self.text.is_empty() { "keys[]".into() } else { format!("{} | keys[]", self.text) }
    }
}

impl Found {
    fn note(&mut self, text: &str, path: &Path, is_key: bool) {
        let Some(form) = form_of(text) else { return };
        let in_many = path.has_elements || is_key;
        let is_network = form != EntryForm::Host;
        let likely = 1 + u8::from(is_network) + 2 * u8::from(in_many);
        if self.best.as_ref().is_none_or(|(best, _)| *best < likely) {
            let path = if is_key { path.keys() } else { path.text.clone() };
            self.best = Some((likely, path));
        }
    }
}

/// How a text is written that is an entry and nothing else.
fn form_of(text: &str) -> Option<EntryForm> {
    let could_be = text.len() < 100
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_hexdigit() || byte == b':');
    let leading = could_be.then(|| leading_entry(text.as_bytes(), 0).ok()).flatten()?;
    (leading.end == text.len()).then_some(leading.form)
}

/// Walks through a value. What stands under names that say that it is to be let pass has no path.
struct ValueSeed<'f> {
    found: &'f mut Found,
    path: Path,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.found.note(text, &self.path, false);
        if self.path.name == "type" && self.path.depth == 1 && text == "bundle" {
            self.found.is_stix = true;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let path = self.path.elements();
        while seq
            .next_element_seed(ValueSeed { found: &mut *self.found, path: path.clone() })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if self.path.depth == 0 && self.found.members.len() < NAMED {
                let name: String = name.chars().take(LONGEST_NAME).collect();
                self.found.members.push(name.escape_debug().to_string());
            }
            if self.path.depth <= 2 && (name == "Event" || name == "Attribute") {
                self.found.is_misp = true;
            }
            self.found.note(&name, &self.path, true);
            match self.path.member(&name) {
                Some(path) => {
                    map.next_value_seed(ValueSeed { found: &mut *self.found, path })?;
                }
                None => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}
