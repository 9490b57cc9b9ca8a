//! Members beside addresses that may say that an address is not to be dropped: what jq has to ask for before
//! it takes an address, or why it cannot.

use super::path::{Path, step};
use crate::list::format::fields::{Field, is_good_word};
use crate::list::reading::Purpose;

/// A value that is neither an object nor an array.
#[derive(Clone, Copy)]
pub enum Scalar<'a> {
    Null,
    Bool,
    /// A number, and whether it is 0 or 1, which may stand for false and true.
    Number(bool),
    Text(&'a str),
}

/// A member that may say so.
struct Guard {
    /// The object that has it, as jq has it.
    object: String,
    name: String,
    /// Whether it is true or false and nothing else by its name.
    is_flag: bool,
    /// What jq asks for; nothing if no question is certain.
    question: Option<String>,
}

/// How many are kept. Where there are more, there is no command.
const KEPT: usize = 64;

/// All such members of a document.
#[derive(Default)]
pub struct Guards {
    found: Vec<Guard>,
    has_more: bool,
}

/// What becomes of a command.
pub enum Command {
    /// What jq runs, and the members that it asks for.
    Of(String, Vec<String>),
    /// There is none, because of this member.
    Prevented(String),
}

impl Guards {
    /// Notes a member of an object, or an element of an array in it, if it may say so.
    pub fn note(&mut self, object: &str, name: &str, is_element: bool, value: Scalar<'_>) {
        let field = Field::of(name.as_bytes());
        let is_flag = matches!(field, Field::Allows | Field::Drops);
        let denies = |text: &str| field.denies(text.as_bytes(), Purpose::Drop);
        let question = match (field, value) {
            (_, Scalar::Text(text)) if is_good_word(text.as_bytes()) || denies(text) => None,
            // A list of its own, such as of those that are blocked.
            _ if is_element => return,
            (Field::Allows, Scalar::Bool | Scalar::Null) => Some(format!("({} | not)", step(name))),
            (Field::Drops, Scalar::Bool) => Some(format!("{} == true", step(name))),
            (Field::Allows | Field::Drops, Scalar::Number(true) | Scalar::Text(_)) => None,
            (Field::Verdict | Field::End, Scalar::Bool | Scalar::Number(_) | Scalar::Text(_)) => {
                None
            }
            _ => return,
        };
        self.add(Guard { object: object.into(), name: name.into(), is_flag, question });
    }

    /// Notes a member that says so by its name, with an object.
    pub fn note_object(&mut self, object: &str, name: &str) {
        let (object, name) = (object.to_string(), name.to_string());
        self.add(Guard { object, name, is_flag: false, question: None });
    }

    fn add(&mut self, guard: Guard) {
        let same = |other: &Guard| other.object == guard.object && other.name == guard.name;
        match self.found.iter().position(same) {
            Some(index) if self.found[index].question != guard.question => {
                self.found[index].question = None;
            }
            Some(_) => {}
            None if self.found.len() < KEPT => self.found.push(guard),
            None => self.has_more = true,
        }
    }

    /// The command that takes the addresses at a path, or the names of the members of the object there.
    /// `root_is_record` says that what the outermost object says is about one address.
    pub fn command(mut self, path: &Path, of_keys: bool, root_is_record: bool) -> Command {
        let object = if of_keys { &path.text } else { path.object() };
        let is_record = of_keys || root_is_record || !object.is_empty();
        self.found.retain(|guard| {
            if guard.object.is_empty() && !root_is_record {
                guard.is_flag
            } else {
                is_within(&path.text, &guard.object)
                    || is_record && is_within(&guard.object, object)
            }
        });
        // Outer objects are asked first.
        self.found.sort_by_key(|guard| guard.object.len());
        if self.has_more {
            let name = self.found.first().map(|guard| guard.name.clone());
            return Command::Prevented(shown(&name.unwrap_or_default()));
        }
        let (mut command, mut names, mut done) = (String::new(), Vec::new(), 0);
        for guards in self.found.chunk_by(|a, b| a.object == b.object) {
            let mut questions = Vec::new();
            for guard in guards {
                match &guard.question {
                    Some(question) if !of_keys && is_within(&path.text, &guard.object) => {
                        questions.push(question.as_str());
                    }
                    _ => return Command::Prevented(shown(&guard.name)),
                }
                names.push(shown(&guard.name));
            }
            let end = guards.first().map_or(0, |guard| guard.object.len());
            let before = &path.text[done..end];
            let pipe = if before.is_empty() { "" } else { " | " };
            command += &format!("{before}{pipe}select({}) | ", questions.join(" and "));
            done = end;
        }
        command += &path.text[done..];
        if of_keys {
            command += if path.text.is_empty() { "keys[]" } else { " | keys[]" };
        }
        Command::Of(command, names)
    }
}

/// Whether a place is within another one, or the same.
fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn shown(name: &str) -> String {
    name.chars().take(40).collect::<String>().escape_debug().to_string()
}
