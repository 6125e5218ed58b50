//! An ordered map that wastes little memory: entries lie in chunks, and a tree finds the chunk.
//!
//! ```text
//!   head      rest: bound of the chunk -> chunk
//!   [a b c]   d -> [d e f]   g -> [g i j]        keys below d are in the head
//! ```
//! A million keys that come in order fill their chunks; the nodes of a B-tree would stay half empty.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

/// Most entries of a chunk: moving them costs less than finding them in a tree.
const CHUNK: usize = 64;
/// A chunk with this few entries is joined with the next one,
const SPARSE: usize = CHUNK / 4;
/// unless they would have more than this together.
const JOINED: usize = CHUNK * 3 / 4;

/// Entries in the order of their keys; logarithmic, whatever the order in which they come and go.
#[derive(Debug, Clone)]
pub(crate) struct PackedMap<K, V> {
    head: Chunk<K, V>,
    rest: BTreeMap<K, Chunk<K, V>>,
}

/// Keys in their order.
pub(crate) type PackedSet<K> = PackedMap<K, ()>;

type Chunk<K, V> = Vec<(K, V)>;

impl<K, V> Default for PackedMap<K, V> {
    fn default() -> Self {
        Self { head: Vec::new(), rest: BTreeMap::new() }
    }
}

impl<K: Ord + Copy, V> PackedMap<K, V> {
    pub(crate) fn first(&self) -> Option<&K> {
        // The head is empty only if all is.
        self.head.first().map(|(key, _)| key)
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let chunk = self.chunk(key);
        let at = position(chunk, key).ok()?;
        chunk.get(at).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let chunk = self.chunk_mut(key);
        let at = position(chunk, key).ok()?;
        chunk.get_mut(at).map(|(_, value)| value)
    }

    /// Adds an entry, and returns the value that it replaces.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let chunk = self.chunk_mut(&key);
        let at = match position(chunk, &key) {
            Ok(at) => return Some(std::mem::replace(&mut chunk[at].1, value)),
            Err(at) => at,
        };
        let added = if chunk.len() < CHUNK {
            chunk.insert(at, (key, value));
            None
        } else if at == CHUNK {
            // What comes in order leaves full chunks behind.
            Some(vec![(key, value)])
        } else {
            let mut upper = chunk.split_off(CHUNK / 2);
            match at.checked_sub(CHUNK / 2) {
                Some(at) => upper.insert(at, (key, value)),
                None => chunk.insert(at, (key, value)),
            }
            chunk.shrink_to_fit();
            Some(upper)
        };
        if let Some(added) = added
            && let Some((bound, _)) = added.first()
        {
            self.rest.insert(*bound, added);
        }
        None
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let chunk = self.chunk_mut(key);
        let at = position(chunk, key).ok()?;
        let (_, value) = chunk.remove(at);
        let is_sparse = chunk.len() <= SPARSE;
        if is_sparse {
            self.join(key);
        }
        Some(value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let rest = self.rest.values().flatten();
        self.head.iter().chain(rest).map(|(key, value)| (key, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn range<R: RangeBounds<K>>(&self, range: R) -> impl Iterator<Item = (&K, &V)> {
        let begin = match range.start_bound() {
            Bound::Included(key) | Bound::Excluded(key) => self.bound(key),
            Bound::Unbounded => None,
        };
        let head: &[(K, V)] = if begin.is_none() { &self.head } else { &[] };
        let first = begin.map_or(Bound::Unbounded, Bound::Included);
        let rest = self.rest.range((first, Bound::Unbounded)).flat_map(|(_, chunk)| chunk);
        let begin = range.start_bound().cloned();
        let end = range.end_bound().cloned();
        head.iter()
            .chain(rest)
            .skip_while(move |(key, _)| !(begin, Bound::Unbounded).contains(key))
            .take_while(move |(key, _)| (Bound::Unbounded, end).contains(key))
            .map(|(key, value)| (key, value))
    }

    /// Returns the bound of the chunk for a key; `None` is the head.
    fn bound(&self, key: &K) -> Option<K> {
        self.rest.range(..=key).next_back().map(|(bound, _)| *bound)
    }

    fn chunk(&self, key: &K) -> &Chunk<K, V> {
        self.rest.range(..=key).next_back().map_or(&self.head, |(_, chunk)| chunk)
    }

    fn chunk_mut(&mut self, key: &K) -> &mut Chunk<K, V> {
        self.rest.range_mut(..=key).next_back().map_or(&mut self.head, |(_, chunk)| chunk)
    }

    /// Joins the chunk for a key with the one after it, else with the one before it; an empty one
    /// goes.
    fn join(&mut self, key: &K) {
        let own = self.bound(key);
        let after = own.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.rest.range((after, Bound::Unbounded)).next().map(|(bound, _)| *bound);
        let joined = [next, own].into_iter().flatten().any(|bound| self.join_below(bound));
        if !joined && self.rest.is_empty() {
            self.head.shrink_to(2 * self.head.len());
        }
    }

    /// Moves a chunk into the one before it, if they have few entries together.
    fn join_below(&mut self, bound: K) -> bool {
        let Some(chunk) = self.rest.remove(&bound) else { return false };
        let lower = self.chunk_mut(&bound);
        if lower.is_empty() {
            *lower = chunk;
        } else if lower.len() + chunk.len() <= JOINED || chunk.is_empty() {
            lower.extend(chunk);
        } else {
            self.rest.insert(bound, chunk);
            return false;
        }
        true
    }
}

fn position<K: Ord, V>(chunk: &Chunk<K, V>, key: &K) -> Result<usize, usize> {
    chunk.binary_search_by(|(other, _)| other.cmp(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::Random;

    #[test]
    fn it_does_what_a_tree_does() {
        for seed in 0..20 {
            let mut random = Random(seed);
            let mut below = |limit: u64| random.next() % limit;
            let (mut packed, mut tree) = (PackedMap::default(), BTreeMap::new());
            for step in 0..4000 {
                // It grows, then shrinks; keys come in order, or anyhow.
                let grows = (step / 1000) % 2 == 0;
                let key = if seed % 2 == 0 { below(700) } else { step % 1000 };
                if below(5) > 0 && grows {
                    assert_eq!(packed.insert(key, step), tree.insert(key, step));
                } else {
                    assert_eq!(packed.remove(&key), tree.remove(&key));
                }
                assert_eq!(packed.get(&key), tree.get(&key));
                let (from, to) = (below(700), below(700));
                let (from, to) = (from.min(to), from.max(to));
                assert!(packed.range(from..=to).take(9).eq(tree.range(from..=to).take(9)));
                assert_eq!(packed.first(), tree.first_key_value().map(|(key, _)| key));
                check(&packed);
            }
            assert!(packed.iter().eq(tree.iter()));
            while let Some(key) = packed.first().copied() {
                assert_eq!(packed.remove(&key), tree.remove(&key));
                check(&packed);
            }
            assert!(tree.is_empty() && packed.rest.is_empty());
        }
    }

    #[test]
    fn keys_that_come_in_order_fill_their_chunks() {
        let mut packed = PackedSet::default();
        for key in 0..10_000 {
            packed.insert(key, ());
        }
        let capacity: usize = packed.rest.values().map(Vec::capacity).sum();
        assert!(capacity + packed.head.capacity() <= 10_000 + CHUNK, "{capacity}");
    }

    #[test]
    fn what_is_left_of_many_takes_little_room() {
        let mut packed = PackedSet::default();
        for key in 0..10_000 {
            packed.insert(key, ());
        }
        for key in (0..10_000).filter(|key| key % 50 != 0) {
            packed.remove(&key);
        }
        assert!(packed.rest.len() <= 200 / SPARSE + 1, "{} chunks", packed.rest.len());
    }

    fn check<K: Ord + Copy, V>(packed: &PackedMap<K, V>) {
        assert_eq!(packed.head.is_empty(), packed.iter().next().is_none());
        for (bound, chunk) in &packed.rest {
            assert!((1..=CHUNK).contains(&chunk.len()));
            assert!(chunk.iter().all(|(key, _)| key >= bound));
        }
        assert!(packed.keys().is_sorted());
    }
}
