//! What is wrong with a configuration, and where: always one line.

use std::fmt::{self, Write};
use std::sync::Arc;

/// Where in which file, as editors count: lines and columns from 1, a column is a character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    /// `None` means the file as a whole: it cannot be read.
    pub(crate) position: Option<Position>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    /// The position of a byte of `text`; of its end if the byte is beyond.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        // A byte order mark is nothing that an editor shows.
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        let (line, last) = before.split('\n').enumerate().last().unwrap_or((0, ""));
        Self { line: line + 1, column: last.chars().count() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match self.position {
            Some(Position { line, column }) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

const MAX_KEY_CHARS: usize = 100;

/// A configuration that is not used: `FILE:LINE:COLUMN: KEY: what is wrong, what was expected`.
///
/// A message never repeats the text of a string value, since any of them may be, or contain, a
/// password.
#[derive(Debug)]
pub(crate) struct ConfigError {
    place: Place,
    key: Option<String>,
    message: String,
}

impl ConfigError {
    /// An error at the value of a key (a dotted path, such as `clusterer.server_id`).
    pub(crate) fn at(place: Place, key: &str, message: impl fmt::Display) -> Self {
        // An unknown key is as long as the file lets it be.
        let key = key.chars().take(MAX_KEY_CHARS).collect();
        Self { place, key: Some(key), message: message.to_string() }
    }

    /// An error that is no key's: the file cannot be read, or is no TOML.
    pub(crate) fn keyless(place: Place, message: impl fmt::Display) -> Self {
        Self { place, key: None, message: message.to_string() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = OneLine(f);
        write!(line, "{}: ", self.place)?;
        if let Some(key) = &self.key {
            write!(line, "{key}: ")?;
        }
        line.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Escapes control characters: a file name or a quoted key may hold a line feed.
struct OneLine<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| {
            if character.is_control() {
                write!(self.0, "{}", character.escape_default())
            } else {
                self.0.write_char(character)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let check = |text: &str, offset, line, column| {
            assert_eq!(Position::of(text, offset), Position { line, column }, "{text:?} {offset}");
        };
        check("", 0, 1, 1);
        check("ab", 1, 1, 2);
        check("ab\ncd", 2, 1, 3);
        check("ab\ncd", 3, 2, 1);
        check("ab\r\ncd", 5, 2, 2);
        check("ä = 1", 3, 1, 3);
        check("\u{feff}ab", 4, 1, 2);
        check("ab", 99, 1, 3);
    }

    #[test]
    fn an_error_is_one_line_whatever_the_file_is_called() {
        let place = Place { file: "a\nb".into(), position: None };
        let error = ConfigError::at(place, "k\re\u{85}y", "wrong");
        assert_eq!(error.to_string(), r"a\nb: k\re\u{85}y: wrong");
    }
}
