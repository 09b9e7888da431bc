//! Where something stands in a list, by its id.

use hashbrown::HashTable;

/// Positions in a list by id, found in one step however long the list is. The ids stay in the list, which
/// whoever asks has at hand: an entry is a position and nothing else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index(HashTable<u32>);

impl Index {
    /// Enters the position of `id`. `id_at` says which id stands at a position that was entered before.
    pub(crate) fn insert(
        &mut self,
        id: i32,
        position: usize,
        id_at: impl Fn(usize) -> Option<i32>,
    ) {
        // A list too long for that would not fit into memory either.
        let Ok(position) = u32::try_from(position) else { return };
        self.0.insert_unique(spread(id), position, |&other| id_at(widen(other)).map_or(0, spread));
    }

    /// The position at which `is` holds, among those entered for `id`.
    pub(crate) fn find(&self, id: i32, is: impl Fn(usize) -> bool) -> Option<usize> {
        self.0.find(spread(id), |&position| is(widen(position))).copied().map(widen)
    }
}

/// A hash of an id. Ids come from the administrator's table, so nobody picks them to collide.
fn spread(id: i32) -> u64 {
    let product = u64::from(id.cast_unsigned()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    // The lower half of a product depends on the lower half of the id only.
    product ^ (product >> 32)
}

fn widen(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn check(ids: impl Iterator<Item = i32>) {
        let ids: Vec<i32> = ids.collect();
        let mut index = Index::default();
        for (position, &id) in ids.iter().enumerate() {
            index.insert(id, position, |at| ids.get(at).copied());
        }
        for (position, &id) in ids.iter().enumerate() {
            assert_eq!(index.find(id, |at| ids[at] == id), Some(position));
            assert_eq!(index.find(-id, |at| ids[at] == -id), None);
        }
    }

    #[test]
    fn every_id_is_found_where_it_stands() {
        check(1..5_000);
        check((1..5_000).rev());
        check((1..5_000).map(|id| id << 18));
    }

    /// Else a table of such ids would be searched from one end to the other.
    #[test]
    fn ids_in_steps_of_a_power_of_two_are_spread_all_the_same() {
        for shift in 0..20 {
            let mut buckets = [0_u8; 1 << 11];
            for id in 1..1_i32 << 10 {
                let bucket = usize::try_from(spread(id << shift)).unwrap() % buckets.len();
                buckets[bucket] += 1;
            }
            let fullest = buckets.iter().max().unwrap();
            assert!(*fullest <= 8, "{fullest} share a bucket, steps of {}", 1 << shift);
        }
    }
}
