//! Texts that a database hands out, of any length and content.

use clusterer_node::Cell;

/// A text of more bytes is nothing that a node's row holds; it is not kept.
pub(crate) const LONGEST_TEXT: usize = 65_536;

/// What a server says of itself may be of any length.
#[cfg(any(feature = "mysql", feature = "postgres"))]
const LONGEST_MESSAGE: usize = 500;

/// A text of a row as it is.
pub(crate) fn cell(bytes: &[u8]) -> Cell {
    if bytes.len() > LONGEST_TEXT {
        return Cell::Other("a text too long");
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Cell::Text(text.to_owned()),
        Err(_) => Cell::Other("text that is no UTF-8"),
    }
}

/// A message on one short line.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) fn one_line(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_MESSAGE).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_as_it_is_if_it_is_one() {
        assert_eq!(cell(b"a  "), Cell::Text("a  ".into()));
        assert_eq!(cell(&[0xff]), Cell::Other("text that is no UTF-8"));
        assert_eq!(cell(&[b'x'; LONGEST_TEXT]), Cell::Text("x".repeat(LONGEST_TEXT)));
        assert_eq!(cell(&[b'x'; LONGEST_TEXT + 1]), Cell::Other("a text too long"));
    }

    #[test]
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    fn what_a_server_says_is_one_short_line() {
        assert_eq!(one_line("a\nb\u{1b}[2J "), "a b [2J");
        assert_eq!(one_line(&"x".repeat(10_000)).len(), LONGEST_MESSAGE);
    }
}
