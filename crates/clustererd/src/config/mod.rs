//! The daemon's configuration: one TOML file, read whole and judged before anything starts.
//!
//! [`Config::load`] yields typed values or the first [`ConfigError`]. It opens the file and reads
//! environment variables; it connects nowhere and resolves no name.

mod duration;
mod env;
mod error;
mod explain;
mod key;
mod keys;
mod kind;
mod listen;
mod raw;
mod reference;
mod section;
mod source;
#[cfg(test)]
mod tests;
mod value;
mod values;

pub(crate) use error::ConfigError;
pub(crate) use keys::{AUTO_RELOAD, HTTP_HOSTS, HTTP_TOKEN_FILE, LOG_LEVEL};
pub(crate) use reference::reference;
pub(crate) use section::{Bin, Clusterer, Datagram, Fifo, Http, Log, Metrics, RateLimit};
pub(crate) use value::{LogFormat, LogLevel};
pub(crate) use values::{Difference, Effect, Values};

use error::{Place, Position};
use serde::Deserialize;
use source::Source;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use toml::de::{DeTable, Deserializer};

/// A longer file is a mistake, such as a database given for its configuration.
const MAX_BYTES: u64 = 1 << 20;

/// What the daemon was told to do. A part without a section is `None`, and off.
pub(crate) struct Config {
    pub(crate) clusterer: Clusterer,
    pub(crate) bin: Option<Bin>,
    pub(crate) datagram: Option<Datagram>,
    pub(crate) fifo: Option<Fifo>,
    pub(crate) http: Option<Http>,
    pub(crate) metrics: Option<Metrics>,
    pub(crate) ratelimit: Option<RateLimit>,
    pub(crate) log: Log,
    /// All of it once more, to be compared with another reading.
    pub(crate) values: Values,
}

impl Config {
    /// Reads a file, with `${NAME}`s from the environment of this process.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let bytes = read_limited(path).map_err(|error| {
            let place = Place { file: file.as_str().into(), position: None };
            ConfigError::keyless(place, format_args!("cannot read the file: {error}"))
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&file, &text, &|name| std::env::var(name)),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes());
                let position = Some(Position::of(&text, valid));
                let place = Place { file: file.into(), position };
                Err(ConfigError::keyless(place, "not UTF-8, expected a TOML file"))
            }
        }
    }

    /// Reads the text of a file that is called `file` in errors.
    pub(crate) fn parse(file: &str, text: &str, env: env::Lookup<'_>) -> Result<Self, ConfigError> {
        let source = Source { file: file.into(), text, env, values: RefCell::default() };
        let document = DeTable::parse(text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            let message = if is_bare_value(text, span.start) {
                "not a value, expected quotes around a string"
            } else {
                error.message()
            };
            let message = format_args!("not TOML: {message}");
            ConfigError::keyless(source.place(&span), message)
        })?;
        explain::check_sections(document.get_ref(), &source)?;
        let raw = raw::File::deserialize(Deserializer::from(document.clone()))
            .map_err(|error| explain::explain(&error, document.get_ref(), &source))?;
        Ok(Self {
            clusterer: Clusterer::read(raw.clusterer, &source)?,
            bin: raw.bin.map(|bin| Bin::read(bin, &source)).transpose()?,
            datagram: raw.mi.datagram.map(|raw| Datagram::read(raw, &source)).transpose()?,
            fifo: raw.mi.fifo.map(|fifo| Fifo::read(fifo, &source)).transpose()?,
            http: raw.mi.http.map(|http| Http::read(http, &source)).transpose()?,
            metrics: raw.metrics.map(|metrics| Metrics::read(metrics, &source)).transpose()?,
            ratelimit: raw.ratelimit.map(|raw| RateLimit::read(raw, &source)).transpose()?,
            log: Log::read(raw.log, &source)?,
            // All keys have been read.
            values: source.values.into_inner(),
        })
    }
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("longer than {MAX_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// True if the line of this byte has a value that looks like a string without its quotes: then the
/// parser guesses what else was meant, and misleads.
fn is_bare_value(text: &str, offset: usize) -> bool {
    let line_start =
        text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let value = line.split_once('=').map_or("", |(_, value)| value.trim_start());
    let word = value.split(|other: char| !other.is_alphanumeric()).next().unwrap_or_default();
    !matches!(word, "true" | "false" | "inf" | "nan")
        && value.starts_with(|first: char| first.is_alphabetic() || "/$~".contains(first))
}
