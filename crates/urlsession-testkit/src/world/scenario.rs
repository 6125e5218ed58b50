//! A world as a text that can be kept, read and played again.

use super::house::World;
use super::scene::{SCENES, Scene};
use super::{PlantedBug, Statistics, Verdict, Violation};
use std::fmt;
use std::str::FromStr;

/// What happened in a world, scene by scene, each with the numbers that were drawn for it.
///
/// ```text
/// # a comment
/// seed 7
/// bug Core(TwoOwners)
/// approach 0 1
/// gather 3 2
/// ```
/// A number that is missing is 0. After the last scene the world comes to its end as always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scenario {
    pub(super) seed: u64,
    pub(super) bug: Option<PlantedBug>,
    pub(super) lines: Vec<Line>,
    /// What was seen, for people.
    pub(super) comments: Vec<String>,
}

/// A scene, and what was drawn for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) scene: Scene,
    pub(super) draws: Vec<u64>,
}

impl Scenario {
    /// Returns how many scenes it has.
    #[must_use]
    pub fn scenes(&self) -> usize {
        self.lines.len()
    }

    /// Plays it.
    ///
    /// # Errors
    /// The first promise that was broken.
    pub fn play(&self) -> Result<Statistics, Box<Violation>> {
        let mut world = World::new(self.seed, self.bug, true);
        let outcome = self.lines.iter().try_for_each(|line| {
            world.statistics.steps += 1;
            world.random.play(&line.draws);
            world.play(line.scene)
        });
        world.end(outcome, self.clone())
    }

    pub(super) fn push(&mut self, scene: Scene, mut draws: Vec<u64>) {
        let used = draws.iter().rposition(|draw| *draw != 0).map_or(0, |last| last + 1);
        draws.truncate(used);
        self.lines.push(Line { scene, draws });
    }
}

impl World {
    /// Lets a world come to its end, unless a promise was broken before.
    pub(super) fn end(
        mut self,
        outcome: Verdict,
        scenario: Scenario,
    ) -> Result<Statistics, Box<Violation>> {
        let outcome = outcome.and_then(|()| self.drain(scenario.seed));
        let step = self.statistics.steps;
        match outcome {
            Ok(()) => Ok(self.statistics()),
            Err(what) => {
                let trace = self.into_trace();
                Err(Box::new(Violation { seed: scenario.seed, step, what, trace, scenario }))
            }
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.comments.iter().try_for_each(|comment| writeln!(f, "# {comment}"))?;
        writeln!(f, "seed {}", self.seed)?;
        if let Some(bug) = self.bug {
            writeln!(f, "bug {bug:?}")?;
        }
        for Line { scene, draws } in &self.lines {
            let name = SCENES.iter().find(|(known, ..)| known == scene);
            write!(f, "{}", name.map_or("", |(_, name, _)| name))?;
            draws.iter().try_for_each(|draw| write!(f, " {draw}"))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut scenario = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let numbers = |words: std::str::SplitWhitespace<'_>| {
                let numbers = words.map(str::parse).collect::<Result<Vec<u64>, _>>();
                numbers.map_err(|error| format!("{line}: {error}"))
            };
            match words.next() {
                None => {}
                Some("#") => {
                    scenario.comments.push(line.strip_prefix("# ").unwrap_or("").to_owned());
                }
                Some("seed") => {
                    scenario.seed = numbers(words)?.first().copied().unwrap_or_default();
                }
                Some("bug") => {
                    let name = words.next().unwrap_or_default();
                    let bug = PlantedBug::ALL.into_iter().find(|bug| format!("{bug:?}") == name);
                    scenario.bug = Some(bug.ok_or_else(|| format!("no bug is called {name}"))?);
                }
                Some(word) => {
                    let scene = SCENES.iter().find(|(_, name, _)| *name == word);
                    let (scene, ..) = scene.ok_or_else(|| format!("no scene is called {word}"))?;
                    scenario.push(*scene, numbers(words)?);
                }
            }
        }
        Ok(scenario)
    }
}
