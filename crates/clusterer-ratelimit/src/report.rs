//! What a packet says of one pipe.

use crate::name::{SHORT, Words, words};
use crate::{Algorithm, Config, MAX_NAME};
use clusterer_bin::{Dialect, FieldError, Reader};

/// A pipe in a packet that makes sense.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) algorithm: Algorithm,
    pub(crate) limit: u32,
    pub(crate) counter: u32,
}

/// A pipe in a packet that is as nearly all are: of a short name, and it makes sense. If it is known, nothing but
/// its counter is needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brief<'a> {
    pub(crate) name: Words,
    pub(crate) counter: u32,
    /// What of the packet is behind it.
    pub(crate) behind: &'a [u8],
}

impl<'a> Brief<'a> {
    /// The pipe that the rest of a packet of the 2.2 dialect begins with. None: it is not as most are, and for
    /// [`Report::read`].
    #[inline]
    pub(crate) fn read(rest: &'a [u8]) -> Option<Self> {
        let length = usize::try_from(u32::from_le_bytes(*rest.first_chunk()?)).ok()?;
        if !(1..=SHORT).contains(&length) {
            return None;
        }
        // One look at the packet's length for all that follows.
        let (pipe, behind) = rest.split_at_checked(PREFIX + length + NUMBERS)?;
        let (numbers, counter) = pipe.split_last_chunk()?;
        let (numbers, limit) = numbers.split_last_chunk()?;
        let (_, algorithm) = numbers.split_last_chunk()?;
        let algorithm = i32::from_le_bytes(*algorithm);
        let [limit, counter] = [*limit, *counter].map(u32::from_le_bytes);
        let known = algorithm == 0 || Algorithm::from_id(algorithm).is_some();
        if !known || (limit | counter) > i32::MAX.unsigned_abs() {
            return None;
        }
        let first = *pipe.get(PREFIX..)?.first_chunk()?;
        // What is behind a name of less than four bytes may be too short, and is not looked at.
        let second = *pipe.get(PREFIX + length.min(4) + 4..)?.first_chunk()?;
        Some(Self { name: words(length, first, second), counter, behind })
    }
}

/// The length of a name.
const PREFIX: usize = 4;
/// Algorithm, limit, counter.
const NUMBERS: usize = 12;

/// Why a pipe in a packet was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    EmptyName,
    LongName,
    Negative,
    TableFull,
    UnknownAlgorithm,
}

impl<'a> Report<'a> {
    /// The next pipe of a packet.
    ///
    /// # Errors
    /// A field cannot be read, so nothing behind it can be.
    #[inline]
    pub(crate) fn read(
        body: &mut Reader<'a>,
        config: &Config,
    ) -> Result<Result<Self, Skip>, FieldError> {
        let name = body.str()?;
        if body.dialect() == Dialect::V24 {
            // Flags, which say nothing about the pipe's count.
            body.int()?;
        }
        Ok(Self::new(name, numbers(body)?, config))
    }

    #[inline]
    fn new(
        name: &'a [u8],
        [algorithm, limit, counter]: [i32; 3],
        config: &Config,
    ) -> Result<Self, Skip> {
        match name.len() {
            0 => return Err(Skip::EmptyName),
            1..=MAX_NAME => {}
            _ => return Err(Skip::LongName),
        }
        let algorithm = match algorithm {
            0 => config.default_algorithm,
            id => Algorithm::from_id(id).ok_or(Skip::UnknownAlgorithm)?,
        };
        let limit = u32::try_from(limit).map_err(|_| Skip::Negative)?;
        let counter = u32::try_from(counter).map_err(|_| Skip::Negative)?;
        Ok(Self { name, algorithm, limit, counter })
    }
}

/// Algorithm, limit, counter.
#[inline]
fn numbers(body: &mut Reader<'_>) -> Result<[i32; 3], FieldError> {
    match body.raw(12) {
        // One look at the packet's length for all three.
        Ok(&[a0, a1, a2, a3, l0, l1, l2, l3, c0, c1, c2, c3]) => {
            Ok([[a0, a1, a2, a3], [l0, l1, l2, l3], [c0, c1, c2, c3]].map(i32::from_le_bytes))
        }
        // Which of them is not there.
        _ => Ok([body.int()?, body.int()?, body.int()?]),
    }
}

impl Skip {
    pub(crate) const ALL: [Self; 5] =
        [Self::EmptyName, Self::LongName, Self::Negative, Self::TableFull, Self::UnknownAlgorithm];

    /// The value of the metric's label.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::EmptyName => "empty_name",
            Self::LongName => "long_name",
            Self::Negative => "negative",
            Self::TableFull => "table_full",
            Self::UnknownAlgorithm => "unknown_algorithm",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    /// Else it would still be found, by the other way, or taken for another whose words are these.
    #[test]
    fn a_brief_pipe_has_the_words_of_its_name_whatever_its_length() {
        for length in 1..=SHORT {
            let name: Vec<u8> = (b'a'..).take(length).collect();
            let prefix = u32::try_from(length).unwrap().to_le_bytes();
            let numbers = [1_u32, 100, 7].map(u32::to_le_bytes).concat();
            let packet = [&prefix[..], &name, &numbers, b"rest"].concat();
            let brief = Brief::read(&packet).unwrap();
            let Name::Short(words) = Name::new(&name) else { panic!("{length} is short") };
            assert_eq!((brief.name, brief.counter, brief.behind), (words, 7, &b"rest"[..]));
        }
    }
}
