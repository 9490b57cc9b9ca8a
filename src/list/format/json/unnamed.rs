//! JSON in which no member is named that is read: what it is, where in it addresses stand, and a command
//! that makes a list of them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::guards::{Command, Guards, Scalar};
use super::path::Path;
use crate::list::format::fields::Field;
use crate::list::format::not_a_list::{Kind, NotAList};
use crate::list::grammar::{Form as EntryForm, leading_entry};

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

const CROWDSEC_STREAM: Kind = Kind {
    what: "a stream of crowdsec decisions, of which some are new and some are deleted",
    cure: "make a list of the new bans: \
           jq -r '.new[] | select(.type==\"ban\" and (.scope==\"Ip\" or .scope==\"Range\")) | .value' FILE",
};

/// How many members a message names, and how long one may be.
const NAMED: usize = 5;
const LONGEST_NAME: usize = 40;

/// Why such a text is refused; `line` is where it begins. Of lines it is the first one without a member that
/// is read, and all below.
pub fn refusal(text: &[u8], form: Form, line: u64) -> NotAList {
    let mut found = Found::default();
    let mut walk = |text: &[u8]| {
        let mut json = serde_json::Deserializer::from_slice(text);
        // An error further down leaves what was found above.
        let _ = ValueSeed { found: &mut found, path: Path::default() }.deserialize(&mut json);
    };
    match form {
        Form::Document => walk(text),
        Form::Lines => text.split(|byte| *byte == b'\n').for_each(walk),
    }
    if found.is_stix {
        return NotAList::Kind { kind: &STIX, line };
    }
    if found.is_misp {
        return NotAList::Kind { kind: &MISP_EVENT, line };
    }
    if found.stream == [true; 3] {
        return NotAList::Kind { kind: &CROWDSEC_STREAM, line };
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
    let cure = match found.best {
        Some(Best { path, is_key, .. }) => {
            let root_is_record = form == Form::Lines || !is_key && !path.has_elements;
            cure(&path, is_key, found.guards.command(&path, is_key, root_is_record))
        }
        None => "no address was found in it, so give another file".to_string(),
    };
    NotAList::Other { what: format!("{what} without a member that is read{names}"), cure }
}

/// How a list is made of the addresses at a path.
fn cure(path: &Path, is_key: bool, command: Command) -> String {
    match command {
        Command::Of(command, names) if names.is_empty() => {
            let path = if is_key { &command } else { &path.text };
            format!(
                "if the addresses under {path} are to be dropped, make a list of them: jq -r '{command}' FILE"
            )
        }
        Command::Of(command, names) => format!(
            "if the addresses under {} are to be dropped unless {} says otherwise, make a list of \
             them: jq -r '{command}' FILE",
            path.text,
            names.join(" or ")
        ),
        Command::Prevented(name) => format!(
            "the member {name} may say that an address is not to be dropped; write the addresses \
             that are meant to a list, one a line"
        ),
    }
}

/// What a walk through a document finds.
#[derive(Default)]
struct Found {
    /// The first members of the outermost object.
    members: Vec<String>,
    /// Where addresses stand, as jq has it, and how likely it is that they are a list.
    best: Option<Best>,
    /// What may say that an address is not to be dropped.
    guards: Guards,
    is_stix: bool,
    is_misp: bool,
    /// Which members of a decision the new ones of crowdsec have: scope, type and value.
    stream: [bool; 3],
}

/// Where addresses stand.
struct Best {
    likely: u8,
    path: Path,
    /// Whether they are the names of members there.
    is_key: bool,
}

impl Found {
    fn note(&mut self, text: &str, path: &Path, is_key: bool) {
        let Some(form) = form_of(text) else { return };
        let in_many = path.has_elements || is_key;
        let is_network = form != EntryForm::Host;
        let likely = 1 + u8::from(is_network) + 2 * u8::from(in_many);
        if self.best.as_ref().is_none_or(|best| best.likely < likely) {
            self.best = Some(Best { likely, path: path.clone(), is_key });
        }
    }

    fn scalar(&mut self, path: &Path, value: Scalar<'_>) {
        self.guards.note(path.object(), &path.name, path.is_element(), value);
    }

    /// What a member says that has no path, so that nothing under it is offered.
    fn note_hidden(&mut self, path: &Path, name: &str, value: &RawValue) {
        let text = value.get();
        let scalar = match text.as_bytes().first() {
            Some(b'[') => return,
            Some(b'{') if path.depth == 0 || Field::of(name.as_bytes()) != Field::Allows => return,
            Some(b'{') => return self.guards.note_object(&path.text, name),
            Some(b't' | b'f') => Scalar::Bool,
            Some(b'n') => Scalar::Null,
            Some(b'"') => Scalar::Text(text.trim_matches('"')),
            _ => Scalar::Number(matches!(text, "0" | "1")),
        };
        self.guards.note(&path.text, name, false, scalar);
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
        self.found.scalar(&self.path, Scalar::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.found.scalar(&self.path, Scalar::Bool);
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.found.scalar(&self.path, Scalar::Number(matches!(number, 0 | 1)));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.found.scalar(&self.path, Scalar::Number(matches!(number, 0 | 1)));
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.found.scalar(&self.path, Scalar::Number(false));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.found.note(text, &self.path, false);
        self.found.scalar(&self.path, Scalar::Text(text));
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
                let name = name.escape_debug().to_string();
                // Lines have the same members again and again.
                if !self.found.members.contains(&name) {
                    self.found.members.push(name);
                }
            }
            if self.path.depth <= 2 && (name == "Event" || name == "Attribute") {
                self.found.is_misp = true;
            }
            if self.path.text == ".new[]" {
                let is_of = ["scope", "type", "value"].map(|known| known == name);
                self.found.stream.iter_mut().zip(is_of).for_each(|(seen, is)| *seen |= is);
            }
            self.found.note(&name, &self.path, true);
            match self.path.member(&name) {
                Some(path) => {
                    map.next_value_seed(ValueSeed { found: &mut *self.found, path })?;
                }
                None => {
                    let value = map.next_value::<&RawValue>()?;
                    self.found.note_hidden(&self.path, &name, value);
                }
            }
        }
        Ok(())
    }
}
