//! Plays the kept corpus of a fuzz target, and inputs that are drawn from it, on any toolchain.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

/// A parser of ours under assertions that hold for every input.
pub type Target = fn(&[u8]);

/// Asks for another number of drawn inputs a target.
const ROUNDS_VARIABLE: &str = "URLSESSION_FUZZ_ROUNDS";
/// Asks for other inputs than usual.
const SEED_VARIABLE: &str = "URLSESSION_FUZZ_SEED";
const ROUNDS: u64 = 2000;
/// Longest input that is drawn, in bytes.
const LENGTH: usize = 4096;
/// Bytes that parsers look for.
const SIGNS: &[u8] = b"\0\t\n\r \"%'*,-./09:;=?@AZ\\_az|~\x7f\x80\xc3\xff";

/// Returns the folder of a target's inputs.
#[must_use]
pub fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

/// Plays every kept input of every target, and as many that are made from them.
///
/// # Panics
/// A target does, after the input has been told; or one has no corpus.
#[expect(clippy::print_stderr, reason = "the input that failed is what a person needs")]
pub fn play(targets: &[(&str, Target)]) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = number(ROUNDS_VARIABLE).unwrap_or(ROUNDS);
    for (name, target) in targets {
        let kept = read(&corpus(name));
        assert!(!kept.is_empty(), "{}: no input is kept there", corpus(name).display());
        let mut draw = Draw(number(SEED_VARIABLE).unwrap_or(7));
        let drawn = (0..rounds).map(|_| draw.input(&kept));
        for input in kept.iter().cloned().chain(drawn.collect::<Vec<_>>()) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&input))) {
                let shown = input.escape_ascii();
                eprintln!("{name} fails; keep it in {}:\n{shown}", corpus(name).display());
                resume_unwind(panic);
            }
        }
    }
}

fn read(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> =
        folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// Draws inputs that are the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1)
    }

    /// Takes a kept input and changes it in a few places.
    fn input(&mut self, kept: &[Vec<u8>]) -> Vec<u8> {
        let mut input = kept[self.below(kept.len())].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input, kept);
        }
        input.truncate(LENGTH);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, kept: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let sign = SIGNS[self.below(SIGNS.len())];
        let end = at + self.below(input.len() - at + 1);
        match self.below(7) {
            0 => input.truncate(at),
            1 => input.insert(at, sign),
            2 => drop(input.drain(at..end)),
            3 => {
                let part = input[at..end].to_vec();
                input.splice(at..at, part);
            }
            4 => {
                let other = &kept[self.below(kept.len())];
                let begin = self.below(other.len() + 1);
                input.splice(at..end, other[begin..].iter().copied());
            }
            5 => {
                let mut digits = String::new();
                let _ = write!(digits, "{}", u64::MAX >> self.below(65).min(63));
                input.splice(at..at, digits.bytes());
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = if self.below(2) == 0 { sign } else { *byte ^ (1 << self.below(8)) };
                }
            }
        }
    }
}
