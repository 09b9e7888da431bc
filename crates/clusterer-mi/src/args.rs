//! The parameters of one request, and the rules by which commands read them.

use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

/// The parameters of a request, in the order in which the client gave them.
///
/// ```
/// use clusterer_mi::{Arg, ArgError, Args};
///
/// let args: Args = [Arg::named("cluster_id", "007"), Arg::positional("bin")].into_iter().collect();
/// assert_eq!(args.id(0), Ok(7));
/// assert_eq!(args.get(1), Some("bin"));
/// assert_eq!(args.id(2), Err(ArgError::Count));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args(Vec<Arg>);

impl Args {
    /// No parameters.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Parameters without names.
    pub fn positional<I>(values: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        values.into_iter().map(Arg::positional).collect()
    }

    /// How many there are, empty ones (`name::`) included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at a position (from 0), whatever its name: `Some("")` for a parameter that has a
    /// name only, `None` past the last.
    pub fn get(&self, position: usize) -> Option<&str> {
        self.0.get(position).map(|arg| arg.value.as_str())
    }

    /// The value at a position (from 0).
    ///
    /// # Errors
    /// [`ArgError::Count`] when there is none, or only a name with nothing after it.
    pub fn required(&self, position: usize) -> Result<&str, ArgError> {
        self.get(position).filter(|value| !value.is_empty()).ok_or(ArgError::Count)
    }

    /// The cluster, machine or other id at a position (from 0): digits only, leading zeros allowed, 1 to
    /// 2147483647.
    ///
    /// # Errors
    /// [`ArgError::Count`] as for [`Args::required`], [`ArgError::Bad`] for anything else.
    pub fn id(&self, position: usize) -> Result<u32, ArgError> {
        self.number(position, 1..=i32::MAX.unsigned_abs())
    }

    /// The number at a position (from 0): digits only, leading zeros allowed, within the range.
    ///
    /// # Errors
    /// As for [`Args::id`].
    pub fn number(&self, position: usize, range: RangeInclusive<u32>) -> Result<u32, ArgError> {
        parse_number(self.required(position)?)
            .filter(|number| range.contains(number))
            .ok_or(ArgError::Bad(position))
    }

    /// The value at a position (from 0), as whatever its text can be parsed into.
    ///
    /// # Errors
    /// As for [`Args::id`].
    pub fn parsed<T: FromStr>(&self, position: usize) -> Result<T, ArgError> {
        self.required(position)?.parse().map_err(|_| ArgError::Bad(position))
    }

    /// All of them in order, names included.
    pub fn iter(&self) -> std::slice::Iter<'_, Arg> {
        self.0.iter()
    }
}

impl FromIterator<Arg> for Args {
    fn from_iter<I: IntoIterator<Item = Arg>>(args: I) -> Self {
        Self(args.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Args {
    type Item = &'a Arg;
    type IntoIter = std::slice::Iter<'a, Arg>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One parameter of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg {
    /// The name that the client wrote before `::`, if any. May be empty.
    pub name: Option<String>,
    /// The value. May be empty if there is a name.
    pub value: String,
}

impl Arg {
    /// A value without a name.
    pub fn positional(value: impl Into<String>) -> Self {
        Self { name: None, value: value.into() }
    }

    /// A value with a name.
    pub fn named(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: Some(name.into()), value: value.into() }
    }
}

/// Why a command refuses its parameters. Turns into a reply by `MiReply::from`: the text form words
/// it as 2.2 does, JSON names the parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArgError {
    /// The value at this position (from 0) is not what the command takes.
    #[error("Bad parameter")]
    Bad(usize),
    /// A parameter is missing, or there are more than the command takes.
    #[error("Too few or too many arguments")]
    Count,
}

/// `u32::from_str` takes a plus sign, which no node of 2.2 does.
fn parse_number(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_digits_within_range() {
        let id = |text: &str| Args::positional([text]).id(0);
        assert_eq!(id("1"), Ok(1));
        assert_eq!(id("0001"), Ok(1));
        assert_eq!(id("2147483647"), Ok(2_147_483_647));
        for bad in ["0", "2147483648", "4294967297", "+1", "-1", "1 ", "1x", "0x1", "١"] {
            assert_eq!(id(bad), Err(ArgError::Bad(0)), "{bad}");
        }
    }

    #[test]
    fn a_name_with_nothing_after_it_counts_but_is_no_value() {
        let args: Args = [Arg::named("cluster_id", "")].into_iter().collect();
        assert_eq!(args.len(), 1);
        assert_eq!(args.get(0), Some(""));
        assert_eq!(args.required(0), Err(ArgError::Count));
        assert_eq!(args.get(1), None);
    }

    #[test]
    fn numbers_keep_to_their_range() {
        let status = |text: &str| Args::positional([text]).number(0, 0..=1);
        assert_eq!(status("0"), Ok(0));
        assert_eq!(status("01"), Ok(1));
        assert_eq!(status("2"), Err(ArgError::Bad(0)));
    }
}
