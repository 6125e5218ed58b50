//! The luck of a world (splitmix64), which can be written down and played again.

use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Random {
    state: u64,
    /// What is drawn instead of luck, and zero after it.
    tape: Option<VecDeque<u64>>,
    /// What was drawn since it was last taken.
    record: Option<Vec<u64>>,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed, tape: None, record: None }
    }

    /// Notes what is drawn from here on.
    pub(super) fn start_recording(&mut self) {
        self.record = Some(Vec::new());
    }

    /// Returns what was drawn since the last time.
    pub(super) fn take_record(&mut self) -> Vec<u64> {
        self.record.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Draws these from here on, then zeros.
    pub(super) fn play(&mut self, draws: &[u64]) {
        self.tape = Some(draws.iter().copied().collect());
    }

    /// Returns a number from 0 up to, but not, `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        let drawn = match &mut self.tape {
            Some(tape) => tape.pop_front().unwrap_or(0),
            None => self.next(),
        };
        let drawn = drawn % end.max(1);
        if let Some(record) = &mut self.record {
            record.push(drawn);
        }
        drawn
    }

    /// Says yes once in so many times; never, if a tape has run out.
    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) + 1 == n
    }

    pub(super) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("an index below a length fits")
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
