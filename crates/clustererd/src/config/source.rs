//! The text of a configuration file with what is needed to read values out of it.

use super::env::{self, Lookup};
use super::error::{ConfigError, Place, Position};
use super::values::Values;
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;

/// A byte range of the text.
pub(crate) type Span = Range<usize>;

/// A configuration file in memory.
pub(crate) struct Source<'a> {
    pub(crate) file: Arc<str>,
    pub(crate) text: &'a str,
    pub(crate) env: Lookup<'a>,
    /// What was read so far.
    pub(crate) values: RefCell<Values>,
}

/// A section of the file: what is missing in it is missing there.
pub(crate) struct Section<'a> {
    pub(crate) source: &'a Source<'a>,
    pub(crate) span: Span,
}

/// What is wrong with a value, before the key and the file are known.
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(span: Span, message: impl Display) -> Self {
        Self { span, message: message.to_string() }
    }
}

impl<'a> Source<'a> {
    /// The section that stands at a span.
    pub(crate) fn section(&'a self, span: Span) -> Section<'a> {
        Section { source: self, span }
    }

    /// Where a span begins.
    pub(crate) fn place(&self, span: &Span) -> Place {
        let position = Some(Position::of(self.text, span.start));
        Place { file: Arc::clone(&self.file), position }
    }

    /// An error of a key at a span.
    pub(crate) fn error(&self, span: &Span, key: &str, message: impl Display) -> ConfigError {
        ConfigError::at(self.place(span), key, message)
    }

    /// The text of a string value with its `${NAME}`s replaced.
    pub(crate) fn expand(&self, text: &str, span: &Span) -> Result<String, Fault> {
        env::expand(text, self.env).map_err(|error| Fault::new(span.clone(), error))
    }
}
