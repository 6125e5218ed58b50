//! Makes a failing scenario as short as it can be and still fail in the same way.

use super::scenario::Scenario;
use super::{Statistics, Violation};

/// Words of a violation that must stay the same.
const WORDS: usize = 6;

/// Most characters of a comment.
const COMMENT_CHARS: usize = 150;

impl Scenario {
    /// Returns the shortest scenario found in so many plays that breaks the same promise, with what
    /// happened in it as its comments. One that breaks none comes back as it is.
    #[must_use]
    pub fn shrunk(self, plays: u32) -> Self {
        let Err(violation) = self.play() else { return self };
        let mut search = Search { promise: promise(&violation), left: plays, best: self };
        search.best.comments.clear();
        let step = usize::try_from(violation.step).unwrap_or(usize::MAX);
        search.best.lines.truncate(step);
        while search.scenes() | search.draws() {}
        let mut shrunk = search.best;
        if let Err(violation) = shrunk.play() {
            let short = |line: &String| line.chars().take(COMMENT_CHARS).collect::<String>();
            shrunk.comments = vec![short(&violation.what)];
            shrunk
                .comments
                .extend(violation.trace.iter().map(|line| format!("    {}", short(line))));
        }
        shrunk
    }
}

struct Search {
    promise: String,
    left: u32,
    best: Scenario,
}

impl Search {
    /// Leaves out ever smaller pieces; says whether that was of use.
    fn scenes(&mut self) -> bool {
        let before = self.best.lines.len();
        let mut piece = before.div_ceil(2);
        while piece > 0 && self.left > 0 {
            let mut from = 0;
            while from < self.best.lines.len() && self.left > 0 {
                let to = (from + piece).min(self.best.lines.len());
                let mut shorter = self.best.clone();
                shorter.lines.drain(from..to);
                if !self.keep_if_failing(shorter) {
                    from = to;
                }
            }
            piece /= 2;
        }
        self.best.lines.len() < before
    }

    /// Draws zeros where that changes nothing; says whether that was of use.
    fn draws(&mut self) -> bool {
        let mut useful = false;
        for at in 0..self.best.lines.len() {
            let mut simpler = self.best.clone();
            simpler.lines[at].draws.clear();
            if self.best.lines[at].draws.is_empty() || self.keep_if_failing(simpler) {
                continue;
            }
            for draw in (0..self.best.lines[at].draws.len()).rev() {
                let mut simpler = self.best.clone();
                let draws = &mut simpler.lines[at].draws;
                if draw + 1 == draws.len() {
                    draws.pop();
                } else if std::mem::take(&mut draws[draw]) == 0 {
                    continue;
                }
                useful |= self.keep_if_failing(simpler);
            }
        }
        useful
    }

    fn keep_if_failing(&mut self, scenario: Scenario) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let fails = self.fails(scenario.play());
        if fails {
            self.best = scenario;
        }
        fails
    }

    fn fails(&self, outcome: Result<Statistics, Box<Violation>>) -> bool {
        outcome.is_err_and(|violation| promise(&violation) == self.promise)
    }
}

/// Returns which promise was broken: the sentence without its numbers.
fn promise(violation: &Violation) -> String {
    let words = violation.what.split_whitespace().take(WORDS);
    let letters = |word: &str| word.chars().filter(|c| c.is_alphabetic()).collect::<String>();
    words.map(letters).collect::<Vec<_>>().join(" ")
}
