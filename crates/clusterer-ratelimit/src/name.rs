//! Names of pipes, as they are looked up: most are short, and are then two words.

use hashbrown::DefaultHashBuilder;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

/// The longest name that is two words.
const SHORT: usize = 16;

/// A name to look up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) bytes: &'a [u8],
    /// Up to [`SHORT`] bytes, then zeros. Of a longer name nobody looks at them.
    words: [u64; 2],
}

/// A name to find.
#[derive(Debug)]
pub(crate) enum Key {
    Short {
        length: u8,
        words: [u64; 2],
    },
    /// The pipe's own.
    Long(Arc<[u8]>),
}

impl<'a> Name<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut padded = [0; SHORT];
        padded.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
        Self::before(bytes, &padded)
    }

    /// The same for a name that begins `rest`, where the bytes behind it need not be its own: they are
    /// masked out. So what it costs does not depend on the name's length, which a processor could only guess.
    #[inline]
    pub(crate) fn before(bytes: &'a [u8], rest: &[u8]) -> Self {
        let Some((&low, rest)) = rest.split_first_chunk() else { return Self::new(bytes) };
        let high = match rest.first_chunk() {
            Some(&high) => high,
            None if bytes.len() <= 8 => [0; 8],
            None => return Self::new(bytes),
        };
        let words = [
            u64::from_le_bytes(low) & mask(bytes.len().min(8)),
            u64::from_le_bytes(high) & mask(bytes.len().saturating_sub(8).min(8)),
        ];
        Self { bytes, words }
    }

    #[inline]
    pub(crate) fn is(&self, key: &Key) -> bool {
        match key {
            Key::Short { length, words } => {
                self.bytes.len() == usize::from(*length) && self.words == *words
            }
            Key::Long(name) => *self.bytes == **name,
        }
    }

    /// Of a pipe with this name.
    pub(crate) fn key(&self, own: &Arc<[u8]>) -> Key {
        match u8::try_from(self.bytes.len()) {
            Ok(length) if self.is_short() => Key::Short { length, words: self.words },
            _ => Key::Long(Arc::clone(own)),
        }
    }

    const fn is_short(&self) -> bool {
        self.bytes.len() <= SHORT
    }
}

/// Hashes names. They come from peers: with a seed of our own, none can be picked to collide. Nothing that
/// can be seen depends on it.
#[derive(Debug, Default)]
pub(crate) struct Seed(DefaultHashBuilder);

impl Seed {
    #[inline]
    pub(crate) fn hash(&self, name: &Name<'_>) -> u64 {
        if name.is_short() { self.short(name.words) } else { self.long(name.bytes) }
    }

    pub(crate) fn hash_key(&self, key: &Key) -> u64 {
        match key {
            Key::Short { words, .. } => self.short(*words),
            Key::Long(name) => self.long(name),
        }
    }

    /// Names that differ only by zeros at their end collide: there are no more than [`SHORT`].
    #[inline]
    fn short(&self, [low, high]: [u64; 2]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write_u128(u128::from(high) << 64 | u128::from(low));
        hasher.finish()
    }

    fn long(&self, name: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(name);
        hasher.finish()
    }
}

/// The lowest bytes of a word, up to eight.
#[inline]
fn mask(bytes: usize) -> u64 {
    // At most 64, so it always is a number of bits.
    let others = 64 - 8 * u32::try_from(bytes).unwrap_or(8).min(8);
    u64::MAX.checked_shr(others).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_is_found_whatever_follows_it(
            name in prop::collection::vec(0_u8..3, 1..20),
            other in prop::collection::vec(0_u8..3, 1..20),
            behind in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let rest = [&name[..], &behind].concat();
            let found = Name::before(&name, &rest);
            let seed = Seed::default();
            let key = Name::new(&name).key(&name[..].into());
            prop_assert!(found.is(&key));
            prop_assert_eq!(seed.hash(&found), seed.hash_key(&key));
            let others = Name::new(&other).key(&other[..].into());
            prop_assert_eq!(found.is(&others), name == other);
        }
    }

    #[test]
    fn a_mask_has_as_many_bytes_as_it_is_told() {
        let masks = [0, 1, 7, 8, 9].map(mask);
        assert_eq!(masks, [0, 0xff, u64::MAX >> 8, u64::MAX, u64::MAX]);
    }
}
