//! The words of a command of RouterOS.

use std::borrow::Cow;

/// A word of a command: `NAME=VALUE`, an expression in brackets, or a word alone.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a> {
    /// The word as it stands there.
    pub text: &'a [u8],
    /// Where it begins.
    pub at: usize,
}

impl<'a> Word<'a> {
    /// The name and the value, if it has both.
    pub fn pair(&self) -> Option<Pair<'a>> {
        let equals = memchr::memchr(b'=', self.text)?;
        let (name, value) = (&self.text[..equals], &self.text[equals + 1..]);
        let at = self.at + equals + 1;
        match value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")) {
            Some(inner) => Some(Pair { name, value: unescaped(inner), at: at + 1 }),
            None => Some(Pair { name, value: Cow::Borrowed(value), at }),
        }
    }
}

/// `NAME=VALUE`.
#[derive(Debug)]
pub struct Pair<'a> {
    /// The name.
    pub name: &'a [u8],
    /// The value without its quotes.
    pub value: Cow<'a, [u8]>,
    /// Where the value begins.
    pub at: usize,
}

/// A text without the signs that stand for the ones behind them.
fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(if byte == b'\\' { bytes.next().copied().unwrap_or(byte) } else { byte });
    }
    Cow::Owned(plain)
}

/// The words of a line, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    /// The words of a line.
    pub fn of(line: &'a [u8]) -> Self {
        Words { line, at: 0 }
    }

    /// Where the word that was taken last ends.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The next word. Blanks in quotes and brackets separate nothing.
    pub fn take(&mut self) -> Option<Word<'a>> {
        let blanks = self.line[self.at..].iter().take_while(|byte| b" \t".contains(byte)).count();
        let at = self.at + blanks;
        let (mut is_quoted, mut is_escaped) = (false, false);
        let mut open = 0_u64;
        let end = self.line[at..].iter().position(|&byte| {
            match byte {
                _ if std::mem::take(&mut is_escaped) => {}
                b'\\' => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                _ if is_quoted => {}
                b'[' | b'{' | b'(' => open = open.saturating_add(1),
                b']' | b'}' | b')' => open = open.saturating_sub(1),
                b' ' | b'\t' => return open == 0,
                _ => {}
            }
            false
        });
        let text = &self.line[at..end.map_or(self.line.len(), |end| at + end)];
        self.at = at + text.len();
        (!text.is_empty()).then_some(Word { text, at })
    }
}
