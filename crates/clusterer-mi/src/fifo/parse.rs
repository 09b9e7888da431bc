//! What comes off the command FIFO, in any chunks: requests in the text form and in JSON.
//!
//! The first line decides. `:NAME:` and then, blanks aside, an opening bracket is JSON, which ends with
//! the bracket that closes this one, and NAME is its reply FIFO. All else is the text form's. A JSON text that
//! is left unfinished ends where another request begins at the start of a line (see [`Scanner`]), or
//! when the server says so.

use std::mem;

use thiserror::Error;

use super::scan::{Scanned, Scanner};
use crate::runner::MAX_JSON;
use crate::{Request, TextError, TextParser};

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A JSON text by its brackets; nothing else is known of it.
    Json {
        text: Vec<u8>,
        reply: Option<String>,
    },
    Text(Request),
    BadJson {
        fault: JsonFault,
        reply: Option<String>,
    },
    BadText(TextError),
}

/// Why bytes are no JSON request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum JsonFault {
    #[error("text behind JSON on its line")]
    Behind,
    #[error("JSON that is cut off")]
    CutOff,
    #[error("JSON longer than {MAX_JSON} bytes")]
    TooLong,
}

/// What there was of a request that is given up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfinished {
    Json {
        reply: Option<String>,
    },
    /// The rest of something that was answered already.
    Rest,
    Text,
}

/// The parser of the FIFO. Stores no more than one request within its limits.
#[derive(Debug)]
pub(super) struct FifoParser {
    state: State,
    opening: Opening,
}

#[derive(Debug)]
enum State {
    Text(TextParser),
    Json(JsonText),
    /// Behind a JSON text: blanks and newlines mean nothing here.
    Behind,
    /// In the rest of a line that begins behind a JSON text.
    Junk,
}

/// How much of `:NAME:{` the line has.
#[derive(Debug, Default)]
enum Opening {
    Name(Vec<u8>),
    Blanks(Vec<u8>),
    #[default]
    Other,
}

#[derive(Debug)]
struct JsonText {
    reply: Option<String>,
    scanner: Scanner,
    /// `None` once it was too long.
    text: Option<Vec<u8>>,
}

impl FifoParser {
    pub(super) fn new() -> Self {
        Self { state: State::Text(TextParser::new()), opening: Opening::Other }
    }

    /// Takes bytes off `input` up to the end of a request or an error; `None` once all are taken. What is
    /// left of a request after its error is taken in silence by further calls.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<Incoming> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            if let Some(incoming) = self.step(byte) {
                return Some(incoming);
            }
        }
        None
    }

    /// Whether the parser is between requests.
    pub(super) fn is_idle(&self) -> bool {
        match &self.state {
            State::Text(text) => text.is_idle(),
            State::Json(_) | State::Junk => false,
            State::Behind => true,
        }
    }

    /// Forgets an unfinished request, at end of file or when its time is up. What there was of it.
    pub(super) fn reset(&mut self) -> Option<Unfinished> {
        let idle = self.is_idle();
        match mem::replace(self, Self::new()).state {
            _ if idle => None,
            State::Json(JsonText { reply, text: Some(_), .. }) => Some(Unfinished::Json { reply }),
            State::Text(text) if !text.is_refused() => Some(Unfinished::Text),
            _ => Some(Unfinished::Rest),
        }
    }

    fn step(&mut self, byte: u8) -> Option<Incoming> {
        match &mut self.state {
            State::Text(text) => {
                self.opening.step(byte, text.is_idle());
                if let Some(json) = self.opening.json(byte) {
                    self.state = State::Json(json);
                    return None;
                }
                let incoming = match text.next(&mut [byte].as_slice())? {
                    Ok(request) => Incoming::Text(request),
                    Err(error) => Incoming::BadText(error),
                };
                // A first line that is too long begins nothing any more.
                self.opening = Opening::Other;
                Some(incoming)
            }
            State::Json(json) => match json.scanner.step(byte) {
                Scanned::Within => json.push(byte),
                Scanned::End => {
                    let too_long = json.push(byte);
                    let (text, reply) = (json.text.take(), json.reply.take());
                    self.state = State::Behind;
                    too_long.or_else(|| text.map(|text| Incoming::Json { text, reply }))
                }
                Scanned::Cut(head) => {
                    let cut = json.fail(JsonFault::CutOff);
                    *self = Self::new();
                    for byte in head {
                        self.step(byte);
                    }
                    cut
                }
            },
            State::Behind if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => None,
            State::Behind if byte == b':' => {
                self.state = State::Text(TextParser::new());
                self.step(byte)
            }
            State::Behind => {
                self.state = State::Junk;
                Some(Incoming::BadJson { fault: JsonFault::Behind, reply: None })
            }
            State::Junk => {
                if byte == b'\n' {
                    self.state = State::Behind;
                }
                None
            }
        }
    }
}

impl Opening {
    fn step(&mut self, byte: u8, first_of_line: bool) {
        *self = match (mem::take(self), byte) {
            _ if first_of_line && byte == b':' => Self::Name(Vec::new()),
            _ if first_of_line => Self::Other,
            (Self::Name(_) | Self::Blanks(_), b'\n') => Self::Other,
            (Self::Name(name), b':') => Self::Blanks(name),
            (Self::Name(mut name), _) => {
                name.push(byte);
                Self::Name(name)
            }
            (Self::Blanks(name), b' ' | b'\t' | b'\r' | b'{' | b'[') => Self::Blanks(name),
            (Self::Blanks(_) | Self::Other, _) => Self::Other,
        };
    }

    /// The JSON text that this byte begins. A name that is not UTF-8 is left to the text form to refuse.
    fn json(&self, byte: u8) -> Option<JsonText> {
        let Self::Blanks(name) = self else { return None };
        let name = std::str::from_utf8(name).ok().filter(|_| matches!(byte, b'{' | b'['))?;
        let mut json = JsonText {
            reply: (!name.is_empty()).then(|| name.to_owned()),
            scanner: Scanner::default(),
            text: Some(vec![byte]),
        };
        json.scanner.step(byte);
        Some(json)
    }
}

impl JsonText {
    fn push(&mut self, byte: u8) -> Option<Incoming> {
        let text = self.text.as_mut()?;
        if text.len() == MAX_JSON {
            return self.fail(JsonFault::TooLong);
        }
        text.push(byte);
        None
    }

    /// Stops storing; the error, unless there was one before.
    fn fail(&mut self, fault: JsonFault) -> Option<Incoming> {
        self.text.take()?;
        Some(Incoming::BadJson { fault, reply: self.reply.take() })
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
