//! The kinds of values that keys take.

use super::duration;
use super::key::{Describe, Kind, Setting};
use super::listen;
use super::raw::Scalar;
use super::source::{Fault, Source, Span};
use super::value::HostName;
use super::{env, keys};
use std::fmt::Display;
use std::hash::Hash;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;
use toml::Spanned;

/// A whole number within a range.
pub(crate) struct Integer {
    pub(crate) default: Option<i64>,
    pub(crate) range: RangeInclusive<i64>,
    /// For the reference and for errors: "seconds"; empty for a plain number.
    pub(crate) unit: &'static str,
}

impl Describe for Integer {
    fn expected(&self) -> String {
        let of = if self.unit.is_empty() { "" } else { " of " };
        let (least, most) = (self.range.start(), self.range.end());
        format!("an integer{of}{} from {least} to {most}", self.unit)
    }

    fn default_toml(&self) -> Option<String> {
        self.default.map(|number| number.to_string())
    }
}

impl Kind for Integer {
    type Raw = Scalar;
    type Value = i64;

    fn default(&self) -> Option<i64> {
        self.default
    }

    fn read(&self, raw: Spanned<Scalar>, source: &Source<'_>) -> Result<i64, Fault> {
        let span = raw.span();
        let in_range = |number: &i64| self.range.contains(number);
        match raw.into_inner() {
            Scalar::Integer(number) if in_range(&number) => Ok(number),
            Scalar::Integer(number) => Err(mismatch(&span, number, &self.expected())),
            Scalar::Text(text) if env::refers(&text) => {
                let number = source.expand(&text, &span)?.parse().ok();
                number.filter(in_range).ok_or_else(|| expanded_wrong(&span, &self.expected()))
            }
            other => Err(mismatch(&span, other.kind(), &self.expected())),
        }
    }
}

/// On or off; 0 and 1 are understood too, as OpenSIPS writes them.
pub(crate) struct Flag {
    pub(crate) default: bool,
}

impl Describe for Flag {
    fn expected(&self) -> String {
        "true, false, 1 or 0".to_owned()
    }

    fn default_toml(&self) -> Option<String> {
        Some(self.default.to_string())
    }
}

impl Kind for Flag {
    type Raw = Scalar;
    type Value = bool;

    fn default(&self) -> Option<bool> {
        Some(self.default)
    }

    fn read(&self, raw: Spanned<Scalar>, source: &Source<'_>) -> Result<bool, Fault> {
        let span = raw.span();
        match raw.into_inner() {
            Scalar::Boolean(value) => Ok(value),
            Scalar::Integer(0) => Ok(false),
            Scalar::Integer(1) => Ok(true),
            Scalar::Integer(other) => Err(mismatch(&span, other, &self.expected())),
            Scalar::Text(text) if env::refers(&text) => {
                match source.expand(&text, &span)?.as_str() {
                    "true" | "1" => Ok(true),
                    "false" | "0" => Ok(false),
                    _ => Err(expanded_wrong(&span, &self.expected())),
                }
            }
            other @ Scalar::Text(_) => Err(mismatch(&span, other.kind(), &self.expected())),
        }
    }
}

/// A duration within a range.
pub(crate) struct Period {
    pub(crate) default: Duration,
    pub(crate) range: RangeInclusive<Duration>,
}

impl Describe for Period {
    fn expected(&self) -> String {
        expected_period(&self.range)
    }

    fn default_toml(&self) -> Option<String> {
        Some(format!("{:?}", duration::format(self.default)))
    }
}

impl Kind for Period {
    type Raw = String;
    type Value = Duration;

    fn default(&self) -> Option<Duration> {
        Some(self.default)
    }

    fn read(&self, raw: Spanned<String>, source: &Source<'_>) -> Result<Duration, Fault> {
        let span = raw.span();
        let text = source.expand(raw.get_ref(), &span)?;
        period(&text, &self.range).map_err(|what| mismatch(&span, what, &self.expected()))
    }
}

fn expected_period(range: &RangeInclusive<Duration>) -> String {
    let [least, most] = [range.start(), range.end()].map(|end| duration::format(*end));
    format!("a duration from \"{least}\" to \"{most}\" (a whole number with ms, s, m or h)")
}

/// The duration that a text says, or what is wrong with it.
fn period(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, &'static str> {
    match duration::parse(text) {
        None => Err("no duration"),
        Some(duration) if duration < *range.start() => Err("too short"),
        Some(duration) if duration > *range.end() => Err("too long"),
        Some(duration) => Ok(duration),
    }
}

/// A duration within a range, or off, as it is by default.
pub(crate) struct OffOrPeriod {
    pub(crate) range: RangeInclusive<Duration>,
}

impl Describe for OffOrPeriod {
    fn expected(&self) -> String {
        format!("\"off\" or {}", expected_period(&self.range))
    }

    fn default_toml(&self) -> Option<String> {
        Some("\"off\"".to_owned())
    }
}

impl Kind for OffOrPeriod {
    type Raw = String;
    type Value = Option<Duration>;

    fn default(&self) -> Option<Self::Value> {
        Some(None)
    }

    fn read(&self, raw: Spanned<String>, source: &Source<'_>) -> Result<Self::Value, Fault> {
        let span = raw.span();
        let text = source.expand(raw.get_ref(), &span)?;
        if text == "off" {
            return Ok(None);
        }
        period(&text, &self.range).map(Some).map_err(|what| mismatch(&span, what, &self.expected()))
    }
}

/// A string that a type understands. The type's error says what is wrong without repeating the text.
pub(crate) struct Parsed<T> {
    default: Option<&'static str>,
    expected: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> Parsed<T> {
    pub(crate) const fn required(expected: &'static str) -> Self {
        Self { default: None, expected, value: PhantomData }
    }

    pub(crate) const fn with_default(default: &'static str, expected: &'static str) -> Self {
        Self { default: Some(default), expected, value: PhantomData }
    }
}

impl<T> Describe for Parsed<T> {
    fn expected(&self) -> String {
        self.expected.to_owned()
    }

    fn default_toml(&self) -> Option<String> {
        self.default.map(|text| format!("{text:?}"))
    }
}

impl<T: FromStr<Err: Display> + Hash> Kind for Parsed<T> {
    type Raw = String;
    type Value = T;

    fn default(&self) -> Option<T> {
        self.default.and_then(|text| text.parse().ok())
    }

    fn read(&self, raw: Spanned<String>, source: &Source<'_>) -> Result<T, Fault> {
        let span = raw.span();
        let text = source.expand(raw.get_ref(), &span)?;
        text.parse().map_err(|error| mismatch(&span, error, self.expected))
    }
}

/// Something that need not be there.
pub(crate) struct Optional<K>(pub(crate) K);

impl<K: Describe> Describe for Optional<K> {
    fn expected(&self) -> String {
        self.0.expected()
    }

    fn default_toml(&self) -> Option<String> {
        None
    }

    fn is_optional(&self) -> bool {
        true
    }
}

impl<K: Kind> Kind for Optional<K> {
    type Raw = K::Raw;
    type Value = Option<K::Value>;

    fn default(&self) -> Option<Self::Value> {
        Some(None)
    }

    fn read(&self, raw: Spanned<K::Raw>, source: &Source<'_>) -> Result<Self::Value, Fault> {
        self.0.read(raw, source).map(Some)
    }
}

/// At least one BIN listener.
pub(crate) struct Listeners;

impl Describe for Listeners {
    fn expected(&self) -> String {
        "an array of strings such as [\"bin:192.168.0.5:5566\"]".to_owned()
    }

    fn default_toml(&self) -> Option<String> {
        None
    }
}

impl Kind for Listeners {
    type Raw = Vec<Spanned<String>>;
    /// Each with its own place, for the one that cannot be bound.
    type Value = Vec<Setting<SocketAddr>>;

    fn default(&self) -> Option<Self::Value> {
        None
    }

    fn read(&self, raw: Spanned<Self::Raw>, source: &Source<'_>) -> Result<Self::Value, Fault> {
        let mut listeners: Self::Value = Vec::new();
        if raw.get_ref().is_empty() {
            let expected = "at least one (or no [bin] section, to listen nowhere)";
            return Err(mismatch(&raw.span(), "no listener", expected));
        }
        for element in raw.into_inner() {
            let span = element.span();
            let wrong = |what: &dyn Display| mismatch(&span, what, "\"bin:ADDRESS:PORT\"");
            let text = source.expand(element.get_ref(), &span)?;
            let address = listen::parse(&text).map_err(|error| wrong(&error))?;
            if listeners.iter().any(|other| other.value == address) {
                return Err(mismatch(&span, "the same listener again", "each one once"));
            }
            listeners.push(Setting::new(address, keys::BIN_LISTEN.path, source.place(&span)));
        }
        Ok(listeners)
    }
}

/// Names of hosts, none by default.
pub(crate) struct Hosts;

impl Describe for Hosts {
    fn expected(&self) -> String {
        "an array of host names such as [\"node-a.example.com\"]".to_owned()
    }

    fn default_toml(&self) -> Option<String> {
        Some("[]".to_owned())
    }
}

impl Kind for Hosts {
    type Raw = Vec<Spanned<String>>;
    type Value = Vec<HostName>;

    fn default(&self) -> Option<Self::Value> {
        Some(Vec::new())
    }

    fn read(&self, raw: Spanned<Self::Raw>, source: &Source<'_>) -> Result<Self::Value, Fault> {
        let read = |element: Spanned<String>| {
            let span = element.span();
            let text = source.expand(element.get_ref(), &span)?;
            text.parse().map_err(|error| mismatch(&span, error, "a name without a port"))
        };
        raw.into_inner().into_iter().map(read).collect()
    }
}

/// Permission bits, in octal.
pub(crate) struct Mode {
    pub(crate) default: u32,
}

impl Describe for Mode {
    fn expected(&self) -> String {
        "permission bits in octal, such as 0o660 or \"0660\"".to_owned()
    }

    fn default_toml(&self) -> Option<String> {
        Some(format!("0o{:o}", self.default))
    }
}

impl Kind for Mode {
    type Raw = Scalar;
    type Value = u32;

    fn default(&self) -> Option<u32> {
        Some(self.default)
    }

    fn read(&self, raw: Spanned<Scalar>, source: &Source<'_>) -> Result<u32, Fault> {
        let span = raw.span();
        let wrong = |what| mismatch(&span, what, &self.expected());
        let bits = match raw.into_inner() {
            Scalar::Integer(number) => {
                // A decimal 440 would be the mode 0o670.
                let written = source.text.get(span.clone()).unwrap_or_default();
                written.starts_with("0o").then_some(number).and_then(|bits| bits.try_into().ok())
            }
            Scalar::Text(text) => octal(&source.expand(&text, &span)?),
            other @ Scalar::Boolean(_) => return Err(wrong(other.kind())),
        };
        match bits.ok_or_else(|| wrong("no octal number"))? {
            bits @ 0..=0o777 => Ok(bits),
            _ => Err(wrong("more than 0o777")),
        }
    }
}

fn octal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    if only_digits { u32::from_str_radix(digits, 8).ok() } else { None }
}

/// A value that is `found` where something else was expected.
pub(crate) fn mismatch(span: &Span, found: impl Display, expected: &str) -> Fault {
    Fault::new(span.clone(), format_args!("{found}, expected {expected}"))
}

/// As [`mismatch`], for what must not be shown.
fn expanded_wrong(span: &Span, expected: &str) -> Fault {
    mismatch(span, "what the environment holds does not fit", expected)
}
