//! The words of a command, as ipset and a shell divide it.

/// A word of a line.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a> {
    /// The word without its quotes.
    pub text: &'a [u8],
    /// Where in the line the text begins.
    pub at: usize,
}

impl Word<'_> {
    /// Where in the line the text ends.
    pub fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

/// The words of a line, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    /// The words from `at` on.
    pub fn of(line: &'a [u8], at: usize) -> Self {
        Words { line, at }
    }

    /// Where the word that was taken last ends.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The next word; nothing at the end and at a comment. A semicolon outside of quotes is a word of its
    /// own.
    #[inline]
    pub fn take(&mut self) -> Option<Word<'a>> {
        let blanks = self.line[self.at..].iter().take_while(|&&byte| byte == b' ' || byte == b'\t');
        let at = self.at + blanks.count();
        let rest = &self.line[at..];
        match *rest.first()? {
            b'#' => None,
            b';' => {
                self.at = at + 1;
                Some(Word { text: &rest[..1], at })
            }
            quote @ (b'"' | b'\'') => match memchr::memchr(quote, &rest[1..]) {
                Some(length) => {
                    self.at = at + length + 2;
                    Some(Word { text: &rest[1..=length], at: at + 1 })
                }
                None => {
                    self.at = self.line.len();
                    Some(Word { text: rest, at })
                }
            },
            _ => {
                let end = rest.iter().position(|byte| matches!(byte, b' ' | b'\t' | b';'));
                let text = &rest[..end.unwrap_or(rest.len())];
                self.at = at + text.len();
                Some(Word { text, at })
            }
        }
    }

    /// The next word, which is not taken.
    pub fn peek(&self) -> Option<Word<'a>> {
        let mut words = *self;
        words.take()
    }
}

/// Whether a word is an option that any command may have, and that does not change what it does.
pub fn is_general(word: &[u8]) -> bool {
    matches!(word, b"-!" | b"-exist" | b"--exist" | b"-q" | b"-quiet" | b"--quiet")
}

/// The next word that is no option of the command as such.
pub fn next_word<'a>(words: &mut Words<'a>) -> Option<Word<'a>> {
    loop {
        let word = words.take()?;
        if !is_general(word.text) {
            return Some(word);
        }
    }
}
