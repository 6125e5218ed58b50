//! Which connection brings which bytes: holes that nobody fetches, spans under way, and how a span is
//! split for one connection more.
//!
//! ```text
//!   |==written==|---span---|---span---|==|...hole...|==written==|
//!                     └── a part is taken off the end of the longest
//! ```

use super::ranges::{RANGES_LIMIT, Ranges};
use super::span::Span;
use crate::transfer::splice::PIPE_SIZE;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Fewest bytes that are worth a request of their own.
pub(crate) const SEGMENT_MINIMUM: u64 = 256 * 1024;
// A connection that others take a part off still has as much as it may be moving just then: it would
// have brought too much otherwise.
const _: () = assert!(PIPE_SIZE as u64 <= SEGMENT_MINIMUM);

/// The plan of one attempt.
#[derive(Debug)]
pub(crate) struct Plan {
    holes: Vec<Range<u64>>,
    spans: BTreeMap<u32, Arc<Span>>,
    next: u32,
}

/// How much a further connection takes of the longest span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// The latter half.
    Half,
    /// So many bytes of its end, and never more than a quarter: if nothing is gained by it, they are
    /// there before the span ends where they begin, and no byte is fetched or sent for nothing.
    Tail(u64),
}

impl Plan {
    /// Plans to fetch what is not written of a file of that size.
    pub(crate) fn new(total: u64, written: &Ranges) -> Self {
        Self { holes: written.holes(total), spans: BTreeMap::new(), next: 0 }
    }

    /// Returns what a connection is to ask for first: the first hole.
    pub(crate) fn first_hole(&self) -> Option<Range<u64>> {
        self.holes.first().cloned()
    }

    /// Says whether all is fetched.
    pub(crate) fn is_done(&self) -> bool {
        self.holes.is_empty() && self.spans.values().all(|span| span.is_given_up())
    }

    /// Returns what a further connection is to fetch: a hole, else a share of the longest span, none
    /// of which leaves less than `least` to either of the two.
    pub(crate) fn choose(&self, share: Share, least: u64, written: usize) -> Option<Range<u64>> {
        if let Some(hole) = self.first_hole() {
            return Some(hole);
        }
        // Each split may end as a range of its own.
        if written + self.spans.len() >= RANGES_LIMIT {
            return None;
        }
        let longest = self.spans.values().max_by_key(|span| span.rest())?;
        let (rest, end) = (longest.rest(), longest.end());
        let part = match share {
            Share::Half => rest / 2,
            Share::Tail(bytes) => bytes.min(rest / 4),
        };
        (part >= least.max(SEGMENT_MINIMUM)).then(|| end - part..end)
    }

    /// Gives the range to a connection whose server sends up to `last`, and returns its number.
    pub(crate) fn begin(&mut self, range: Range<u64>, last: u64) -> (u32, Arc<Span>) {
        let end = range.end.min(last);
        self.holes.retain_mut(|hole| {
            if hole.start == range.start {
                hole.start = end;
            }
            !hole.is_empty()
        });
        let span = Arc::new(Span::new(range.start, end, last));
        for other in self.spans.values() {
            if (other.at()..other.end()).contains(&range.start) {
                other.yield_to(&span);
            }
        }
        let number = self.next;
        self.next += 1;
        self.spans.insert(number, Arc::clone(&span));
        if end < range.end {
            self.leave(end..range.end);
        }
        (number, span)
    }

    /// Ends a span; what has not come is a hole, unless who comes before it sends that as well.
    pub(crate) fn end(&mut self, number: u32) {
        let Some(span) = self.spans.remove(&number) else { return };
        span.give_up();
        if span.rest() > 0 {
            self.leave(span.at()..span.end());
        }
    }

    fn leave(&mut self, hole: Range<u64>) {
        let mut holes = std::mem::take(&mut self.holes);
        holes.push(hole);
        holes.sort_by_key(|hole| hole.start);
        for mut hole in holes {
            if let Some(before) = self.spans.values().find(|span| span.end() == hole.start) {
                before.set_end(hole.end);
                hole.start = before.end();
            }
            match self.holes.last_mut() {
                Some(last) if last.end == hole.start => last.end = hole.end,
                _ if hole.is_empty() => {}
                _ => self.holes.push(hole),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: u64 = 1024 * 1024;

    fn spans(plan: &Plan) -> Vec<Range<u64>> {
        let mut spans: Vec<_> = plan.spans.values().map(|span| span.at()..span.end()).collect();
        spans.sort_by_key(|span| span.start);
        spans
    }

    /// A plan for 64 MiB whose first connection has been sent all of it and is at the first byte.
    fn led() -> (Plan, Arc<Span>) {
        let mut plan = Plan::new(64 * M, &Ranges::default());
        let (_, lead) = plan.begin(0..64 * M, 64 * M);
        (plan, lead)
    }

    #[test]
    fn four_connections_share_a_file() {
        let (mut plan, lead) = led();
        for _ in 1..4 {
            let range = plan.choose(Share::Half, 0, 1).unwrap();
            let last = range.end;
            plan.begin(range, last);
        }
        assert_eq!(spans(&plan), [0..16 * M, 16 * M..32 * M, 32 * M..48 * M, 48 * M..64 * M]);
        assert!(!lead.is_cut());
        lead.advance(16 * M);
        assert!(lead.is_cut(), "its server goes on sending");
    }

    #[test]
    fn who_is_done_takes_the_latter_half_of_the_longest_rest() {
        let (mut plan, lead) = led();
        let (second, span) = plan.begin(32 * M..64 * M, 64 * M);
        lead.advance(8 * M);
        span.advance(64 * M);
        plan.end(second);
        assert_eq!(plan.choose(Share::Half, 0, 2), Some(20 * M..32 * M));
        assert_eq!(plan.choose(Share::Half, 13 * M, 2), None, "not worth it");
        assert_eq!(plan.choose(Share::Half, 0, RANGES_LIMIT), None, "split too often");
    }

    #[test]
    fn what_a_trial_leaves_nobody_fetches_twice() {
        let (mut plan, lead) = led();
        lead.advance(10 * M);
        assert_eq!(plan.choose(Share::Tail(2 * M), 0, 1), Some(62 * M..64 * M));
        let quarter = 64 * M - 54 * M / 4..64 * M;
        assert_eq!(plan.choose(Share::Tail(60 * M), 0, 1), Some(quarter), "a quarter at most");
        let (trial, span) = plan.begin(62 * M..64 * M, 64 * M);
        span.advance(64 * M);
        plan.end(trial);
        assert_eq!(spans(&plan).first(), Some(&(10 * M..62 * M)));
        assert_eq!(plan.first_hole(), None);
    }

    #[test]
    fn a_span_that_ends_early_falls_back_to_who_sends_it_anyway() {
        // how far the other was => the spans and the hole then
        for (at, expected, hole) in
            [(32 * M, 0..64 * M, None), (40 * M, 0..32 * M, Some(40 * M..64 * M))]
        {
            let (mut plan, _) = led();
            let (other, span) = plan.begin(32 * M..64 * M, 64 * M);
            span.advance(at);
            plan.end(other);
            assert_eq!(spans(&plan), [expected]);
            assert_eq!(plan.first_hole(), hole);
            assert!(plan.choose(Share::Half, 0, 1).is_some());
        }
    }

    /// Its response may be another than was asked for, and then only the first connection had it.
    #[test]
    fn what_a_connection_has_no_response_to_is_taken_back() {
        // how many of the others begin, from the end of the file => where the first one is cut
        for (begun, cut) in [(0, None), (1, Some(48 * M)), (2, Some(32 * M)), (3, Some(16 * M))] {
            let (mut plan, lead) = led();
            lead.begin();
            let mut others: Vec<_> = (1..4)
                .map(|_| {
                    let range = plan.choose(Share::Half, 0, 1).unwrap();
                    let last = range.end;
                    plan.begin(range, last)
                })
                .collect();
            others.sort_by_key(|(_, span)| std::cmp::Reverse(span.at()));
            assert!(others.iter().take(begun).all(|(_, span)| span.begin()));
            let mut at = 16 * M;
            lead.advance(at);
            while lead.is_cut() && lead.take_back() {
                at += 16 * M;
                assert_eq!(lead.end(), at, "{begun}: one after the other");
                lead.advance(at);
            }
            assert_eq!(lead.is_cut().then_some(at), cut, "{begun}");
            assert!(others.iter().skip(begun).all(|(_, span)| !span.begin()), "{begun}");
            plan.end(0);
            for (number, span) in others.iter().take(begun) {
                assert!(!plan.is_done(), "{begun}");
                span.advance(span.end());
                plan.end(*number);
            }
            assert!(plan.is_done(), "{begun}");
        }
    }

    #[test]
    fn what_a_server_does_not_send_is_not_taken_back() {
        let mut plan = Plan::new(64 * M, &Ranges::default());
        let (_, first) = plan.begin(0..32 * M, 32 * M);
        plan.begin(32 * M..64 * M, 64 * M);
        let (_, third) = plan.begin(16 * M..32 * M, 32 * M);
        assert!(third.begin());
        third.advance(32 * M);
        first.advance(16 * M);
        assert!(!third.take_back() && !first.take_back());
    }

    #[test]
    fn what_several_leave_is_one_hole_again() {
        let (mut plan, lead) = led();
        let numbers: Vec<_> = (1..4)
            .map(|_| {
                let range = plan.choose(Share::Half, 0, 1).unwrap();
                let last = range.end;
                plan.begin(range, last).0
            })
            .collect();
        for number in numbers {
            plan.end(number);
        }
        assert_eq!((spans(&plan).first(), plan.first_hole()), (Some(&(0..64 * M)), None));
        lead.advance(64 * M);
        plan.end(0);
        assert!(plan.is_done());
    }

    #[test]
    fn a_server_that_sends_less_leaves_a_hole() {
        let mut written = Ranges::default();
        written.insert(0..M);
        written.insert(3 * M..4 * M);
        let mut plan = Plan::new(6 * M, &written);
        assert_eq!(plan.first_hole(), Some(M..3 * M));
        let (number, span) = plan.begin(M..3 * M, 2 * M);
        assert_eq!((span.end(), plan.first_hole()), (2 * M, Some(2 * M..3 * M)));
        span.advance(2 * M);
        plan.end(number);
        for expected in [2 * M..3 * M, 4 * M..6 * M] {
            assert_eq!(plan.first_hole(), Some(expected.clone()));
            let (number, span) = plan.begin(expected.clone(), expected.end);
            span.advance(expected.end);
            plan.end(number);
        }
        assert!(plan.is_done());
    }
}
