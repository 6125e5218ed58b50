//! One step of a world: something happens, drawn by lot.

use super::Verdict;
use super::house::{Crash, World};
use super::launches::Mood;
use urlsession_core::{Conditions, Input, PeerNumber};

/// What can happen, in words of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    Gather,
    Hear,
    Move,
    Approach,
    Acknowledge,
    Create,
    CreateAgain,
    Resume,
    Edit,
    Suspend,
    Cancel,
    CancelForResumeData,
    Remove,
    Invalidate,
    Detach,
    Wait,
    Sleep,
    Jump,
    Network,
    Life,
    Program,
    Crash,
    Restart,
    Quiesce,
}

/// Their names, and how often of a thousand times they happen.
pub(super) const SCENES: [(Scene, &str, u64); 24] = [
    (Scene::Gather, "gather", 364),
    (Scene::Hear, "hear", 220),
    (Scene::Move, "move", 125),
    (Scene::Approach, "approach", 45),
    (Scene::Acknowledge, "acknowledge", 48),
    (Scene::Create, "create", 38),
    (Scene::CreateAgain, "create-again", 4),
    (Scene::Resume, "resume", 22),
    (Scene::Edit, "edit", 9),
    (Scene::Suspend, "suspend", 18),
    (Scene::Cancel, "cancel", 6),
    (Scene::CancelForResumeData, "cancel-for-resume-data", 6),
    (Scene::Remove, "remove", 6),
    (Scene::Invalidate, "invalidate", 2),
    (Scene::Detach, "detach", 5),
    (Scene::Wait, "wait", 52),
    (Scene::Sleep, "sleep", 2),
    (Scene::Jump, "jump", 5),
    (Scene::Network, "network", 8),
    (Scene::Life, "life", 12),
    (Scene::Program, "program", 4),
    (Scene::Crash, "crash", 5),
    (Scene::Restart, "restart", 2),
    (Scene::Quiesce, "quiesce", 8),
];

/// Most moments of a night at which something is due.
const NIGHT_TURNS: u64 = 24;
const HOUR: u64 = 3_600_000;

impl World {
    /// Draws what happens.
    pub(super) fn draw(&mut self) -> Scene {
        let mut left = self.random.below(SCENES.iter().map(|(.., odds)| odds).sum());
        let drawn = SCENES.iter().find(|(.., odds)| {
            let here = left < *odds;
            left = left.saturating_sub(*odds);
            here
        });
        drawn.map_or(Scene::Gather, |(scene, ..)| *scene)
    }

    /// Lets it happen.
    pub(super) fn play(&mut self, scene: Scene) -> Verdict {
        self.note(|| format!("--- {scene:?}"));
        match scene {
            Scene::Gather => return self.gather(),
            Scene::Hear => return self.hear(),
            Scene::Move => self.network.act(&mut self.random),
            Scene::Approach => self.somebody_approaches(),
            Scene::Acknowledge
            | Scene::Create
            | Scene::CreateAgain
            | Scene::Resume
            | Scene::Edit
            | Scene::Suspend
            | Scene::Cancel
            | Scene::CancelForResumeData
            | Scene::Remove
            | Scene::Invalidate
            | Scene::Detach => self.client_acts(scene),
            Scene::Wait => return self.time_passes(),
            Scene::Sleep => return self.night_passes(),
            Scene::Jump => self.wall_jumps(),
            Scene::Network => {
                let network = self.random.one_in(2);
                return self.turn(vec![Input::Conditions(Conditions { network })]);
            }
            Scene::Life => {
                let at = self.random.index(self.processes.len());
                if self.processes[at].alive && self.random.one_in(2) {
                    self.kill(at);
                } else {
                    self.processes[at].alive = true;
                }
            }
            Scene::Program => self.program_ends(),
            Scene::Crash => {
                let count = self.random.index(8);
                self.crash = Some(match count {
                    6 => Crash::BeforeCommit,
                    7 => Crash::AfterCommit,
                    count => Crash::AfterActions(count),
                });
            }
            Scene::Restart => return self.restart(),
            Scene::Quiesce => return self.quiesce(),
        }
        Ok(())
    }

    /// A turn of up to four inputs that happen to be ready.
    fn gather(&mut self) -> Verdict {
        let mut inputs = Vec::new();
        for _ in 0..=self.random.below(4) {
            let report = self.random.one_in(3);
            let program = self.launches.has_ends() && self.random.one_in(4);
            let input = match self.talking(|world, peer| {
                world.connections.get(&peer).is_some_and(|c| !c.up.is_empty())
            }) {
                _ if program => self.launches.take_end(),
                _ if self.random.one_in(60) => self.forged_report(),
                Some(peer) if !report => self.read(peer),
                _ => self.network.take_report(&mut self.random),
            };
            inputs.extend(input);
        }
        if inputs.is_empty() { Ok(()) } else { self.turn(inputs) }
    }

    fn hear(&mut self) -> Verdict {
        let listener = self.talking(|world, peer| {
            world.connections.get(&peer).is_some_and(|c| !c.down.is_empty())
        });
        listener.map_or(Ok(()), |peer| self.listen(peer))
    }

    /// Draws one of the connections with something to say.
    fn talking(&mut self, speaks: impl Fn(&Self, PeerNumber) -> bool) -> Option<PeerNumber> {
        let peers: Vec<_> =
            self.connections.keys().copied().filter(|peer| speaks(self, *peer)).collect();
        if peers.is_empty() {
            return None;
        }
        Some(peers[self.random.index(peers.len())])
    }

    fn time_passes(&mut self) -> Verdict {
        let most = if self.random.one_in(4) { 120_000 } else { 1000 };
        let passed = match self.wakeup() {
            Some(wakeup) if wakeup < most => wakeup,
            _ => self.random.below(most),
        };
        self.pass(passed)
    }

    /// Nobody does anything but the daemon, for hours; perhaps nothing that it launches works.
    fn night_passes(&mut self) -> Verdict {
        let mood = self.launches.mood;
        if self.random.one_in(2) {
            self.launches.mood = Mood::Broken;
            self.launches.end_all();
            for at in 0..self.processes.len() {
                self.kill(at);
            }
        }
        for _ in 0..=self.random.below(NIGHT_TURNS) {
            let peers: Vec<_> = self.connections.keys().copied().collect();
            for peer in peers {
                while let Some(input) = self.read(peer) {
                    self.turn(vec![input])?;
                }
            }
            while let Some(input) = self.launches.take_end() {
                self.turn(vec![input])?;
            }
            let passed = self.wakeup().map_or(HOUR, |wakeup| wakeup.min(HOUR));
            self.pass(passed)?;
        }
        self.launches.mood = mood;
        Ok(())
    }

    fn wakeup(&self) -> Option<u64> {
        u64::try_from(self.core.next_wakeup(self.now())?.as_millis()).ok()
    }

    pub(super) fn pass(&mut self, milliseconds: u64) -> Verdict {
        self.time += milliseconds;
        self.wall += milliseconds;
        self.tick()
    }

    fn wall_jumps(&mut self) {
        let most = if self.random.one_in(10) { 86_400_000 } else { 30_000 };
        let by = self.random.below(most);
        self.wall = if self.random.one_in(2) {
            self.wall.saturating_add(by)
        } else {
            self.wall.saturating_sub(by)
        };
    }

    /// The daemon stops in order, or starts again once everything has stopped.
    fn quiesce(&mut self) -> Verdict {
        if self.quiescing && !self.random.one_in(4) {
            return if self.network.is_quiet() { self.restart() } else { Ok(()) };
        }
        if self.quiescing || self.random.one_in(16) {
            self.quiescing = true;
            return self.turn(vec![Input::Quiesce]);
        }
        Ok(())
    }
}
