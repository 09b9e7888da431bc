//! The secret that a client shows.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use thiserror::Error;

const LENGTHS: std::ops::RangeInclusive<usize> = 16..=1024;

/// A bearer token: 16 to 1024 visible ASCII characters. It is not shown by `Debug`.
#[derive(Clone)]
pub struct Token(Box<str>);

impl Token {
    /// Takes a token without the white space around it.
    ///
    /// # Errors
    /// When it is too short to be a secret, too long, or could not stand in a header.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if !LENGTHS.contains(&text.len()) {
            return Err(TokenError::Length { length: text.len() });
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Character);
        }
        Ok(Self(text.into()))
    }

    /// Reads a token from a file that holds nothing else.
    ///
    /// # Errors
    /// When the file cannot be read, or what it holds is no token. It blocks.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let mut text = String::new();
        // Room for the white space around it; more is no token.
        let limit = 2 * *LENGTHS.end() as u64;
        let file = std::fs::File::open(path).map_err(TokenError::Read)?;
        file.take(limit).read_to_string(&mut text).map_err(TokenError::Read)?;
        Self::new(&text)
    }

    /// Compares in a time that depends on the length of `given` alone: each of its bytes is looked
    /// at, whatever those before it were.
    #[cfg(feature = "http")]
    pub(crate) fn matches(&self, given: &[u8]) -> bool {
        let own = self.0.as_bytes().iter().cycle();
        let bits =
            own.zip(given).fold(0, |bits, (own, given)| std::hint::black_box(bits | (own ^ given)));
        (bits == 0) & (self.0.len() == given.len())
    }

    /// For the one header in which it is sent.
    #[cfg(feature = "client")]
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Why something is no token. It never repeats what was given.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// A character that cannot be sent.
    #[error("a token has only visible ASCII characters, without spaces")]
    Character,
    /// Too short or too long.
    #[error("a token has 16 to 1024 characters, this one has {length}")]
    Length {
        /// How many bytes it has.
        length: usize,
    },
    /// Its file cannot be read.
    #[error("cannot read the file of the token: {0}")]
    Read(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_16_to_1024_characters() {
        for (length, fits) in [(0, false), (15, false), (16, true), (1024, true), (1025, false)] {
            let token = Token::new(&format!(" {}\n", "x".repeat(length)));
            assert_eq!(token.is_ok(), fits, "{length}");
        }
        assert!(matches!(Token::new("0123456789 012345"), Err(TokenError::Character)));
        assert!(matches!(Token::new("0123456789é012345"), Err(TokenError::Character)));
    }

    #[cfg(feature = "http")]
    #[test]
    fn only_the_whole_token_matches() {
        let token = Token::new("0123456789abcdef").unwrap();
        assert!(token.matches(b"0123456789abcdef"));
        for other in [
            "",
            "0",
            "0123456789abcde",
            "0123456789abcdeg",
            "1123456789abcdef",
            "0123456789abcdef0",
            "0123456789abcdef0123456789abcdef",
        ] {
            assert!(!token.matches(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn it_is_never_shown() {
        let token = Token::new("correct horse battery".replace(' ', "-").as_str()).unwrap();
        assert_eq!(format!("{token:?}"), "Token");
        let error = Token::new("hunter2").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn a_file_holds_a_token_and_a_line_feed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        assert_eq!(&*Token::read(&path).unwrap().0, "0123456789abcdef");
        std::fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
        assert!(matches!(Token::read(&path), Err(TokenError::Length { .. })));
        assert!(matches!(Token::read(&dir.path().join("none")), Err(TokenError::Read(_))));
    }
}
