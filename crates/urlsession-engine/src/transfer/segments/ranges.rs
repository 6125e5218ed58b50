//! A set of bytes of one file, as ranges in order that do not touch each other.

use std::ops::Range;
use urlsession_core::{FurtherRanges, ResumeState};

/// Most ranges of one file: what has more is split no further, and a record with more is not ours.
pub(crate) const RANGES_LIMIT: usize = 64;

/// The set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// Reads what a state says is synced. Where its further ranges are none, only its first bytes
    /// count.
    pub(crate) fn of(state: &ResumeState) -> Self {
        let mut set = Self::default();
        set.insert(0..state.durable_bytes);
        let mut end = state.durable_bytes;
        let total = state.total_bytes.unwrap_or(u64::MAX);
        let further = state.further.as_ref().map_or(&[][..], |further| &further.0);
        let are_sound = further.len() <= RANGES_LIMIT
            && further.iter().all(|&(from, to)| {
                let is_sound = end < from && from < to && to <= total;
                end = to;
                is_sound
            });
        if are_sound {
            set.0.extend(further.iter().map(|&(from, to)| from..to));
        }
        set
    }

    /// Writes the set into a state.
    pub(crate) fn write(&self, state: &mut ResumeState) {
        state.durable_bytes = self.prefix();
        let further = self.0.iter().filter(|range| range.start > 0);
        let further: Vec<_> = further.map(|range| (range.start, range.end)).collect();
        state.further = (!further.is_empty()).then(|| Box::new(FurtherRanges(further)));
    }

    /// Adds bytes; some may be there already.
    pub(crate) fn insert(&mut self, new: Range<u64>) {
        if new.is_empty() {
            return;
        }
        let first = self.0.partition_point(|range| range.end < new.start);
        let after = self.0.partition_point(|range| range.start <= new.end);
        let Some(touched) = self.0.get(first..after).filter(|touched| !touched.is_empty()) else {
            self.0.insert(first, new);
            return;
        };
        let start = touched[0].start.min(new.start);
        let end = touched[touched.len() - 1].end.max(new.end);
        self.0[first] = start..end;
        self.0.drain(first + 1..after);
    }

    /// Returns how many bytes are in it.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// Returns how many bytes are in it from the start of the file without a hole.
    pub(crate) fn prefix(&self) -> u64 {
        self.0.first().filter(|range| range.start == 0).map_or(0, |range| range.end)
    }

    /// Returns where its last byte ends.
    pub(crate) fn end(&self) -> u64 {
        self.0.last().map_or(0, |range| range.end)
    }

    /// Returns how many ranges it has.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns what a file of that size has and the set has not.
    pub(crate) fn holes(&self, total: u64) -> Vec<Range<u64>> {
        let starts = std::iter::once(0).chain(self.0.iter().map(|range| range.end));
        let ends = self.0.iter().map(|range| range.start).chain([total]);
        starts.zip(ends).map(|(from, to)| from..to).filter(|hole| !hole.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ranges: &[(u64, u64)]) -> Ranges {
        let mut set = Ranges::default();
        for &(from, to) in ranges {
            set.insert(from..to);
        }
        set
    }

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "a set of one range")]
    fn what_touches_becomes_one() {
        for (inserted, expected) in [
            (&[(0, 0)][..], vec![]),
            (&[(5, 7)], vec![5..7]),
            (&[(5, 7), (0, 2)], vec![0..2, 5..7]),
            (&[(5, 7), (7, 9)], vec![5..9]),
            (&[(5, 7), (3, 5)], vec![3..7]),
            (&[(0, 2), (4, 6), (8, 10), (1, 9)], vec![0..10]),
            (&[(0, 2), (4, 6), (8, 10), (2, 4)], vec![0..6, 8..10]),
            (&[(0, 10), (3, 4)], vec![0..10]),
            (&[(3, 4), (0, 10)], vec![0..10]),
        ] {
            assert_eq!(of(inserted).0, expected, "{inserted:?}");
        }
    }

    #[test]
    fn numbers_of_a_set() {
        let set = of(&[(0, 3), (5, 6), (8, 10)]);
        assert_eq!((set.total(), set.prefix(), set.end(), set.count()), (6, 3, 10, 3));
        assert_eq!(set.holes(12), [3..5, 6..8, 10..12]);
        assert_eq!(of(&[(1, 10)]).holes(10).len(), 1);
        assert_eq!(of(&[(1, 10)]).prefix(), 0);
        assert!(of(&[(0, 10)]).holes(10).is_empty());
    }

    #[test]
    fn a_state_tells_the_set_and_is_not_believed_blindly() {
        let mut state = ResumeState {
            part: "/p".into(),
            inode: 1,
            durable_bytes: 0,
            further: None,
            total_bytes: Some(20),
            etag: None,
            last_modified: None,
            response: urlsession_protocol::Response::default(),
        };
        let set = of(&[(0, 3), (5, 6), (8, 20)]);
        set.write(&mut state);
        let further = |ranges: &[(u64, u64)]| Some(Box::new(FurtherRanges(ranges.into())));
        assert_eq!((state.durable_bytes, &state.further), (3, &further(&[(5, 6), (8, 20)])));
        assert_eq!(state.synced_bytes(), 16);
        assert_eq!(Ranges::of(&state), set);
        for wrong in [[(3, 6), (8, 9)], [(5, 5), (8, 9)], [(8, 9), (5, 6)], [(5, 6), (8, 21)]] {
            state.further = further(&wrong);
            assert_eq!(Ranges::of(&state), of(&[(0, 3)]), "{wrong:?}");
        }
        let many = (0..=RANGES_LIMIT as u64).map(|n| (10 + 2 * n, 11 + 2 * n));
        state.further = further(&many.collect::<Vec<_>>());
        state.total_bytes = None;
        assert_eq!(Ranges::of(&state), of(&[(0, 3)]));
    }
}
