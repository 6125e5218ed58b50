//! What a run of a suite comes to: how many cases pass, which do not, and why that is right.

use anyhow::{Context as _, Result, ensure};
use std::fmt::Write as _;

/// What every block of `docs/conformance.md` begins with.
const FENCE: &str = "```text\n";

/// Cases that are missed on purpose, and the reason.
pub(super) type Reason = (&'static [&'static str], &'static str);

/// Cases of a suite that were tried.
#[derive(Debug)]
pub(super) struct Scores {
    /// The part of `docs/conformance.md`.
    part: &'static str,
    title: String,
    passed: usize,
    missed: Vec<(String, String)>,
    /// What else is counted.
    notes: Vec<(String, usize)>,
    /// Reasons of one kind, and what is said of them all.
    apart: Option<(&'static str, &'static [Reason])>,
}

impl Scores {
    pub(super) fn new(part: &'static str, title: impl Into<String>) -> Self {
        let (missed, notes) = (Vec::new(), Vec::new());
        Self { part, title: title.into(), passed: 0, missed, notes, apart: None }
    }

    /// Counts a case, with what is wrong with it.
    pub(super) fn count(&mut self, id: impl Into<String>, wrong: Option<String>) {
        match wrong {
            None => self.passed += 1,
            Some(wrong) => self.missed.push((id.into(), wrong)),
        }
    }

    /// Tells a number that is no score.
    pub(super) fn note(&mut self, what: impl Into<String>, number: usize) {
        self.notes.push((what.into(), number));
    }

    /// Also counts the misses for some of the reasons, and what the score is without them.
    pub(super) fn tell_apart(&mut self, what: &'static str, reasons: &'static [Reason]) {
        self.apart = Some((what, reasons));
    }

    /// Prints the scores and writes them down.
    ///
    /// # Errors
    /// A case is missed without a reason, or not missed although there is one.
    #[expect(clippy::print_stdout, reason = "the results are for people to read")]
    pub(super) fn conclude(self, reasons: &[Reason], keep: bool) -> Result<()> {
        let report = self.report(reasons);
        print!("{report}");
        let reason = |id: &str| reasons.iter().find(|(ids, _)| ids.contains(&id));
        for (id, wrong) in &self.missed {
            let judged = if reason(id).is_some() { "" } else { "NO REASON " };
            println!("  {judged}{id}: {wrong}");
        }
        if keep {
            record(self.part, &self.title, &format!("{report}{}", table(reasons)))?;
        }
        let unjudged = self.missed.iter().filter(|(id, _)| reason(id).is_none()).count();
        ensure!(unjudged == 0, "{unjudged} cases are missed without a reason");
        let judged = reasons.iter().flat_map(|(ids, _)| *ids);
        let passed: Vec<_> =
            judged.filter(|id| self.missed.iter().all(|(m, _)| m != *id)).collect();
        ensure!(passed.is_empty(), "there is a reason to miss these, but they pass: {passed:?}");
        Ok(())
    }

    fn report(&self, reasons: &[Reason]) -> String {
        let mut report = String::from(FENCE);
        let of = self.passed + self.missed.len();
        let judged: usize = reasons.iter().map(|(ids, _)| ids.len()).sum();
        // Writing into a text cannot fail.
        let _ = writeln!(report, "{:<58}{:>6} of {of}", self.title, self.passed);
        let mut line = |what: &str, number: usize, rest: &str| {
            let _ = writeln!(report, "  {what:<56}{number:>6}{rest}");
        };
        if judged > 0 {
            line("missed for a reason below", judged, "");
        }
        if let Some((what, reasons)) = self.apart {
            let is_meant =
                |(id, _): &&(String, String)| reasons.iter().any(|(ids, _)| ids.contains(&&**id));
            let number = self.missed.iter().filter(is_meant).count();
            let rest = format!("   ({} of {} otherwise)", self.passed, of - number);
            line(what, number, &rest);
        }
        self.notes.iter().for_each(|(what, number)| line(what, *number, ""));
        report + "```\n\n"
    }
}

fn table(reasons: &[Reason]) -> String {
    if reasons.is_empty() {
        return String::new();
    }
    let mut table = String::from("| Missed | Reason |\n|---|---|\n");
    for (ids, why) in reasons {
        let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
        let _ = writeln!(table, "| {} | {why} |", ids.join(", "));
    }
    table + "\n"
}

/// Replaces the block of that title in its part of `docs/conformance.md`.
pub(super) fn record(part: &str, title: &str, block: &str) -> Result<()> {
    let path = crate::tidy::root().join("docs/conformance.md");
    let text = std::fs::read_to_string(&path)?;
    let [begin, end] = [format!("<!-- {part} -->\n"), format!("<!-- /{part} -->\n")];
    let (before, rest) =
        text.split_once(&begin).with_context(|| format!("no part of {part} begins"))?;
    let (kept, after) = rest.split_once(&end).with_context(|| format!("{part} does not end"))?;
    let kept = kept.split(FENCE).skip(1).filter(|kept| !kept.contains(title));
    let mut blocks: Vec<String> = kept.map(|kept| format!("{FENCE}{kept}")).collect();
    blocks.push(block.to_owned());
    blocks.sort_unstable();
    std::fs::write(&path, format!("{before}{begin}{}{end}{after}", blocks.concat()))?;
    Ok(())
}
