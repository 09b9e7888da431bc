//! Names of pipes, as they are looked up: most are short, and are then two words.

use hashbrown::DefaultHashBuilder;
use std::hash::{BuildHasher, Hasher};

/// The longest name that is two words: its length stands in the last byte.
pub(crate) const SHORT: usize = 15;

/// A name of up to [`SHORT`] bytes, and its length: never zeros.
pub(crate) type Words = [u64; 2];

/// A name, by the table in which it is looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name<'a> {
    Short(Words),
    Long(&'a [u8]),
}

impl<'a> Name<'a> {
    /// Of a name that is not empty.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        if bytes.len() > SHORT {
            return Self::Long(bytes);
        }
        let (mut first, mut second) = ([0; 8], [0; 8]);
        let padded = first.iter_mut().chain(&mut second);
        padded.zip(bytes).for_each(|(to, byte)| *to = *byte);
        Self::Short(words(bytes.len(), first, second))
    }
}

/// Hashes names. They come from peers: with a seed of our own, none can be picked to collide. Nothing that
/// can be seen depends on it.
#[derive(Debug, Default)]
pub(crate) struct Seed(DefaultHashBuilder);

impl Seed {
    #[inline]
    pub(crate) fn short(&self, [low, high]: Words) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write_u128(u128::from(high) << 64 | u128::from(low));
        hasher.finish()
    }

    pub(crate) fn long(&self, name: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(name);
        hasher.finish()
    }
}

/// Of a short name, by the sixteen bytes that it begins, whatever stands behind it. Of a name of up to eight, the
/// latter eight are not looked at.
#[inline]
pub(crate) fn words(length: usize, first: [u8; 8], second: [u8; 8]) -> Words {
    // No branch: what it costs would depend on the name's length, which a processor could only guess.
    let [low, high] = MASKS.get(length).copied().unwrap_or_default();
    let end = u64::try_from(length).unwrap_or(0) << 56;
    [u64::from_le_bytes(first) & low, u64::from_le_bytes(second) & high | end]
}

/// The bytes that are a short name's own, by its length.
#[expect(clippy::indexing_slicing, reason = "a wrong index would not compile")]
const MASKS: [Words; SHORT + 1] = {
    const fn mask(bytes: usize) -> u64 {
        if bytes == 0 { 0 } else { u64::MAX >> (64 - 8 * bytes) }
    }
    let mut masks = [[0; 2]; SHORT + 1];
    let mut length = 0;
    while length <= SHORT {
        let low = if length < 8 { length } else { 8 };
        masks[length] = [mask(low), mask(length - low)];
        length += 1;
    }
    masks
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn short(name: &[u8], behind: &[u8]) -> Words {
        let bytes = [name, behind].concat();
        words(name.len(), *bytes.first_chunk().unwrap(), *bytes[8..].first_chunk().unwrap())
    }

    proptest! {
        #[test]
        fn words_are_the_name_s_whatever_follows_it(
            name in prop::collection::vec(0_u8..3, 1..=SHORT),
            other in prop::collection::vec(0_u8..3, 1..=SHORT),
            behind in any::<[u8; 16]>(),
        ) {
            let found = short(&name, &behind);
            prop_assert_eq!(short(&other, &behind) == found, name == other);
            let Name::Short(known) = Name::new(&name) else { panic!("{name:?} is short") };
            prop_assert_eq!(found, known);
        }
    }

    #[test]
    fn a_name_is_short_up_to_its_limit_and_never_zeros() {
        for length in 1..=SHORT {
            assert!(matches!(Name::new(&vec![0; length]), Name::Short(words) if words != [0; 2]));
        }
        assert!(matches!(Name::new(&[0; SHORT + 1]), Name::Long([0, ..])));
    }
}
