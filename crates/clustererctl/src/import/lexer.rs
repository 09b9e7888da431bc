//! The text of an OpenSIPS 2.2 configuration as words, strings and signs.
//!
//! It follows the scanner of 2.2 where that is not obvious: block comments nest, `//` begins none, a
//! string in single quotes has no escapes, both kinds go over several lines, and a `$variable` is one
//! piece whatever quotes and braces are in its parentheses.
//!
//! Bytes, not characters: comments and strings that are of no interest may be in any encoding. Each
//! byte is looked at a bounded number of times.

use super::place::Position;

/// A piece of the configuration.
pub(super) enum Token {
    /// Letters, digits and underscores: a keyword, a name or a number.
    Word(String),
    /// What is between quotes, its escapes resolved.
    Text(Text),
    /// Any other byte.
    Sign(u8),
}

/// The bytes of a string. It cannot be printed by accident: it may hold a password.
#[derive(Clone)]
pub(super) struct Text {
    bytes: Vec<u8>,
}

impl Text {
    /// `None` if it is not UTF-8.
    pub(super) fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.bytes).ok()
    }
}

/// What keeps a text from being a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LexError {
    #[error("this comment is not ended: */ is missing")]
    Comment,
    #[error("an m4 quote: 2.2 reads what m4 has made of this file, so import that")]
    Macro,
    #[error("// begins no comment in 2.2: write # or /* */")]
    Slashes,
    #[error("this string is not ended: {} is missing", char::from(*.0))]
    Text(u8),
    #[error("this variable is not ended: ) is missing")]
    Variable,
}

pub(super) struct Lexer {
    text: Vec<u8>,
    at: usize,
    pub(super) position: Position,
    /// Where lines begin with `#!` and a word, which other programs take for directives.
    pub(super) directives: Vec<Position>,
}

type Wrong = (Position, LexError);

impl Lexer {
    pub(super) fn new(text: Vec<u8>) -> Self {
        // A byte order mark is nothing that an editor shows.
        let at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { text, at, position: Position::START, directives: Vec::new() }
    }

    /// The next token and where it begins.
    pub(super) fn token(&mut self) -> Result<Option<(Position, Token)>, Wrong> {
        self.skip_blanks()?;
        let start = self.position;
        let wrong = |error| (start, error);
        let Some(byte) = self.bump() else { return Ok(None) };
        let token = match byte {
            b'"' => Token::Text(self.escaped().ok_or(wrong(LexError::Text(byte)))?),
            b'\'' => Token::Text(self.plain().ok_or(wrong(LexError::Text(byte)))?),
            b'$' => {
                self.variable().ok_or(wrong(LexError::Variable))?;
                Token::Sign(byte)
            }
            b'`' => return Err(wrong(LexError::Macro)),
            b'/' if self.peek() == Some(b'/') => return Err(wrong(LexError::Slashes)),
            _ if is_word(byte) => Token::Word(self.word(byte)),
            _ => Token::Sign(byte),
        };
        Ok(Some((start, token)))
    }

    /// White space and comments.
    fn skip_blanks(&mut self) -> Result<(), Wrong> {
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => self.line_comment(),
                b'/' if self.peek_second() == Some(b'*') => self.block_comment()?,
                _ if byte.is_ascii_whitespace() => _ = self.bump(),
                // A line that goes on.
                b'\\' if self.peek_second() == Some(b'\n') => _ = self.bump(),
                _ => break,
            }
        }
        Ok(())
    }

    fn line_comment(&mut self) {
        let start = self.position;
        self.bump();
        if self.peek() == Some(b'!') && self.peek_second().is_some_and(|it| it.is_ascii_lowercase())
        {
            self.directives.push(start);
        }
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.bump();
        }
    }

    fn block_comment(&mut self) -> Result<(), Wrong> {
        let start = self.position;
        let mut depth = 0_usize;
        loop {
            let byte = self.bump().ok_or((start, LexError::Comment))?;
            match (byte, self.peek()) {
                (b'/', Some(b'*')) => {
                    self.bump();
                    depth += 1;
                }
                (b'*', Some(b'/')) => {
                    self.bump();
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
    }

    /// Behind a `"`.
    fn escaped(&mut self) -> Option<Text> {
        let mut bytes = Vec::new();
        loop {
            match self.bump()? {
                b'"' => return Some(Text { bytes }),
                b'\\' => self.escape(&mut bytes)?,
                byte => bytes.push(byte),
            }
        }
    }

    /// Behind a backslash, which stands for itself if it begins no escape.
    fn escape(&mut self, bytes: &mut Vec<u8>) -> Option<()> {
        let byte = self.peek()?;
        let simple = match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b'a' => 0x07,
            b't' => b'\t',
            b'"' | b'\\' => byte,
            b'\n' => {
                self.bump();
                return Some(());
            }
            b'x' if self.peek_second().is_some_and(|it| it.is_ascii_hexdigit()) => {
                self.bump();
                bytes.push(self.digits(16, 2));
                return Some(());
            }
            // One digit refers back to a group of a regular expression.
            b'0'..=b'7' if matches!(self.peek_second(), Some(b'0'..=b'7')) => {
                bytes.push(self.digits(8, 3));
                return Some(());
            }
            _ => {
                bytes.push(b'\\');
                return Some(());
            }
        };
        self.bump();
        bytes.push(simple);
        Some(())
    }

    /// At most so many digits. What is more than a byte loses its highest bits, as in C.
    fn digits(&mut self, radix: u8, most: usize) -> u8 {
        let mut value = 0_u8;
        for _ in 0..most {
            let digit = self.peek().and_then(|it| char::from(it).to_digit(radix.into()));
            let Some(digit) = digit.and_then(|digit| u8::try_from(digit).ok()) else { break };
            value = value.wrapping_mul(radix).wrapping_add(digit);
            self.bump();
        }
        value
    }

    /// Behind a `'`.
    fn plain(&mut self) -> Option<Text> {
        let mut bytes = Vec::new();
        loop {
            match self.bump()? {
                b'\'' => return Some(Text { bytes }),
                byte => bytes.push(byte),
            }
        }
    }

    /// Behind a `$`: up to the parenthesis that ends it, or to what cannot be a part of it.
    fn variable(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                None => return (depth == 0).then_some(()),
                Some(b'(') => depth += 1,
                Some(b')') if depth == 0 => return Some(()),
                Some(b')') if depth == 1 => {
                    self.bump();
                    return Some(());
                }
                Some(b')') => depth -= 1,
                Some(byte) if depth == 0 && ends_variable(byte) => return Some(()),
                Some(_) => {}
            }
            self.bump();
        }
    }

    fn word(&mut self, first: u8) -> String {
        let mut word = String::from(char::from(first));
        while let Some(byte) = self.peek().filter(|byte| is_word(*byte)) {
            self.bump();
            word.push(byte.into());
        }
        word
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn peek_second(&self) -> Option<u8> {
        self.text.get(self.at + 1).copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b'\n' => {
                self.position.line += 1;
                self.position.column = 1;
            }
            // Within a character of UTF-8.
            0x80..=0xbf => {}
            _ => self.position.column += 1,
        }
        Some(byte)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn ends_variable(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b";,=+-*/%&|^~<>!".contains(&byte)
}
