//! Where something stands in which file, and what is wrong there.

use std::fmt;
use std::sync::Arc;

/// Line and column, as editors count: from 1, a column is a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// As it was named: on the command line, or by the file that includes it.
    pub(super) file: Arc<str>,
    pub(super) position: Position,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        write!(f, "{}:{line}:{column}", one_line(&self.file))
    }
}

/// A configuration that is not imported: `FILE:LINE:COLUMN: what is wrong`, one line.
///
/// A message never repeats the text of a string, since any of them may be, or contain, a password.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub(super) struct ImportError {
    place: String,
    message: String,
}

impl ImportError {
    pub(super) fn at(place: &Place, message: impl fmt::Display) -> Self {
        Self { place: place.to_string(), message: message.to_string() }
    }

    /// Of a file as a whole.
    pub(super) fn of(file: &str, message: impl fmt::Display) -> Self {
        Self { place: one_line(file), message: message.to_string() }
    }
}

/// Escapes control characters: the name of a file may have a line feed in it.
pub(super) fn one_line(text: &str) -> String {
    let escaped = |character: char| -> String {
        if character.is_control() { character.escape_default().collect() } else { character.into() }
    };
    text.chars().map(escaped).collect()
}
