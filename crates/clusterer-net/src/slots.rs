//! The mio thread's sockets by token. A token names a slot and its generation, for slots are reused
//! while events of their former user may still be on their way.

use mio::Token;

const INDEX_BITS: u32 = usize::BITS / 2;
const INDEX_MASK: usize = (1 << INDEX_BITS) - 1;
/// Generations stop short of the top bit, which marks the fixed tokens.
const GENERATIONS: usize = 1 << (INDEX_BITS - 1);

/// A value's name: its slot and the slot's generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(usize);

impl Key {
    pub(crate) const fn token(self) -> Token {
        Token(self.0)
    }

    /// The key behind a token, if the token is not one of the fixed ones.
    pub(crate) const fn from_token(token: Token) -> Option<Self> {
        if token.0 >> (usize::BITS - 1) == 0 { Some(Self(token.0)) } else { None }
    }

    const fn new(index: usize, generation: usize) -> Self {
        Self(generation << INDEX_BITS | index)
    }

    const fn index(self) -> usize {
        self.0 & INDEX_MASK
    }
}

/// The token of the n-th thing that is there from start to end.
pub(crate) const fn fixed_token(n: usize) -> Token {
    Token(usize::MAX - n)
}

/// The n of a fixed token.
pub(crate) const fn fixed(token: Token) -> usize {
    usize::MAX - token.0
}

#[derive(Debug)]
pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: usize,
    value: Option<T>,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// The key that the next value will get.
    pub(crate) fn next_key(&self) -> Key {
        let index = self.free.last().copied().unwrap_or(self.slots.len());
        Key::new(index, self.slots.get(index).map_or(0, |slot| slot.generation))
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        let key = self.next_key();
        self.free.pop();
        match self.slots.get_mut(key.index()) {
            Some(slot) => slot.value = Some(value),
            None => self.slots.push(Slot { generation: 0, value: Some(value) }),
        }
        key
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.index())?;
        if Key::new(key.index(), slot.generation) == key { slot.value.as_mut() } else { None }
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| slot.value.as_mut())
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(index, slot)| {
            slot.value.as_ref().map(|value| (Key::new(index, slot.generation), value))
        })
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.index())?;
        if Key::new(key.index(), slot.generation) != key {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = (slot.generation + 1) % GENERATIONS;
        self.free.push(key.index());
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_slot_has_another_key() {
        let mut slots = Slots::new();
        let (a, b) = (slots.insert('a'), slots.insert('b'));
        assert_eq!(slots.remove(a), Some('a'));
        assert_eq!(slots.remove(a), None);
        let foreseen = slots.next_key();
        let c = slots.insert('c');
        assert_eq!(c, foreseen);
        assert_eq!(c.index(), a.index());
        assert_eq!(slots.get_mut(a), None);
        assert_eq!(slots.get_mut(b), Some(&mut 'b'));
        assert_eq!(slots.get_mut(c), Some(&mut 'c'));
    }

    #[test]
    fn fixed_tokens_are_no_keys() {
        assert_eq!(Key::from_token(fixed_token(3)), None);
        assert_eq!(fixed(fixed_token(3)), 3);
        let last = Key::new(INDEX_MASK, GENERATIONS - 1);
        assert_eq!(Key::from_token(last.token()), Some(last));
    }
}
