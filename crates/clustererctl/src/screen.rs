//! What may be shown, and in which colours.

use std::borrow::Cow;
use std::env;
use std::io::{self, IsTerminal};

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint {
    is_on: bool,
}

/// What a colour says; the word beside it says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Bad,
    Fair,
    Good,
    Heading,
}

impl Paint {
    pub(crate) const OFF: Self = Self { is_on: false };

    /// Colours for a terminal, unless its user wants none (`NO_COLOR`) or it has none.
    pub(crate) fn of_stdout() -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let incapable = env::var_os("TERM").is_some_and(|name| name == "dumb");
        Self { is_on: io::stdout().is_terminal() && !unwanted && !incapable }
    }

    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.is_on {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Bad => 31,
            Tone::Fair => 33,
            Tone::Good => 32,
            Tone::Heading => 1,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// What comes from elsewhere cannot forge a line, move the cursor, or change the direction of what
/// stands beside it.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(misleads) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| match c {
        c if misleads(c) => c.escape_default().to_string(),
        c => c.to_string(),
    };
    Cow::Owned(text.chars().map(escaped).collect())
}

fn misleads(c: char) -> bool {
    let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let line_or_direction = matches!(c, '\u{61c}' | '\u{2028}'..='\u{202e}');
    c.is_control() || invisible || line_or_direction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misleads_is_escaped() {
        assert_eq!(
            printable("a\n\u{1b}[2J\u{202e}\u{200b}\u{85}\u{feff}"),
            r"a\n\u{1b}[2J\u{202e}\u{200b}\u{85}\u{feff}"
        );
        assert_eq!(printable("ok é 日本"), "ok é 日本");
    }
}
