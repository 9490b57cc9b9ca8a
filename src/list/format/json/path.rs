//! Where a value stands in JSON, as jq has it.

use crate::list::verdict;

/// How long a name and a path may be.
const LONGEST_NAME: usize = 40;
const LONGEST_PATH: usize = 200;

/// Where a value stands, as jq has it.
#[derive(Clone, Default)]
pub struct Path {
    pub text: String,
    /// Up to where it is the innermost object.
    object: usize,
    /// How many members and arrays are around it.
    pub depth: usize,
    pub has_elements: bool,
    /// The name of the innermost member.
    pub name: String,
}

impl Path {
    /// A member of it; nothing if its name is too long, or says that it is to be let pass.
    pub fn member(&self, name: &str) -> Option<Path> {
        if name.len() > LONGEST_NAME
            || self.text.len() > LONGEST_PATH
            || verdict::name_allows(name.as_bytes())
            || verdict::denies(name.as_bytes()).is_some()
            || name.to_ascii_lowercase().contains("delete")
        {
            return None;
        }
        let text = format!("{}{}", self.text, step(name));
        let (depth, object) = (self.depth + 1, self.text.len());
        Some(Path { text, object, depth, name: name.to_string(), ..*self })
    }

    /// The innermost object.
    pub fn object(&self) -> &str {
        &self.text[..self.object]
    }

    pub fn elements(&self) -> Path {
        let text = if self.text.is_empty() { ".[]".into() } else { format!("{}[]", self.text) };
        let (depth, object) = (self.depth + 1, self.object);
        Path { text, object, depth, has_elements: true, name: self.name.clone() }
    }

    /// Whether it is an array, and no member of an object.
    pub fn is_element(&self) -> bool {
        self.text.ends_with("[]")
    }
}

/// The step to a member, as jq has it.
pub fn step(name: &str) -> String {
    let is_plain = !name.starts_with(|byte: char| byte.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.is_empty();
    if is_plain {
        format!(".{name}")
    } else {
        // As JSON has it, and within the quotes of a shell.
        format!(".{}", serde_json::Value::from(name)).replace('\'', "'\\''")
    }
}
