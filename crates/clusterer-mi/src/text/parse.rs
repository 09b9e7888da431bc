//! The request parser: bytes as they come off a FIFO, in any chunks.
//!
//! It works byte by byte and stores no more than one request within its limits. After an error it
//! keeps following lines and quotes, without storing them, up to the end of that request. It must
//! not look for the end inside quotes: a value of someone else's making could then end the request
//! it stands in and begin one of its own.

use std::mem;

use thiserror::Error;

use super::is_blank;
use crate::{Arg, Args};

/// The longest first line in bytes, its newline not counted.
pub const MAX_HEAD: usize = 1024;
/// The most bytes that the parameter lines of a request have together, newlines and skipped lines
/// counted, the last bare newline not.
pub const MAX_PARAMS: usize = 8192;

/// The shortest first line that can name a command.
const MIN_HEAD: usize = 3;

/// A request: a first line `:COMMAND:REPLY`, parameters, an empty line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The command's name as the client wrote it, never empty.
    pub command: String,
    /// The name of the reply FIFO, if there is one. Not checked: it may well be a path.
    pub reply: Option<String>,
    /// The parameters.
    pub args: Args,
}

/// Why bytes are no request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct TextError {
    /// The command, if the first line was good.
    pub command: Option<String>,
    /// The reply FIFO's name, if the first line was good and has one.
    pub reply: Option<String>,
    /// What was wrong.
    pub kind: TextErrorKind,
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextErrorKind {
    /// A closing quote is followed by something else on its line.
    #[error("text after a closing quote")]
    AfterQuote,
    /// A parameter has neither name nor value.
    #[error("a parameter without name and value")]
    EmptyParam,
    /// The first line is not `:COMMAND:REPLY`.
    #[error("the first line is not :COMMAND:REPLY")]
    Head,
    /// The first line is longer than [`MAX_HEAD`].
    #[error("the first line is longer than {MAX_HEAD} bytes")]
    HeadTooLong,
    /// The first line or a parameter is not UTF-8.
    #[error("text that is not UTF-8")]
    NotUtf8,
    /// The parameters are longer than [`MAX_PARAMS`].
    #[error("the parameters are longer than {MAX_PARAMS} bytes")]
    ParamsTooLong,
}

/// An incremental parser of text requests.
///
/// ```
/// use clusterer_mi::TextParser;
///
/// let mut parser = TextParser::new();
/// let mut input = &b":clusterer_reload:reply\n\n:which"[..];
/// let request = parser.next(&mut input).unwrap().unwrap();
/// assert_eq!(request.command, "clusterer_reload");
/// assert_eq!(parser.next(&mut input), None);
/// assert!(input.is_empty() && !parser.is_idle());
/// ```
#[derive(Debug, Default)]
pub struct TextParser {
    state: State,
    /// What the head, a name or a value is made of, so far.
    buffer: Vec<u8>,
    /// The name of the parameter under way.
    name: Option<Vec<u8>>,
    head: Option<Head>,
    args: Vec<Arg>,
    /// Bytes of parameter lines so far.
    used: usize,
    /// An error was reported: follow the request to its end, store nothing.
    failed: bool,
}

#[derive(Debug)]
struct Head {
    command: String,
    reply: Option<String>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// In the first line, or before it.
    #[default]
    Head,
    /// In a line that takes no part any more.
    Junk,
    /// At the start of a parameter line, nothing but blanks so far, or not even those.
    LineStart { bare: bool },
    /// In text without quotes, which may yet turn out to be a name.
    Plain { after_colon: bool },
    /// After `name::`, nothing but blanks so far.
    ValueStart,
    /// In a value without quotes that has a name before it.
    Value,
    /// In a quoted value.
    Quoted { after_backslash: bool },
    /// After the closing quote.
    Closed,
}

impl TextParser {
    /// A parser at the start of a request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes off `input` up to the end of a request or an error; `None` once all are taken. An error
    /// is reported once a request and as soon as it is seen; what is left of that request is taken
    /// in silence by further calls.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Result<Request, TextError>> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            match self.step(byte) {
                Ok(None) => {}
                Ok(Some(request)) => return Some(Ok(request)),
                Err(kind) => {
                    if let Some(error) = self.fail(kind) {
                        return Some(Err(error));
                    }
                }
            }
        }
        None
    }

    /// Whether the parser is between requests.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Head) && self.buffer.is_empty()
    }

    /// Whether what comes is the rest of a request of which an error was reported.
    #[cfg(feature = "fifo")]
    pub(crate) const fn is_refused(&self) -> bool {
        self.failed
    }

    /// Forgets an unfinished request, at end of file or when its time is up. Whether there was one.
    pub fn reset(&mut self) -> bool {
        let unfinished = !self.is_idle();
        *self = Self::default();
        unfinished
    }

    fn step(&mut self, byte: u8) -> Result<Option<Request>, TextErrorKind> {
        if matches!(self.state, State::LineStart { bare: true }) && byte == b'\n' {
            return Ok(self.finish());
        }
        if !matches!(self.state, State::Head | State::Junk) {
            self.used = self.used.saturating_add(1);
            if self.used > MAX_PARAMS && !self.failed {
                // The byte still counts for where quotes and the request end.
                let _ = self.step_param(byte);
                return Err(TextErrorKind::ParamsTooLong);
            }
        }
        match self.state {
            State::Head => self.step_head(byte)?,
            State::Junk if byte == b'\n' => self.state = State::LineStart { bare: true },
            State::Junk => {}
            _ => self.step_param(byte)?,
        }
        Ok(None)
    }

    fn step_head(&mut self, byte: u8) -> Result<(), TextErrorKind> {
        if byte != b'\n' {
            if self.buffer.len() == MAX_HEAD {
                self.state = State::Junk;
                return Err(TextErrorKind::HeadTooLong);
            }
            self.buffer.push(byte);
            return Ok(());
        }
        let line = mem::take(&mut self.buffer);
        let line = trim_end(&line);
        if line.is_empty() {
            return Ok(());
        }
        self.state = State::LineStart { bare: true };
        self.head = Some(Head::parse(line)?);
        Ok(())
    }

    fn step_param(&mut self, byte: u8) -> Result<(), TextErrorKind> {
        let was = self.state;
        self.state = match (was, byte) {
            (State::LineStart { .. } | State::Junk | State::Head, b'\n') => {
                State::LineStart { bare: true }
            }
            (State::LineStart { .. }, blank) if is_blank(blank) => State::LineStart { bare: false },
            (State::ValueStart | State::Closed, blank) if is_blank(blank) => was,
            (State::LineStart { .. } | State::ValueStart, b'"') => {
                State::Quoted { after_backslash: false }
            }
            (State::Quoted { after_backslash: true }, b'"') => {
                self.buffer.pop();
                self.push(byte);
                State::Quoted { after_backslash: false }
            }
            (State::Quoted { after_backslash: false }, b'"') => State::Closed,
            (State::Quoted { .. }, _) => {
                self.push(byte);
                State::Quoted { after_backslash: byte == b'\\' }
            }
            (_, b'\n') => {
                self.state = State::LineStart { bare: true };
                return self.finish_param(matches!(was, State::Closed));
            }
            (State::Closed, _) => {
                self.state = State::Junk;
                return Err(TextErrorKind::AfterQuote);
            }
            (State::Plain { after_colon: true }, b':') => {
                self.buffer.pop();
                self.name = Some(trim_end(&mem::take(&mut self.buffer)).to_vec());
                State::ValueStart
            }
            (State::LineStart { .. } | State::Plain { .. }, _) => {
                self.push(byte);
                State::Plain { after_colon: byte == b':' }
            }
            (State::ValueStart | State::Value, _) => {
                self.push(byte);
                State::Value
            }
            (State::Junk | State::Head, _) => was,
        };
        Ok(())
    }

    fn push(&mut self, byte: u8) {
        if !self.failed {
            self.buffer.push(byte);
        }
    }

    fn finish_param(&mut self, quoted: bool) -> Result<(), TextErrorKind> {
        let value = mem::take(&mut self.buffer);
        let value = if quoted { &value } else { trim_end(&value) };
        let name = self.name.take();
        if self.failed {
            return Ok(());
        }
        if value.is_empty() && name.as_ref().is_none_or(Vec::is_empty) {
            return Err(TextErrorKind::EmptyParam);
        }
        let name = name.map(String::from_utf8).transpose().map_err(|_| TextErrorKind::NotUtf8)?;
        self.args.push(Arg { name, value: utf8(value)?.to_owned() });
        Ok(())
    }

    /// At the bare newline: the request, unless it failed before.
    fn finish(&mut self) -> Option<Request> {
        let done = mem::take(self);
        let Head { command, reply } = done.head?;
        Some(Request { command, reply, args: Args::from_iter(done.args) })
    }

    /// Stops storing; the error to report, unless one was reported for this request before.
    fn fail(&mut self, kind: TextErrorKind) -> Option<TextError> {
        if mem::replace(&mut self.failed, true) {
            return None;
        }
        self.buffer = Vec::new();
        self.args = Vec::new();
        let (command, reply) = self.head.take().map(|head| (head.command, head.reply)).unzip();
        Some(TextError { command, reply: reply.flatten(), kind })
    }
}

impl Head {
    fn parse(line: &[u8]) -> Result<Self, TextErrorKind> {
        let line = utf8(line)?;
        let rest = line.strip_prefix(':').filter(|_| line.len() >= MIN_HEAD);
        let rest = rest.ok_or(TextErrorKind::Head)?;
        let (command, reply) = rest.split_once(':').unwrap_or((rest, ""));
        if command.is_empty() {
            return Err(TextErrorKind::Head);
        }
        let reply = (!reply.is_empty()).then(|| reply.to_owned());
        Ok(Self { command: command.to_owned(), reply })
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, TextErrorKind> {
    std::str::from_utf8(bytes).map_err(|_| TextErrorKind::NotUtf8)
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
