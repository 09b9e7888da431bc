//! What a packet says of one pipe.

use crate::name::Name;
use crate::{Algorithm, Config, MAX_NAME};
use clusterer_bin::{Dialect, FieldError, Reader};

/// A pipe in a packet that makes sense.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) algorithm: Algorithm,
    pub(crate) limit: u32,
    pub(crate) counter: u32,
}

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
        let before = body.rest();
        let bytes = body.str()?;
        // It ends where the rest begins.
        let begin = before.len() - body.rest().len() - bytes.len();
        let name = Name::before(bytes, before.get(begin..).unwrap_or_default());
        if body.dialect() == Dialect::V24 {
            // Flags, which say nothing about the pipe's count.
            body.int()?;
        }
        Ok(Self::new(name, numbers(body)?, config))
    }

    #[inline]
    fn new(
        name: Name<'a>,
        [algorithm, limit, counter]: [i32; 3],
        config: &Config,
    ) -> Result<Self, Skip> {
        match name.bytes.len() {
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
