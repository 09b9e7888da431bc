//! Finds where a JSON text ends in a stream of bytes.

use std::mem;

use crate::MAX_HEAD;

/// A byte at a time, in constant memory: counts brackets outside strings. Which brackets match is left to
/// who parses the text.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    depth: usize,
    place: Place,
    line: Line,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    String,
    /// In a string, behind a backslash.
    Escape,
}

/// What a line outside strings may turn out to be.
#[derive(Debug, Default)]
enum Line {
    Start,
    /// `:NAME` so far: no JSON text goes on like this.
    Head(Vec<u8>),
    #[default]
    Other,
}

/// What a byte means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    /// The text goes on.
    Within,
    /// It is the last of the text.
    End,
    /// The text was left unfinished some bytes ago: these, `:NAME:`, are another request's first.
    Cut(Vec<u8>),
}

impl Scanner {
    /// Takes the next byte. The first one must be an opening bracket.
    pub(super) fn step(&mut self, byte: u8) -> Scanned {
        if let Some(head) = self.watch(byte) {
            return Scanned::Cut(head);
        }
        self.place = match (self.place, byte) {
            (Place::Outside, b'"') | (Place::Escape, _) => Place::String,
            (Place::String, b'"') => Place::Outside,
            (Place::String, b'\\') => Place::Escape,
            (place, _) => place,
        };
        if self.place == Place::Outside {
            match byte {
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            if self.depth == 0 {
                return Scanned::End;
            }
        }
        Scanned::Within
    }

    /// Looks for a line that begins `:NAME:`. Between two colons, JSON always has a string, so no valid
    /// text is cut; and what is in a string is left alone, since it may be of somebody else's making.
    fn watch(&mut self, byte: u8) -> Option<Vec<u8>> {
        self.line = match (mem::take(&mut self.line), byte) {
            _ if self.place != Place::Outside => Line::Other,
            (_, b'\n') => Line::Start,
            (Line::Start, b':') => Line::Head(vec![byte]),
            (Line::Head(_), b'"') => Line::Other,
            (Line::Head(head), _) if head.len() == MAX_HEAD => Line::Other,
            (Line::Head(mut head), _) => {
                head.push(byte);
                if byte == b':' {
                    return Some(head);
                }
                Line::Head(head)
            }
            (Line::Start | Line::Other, _) => Line::Other,
        };
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes are taken, and whether that was the whole text.
    fn scan(text: &str) -> Option<usize> {
        let mut scanner = Scanner::default();
        text.bytes().position(|byte| scanner.step(byte) == Scanned::End).map(|last| last + 1)
    }

    #[test]
    fn the_end_is_the_bracket_that_closes_the_first() {
        for whole in [
            "{}",
            "[]",
            r#"{"a":[{"b":1},[]],"c":"d"}"#,
            r#"{"}":"{[\"}\\"}"#,
            r#"["\\\"]\\"]"#,
            "[\n\n1\n]",
        ] {
            assert_eq!(scan(whole), Some(whole.len()), "{whole}");
            assert_eq!(scan(&format!("{whole}{whole} ]")), Some(whole.len()), "{whole}");
            assert_eq!(scan(&whole[..whole.len() - 1]), None, "{whole}");
        }
    }

    #[test]
    fn a_head_at_the_start_of_a_line_cuts_the_text() {
        let cut = |text: &str| {
            let mut scanner = Scanner::default();
            text.bytes().find_map(|byte| match scanner.step(byte) {
                Scanned::Cut(head) => Some(String::from_utf8(head).unwrap()),
                _ => None,
            })
        };
        assert_eq!(cut("{\"a\":1\n:r:{}"), Some(":r:".into()));
        assert_eq!(cut("{\n\n:which:r\n"), Some(":which:".into()));
        assert_eq!(cut("[{\n::"), Some("::".into()));
        for valid in [
            "{\"a\"\n:1,\"b\":{}}",
            "{\"a\"\n:{\"b\"\n:{}}}",
            "{\"a\":\":r:\",\"b\" :\n[1]}",
            "{\"\n:r:\":1}",
        ] {
            assert_eq!(cut(valid), None, "{valid:?}");
            assert_eq!(scan(valid), Some(valid.len()), "{valid:?}");
        }
        assert_eq!(cut(&format!("{{\n:{}:", "x".repeat(MAX_HEAD))), None);
    }
}
