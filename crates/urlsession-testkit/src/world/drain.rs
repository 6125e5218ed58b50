//! The end of a world: everybody comes back, everything works, and all must come to its end.

use super::house::World;
use super::launches::Mood;
use super::random::Random;
use super::{Verdict, ensure};
use urlsession_core::{Conditions, Input, Stage};
use urlsession_protocol::Call;

/// Rounds after which a world that is not quiet never will be.
const ROUNDS: u64 = 3000;

impl World {
    pub(super) fn drain(&mut self, seed: u64) -> Verdict {
        self.note(|| "--- drain".to_owned());
        self.random = Random::new(seed);
        self.crash = None;
        self.network.be_kind();
        self.launches.mood = if self.random.one_in(2) { Mood::Broken } else { Mood::Kind };
        let dark = self.random.one_in(2);
        for at in 0..self.processes.len() {
            // In the dark everybody is gone, and who can be launched must be.
            if self.processes[at].alive && (dark || !self.processes[at].primary) {
                self.kill(at);
            }
        }
        if self.quiescing || (dark && self.random.one_in(2)) {
            self.restart()?;
        }
        self.launches.end_all();
        self.turn(vec![Input::Conditions(Conditions { network: true })])?;
        for _ in 0..ROUNDS {
            if self.is_over() {
                let stray = self.network.stray();
                ensure(stray.is_none(), || format!("{stray:?} is left behind"))?;
                return self.judge.verdict();
            }
            self.round()?;
        }
        let left: Vec<_> = self.store.tasks.iter().take(3).collect();
        let events = self.store.events.len();
        Err(format!("it does not come to its end: {events} events and {left:?} are left"))
    }

    fn is_over(&self) -> bool {
        let mut living = self.processes.iter().filter(|process| process.alive);
        self.store.tasks.is_empty()
            && self.store.events.is_empty()
            && self.network.is_quiet()
            && !self.launches.has_ends()
            && self.core.is_idle()
            && living.all(|process| process.attached && process.calls.is_empty())
            && self.connections.values().all(|c| c.up.is_empty() && c.down.is_empty())
    }

    fn round(&mut self) -> Verdict {
        let peers: Vec<_> = self.connections.keys().copied().collect();
        for peer in peers {
            while let Some(input) = self.read(peer) {
                self.turn(vec![input])?;
            }
            while self.connections.get(&peer).is_some_and(|c| !c.down.is_empty()) {
                self.listen(peer)?;
            }
        }
        while let Some(input) = self.launches.take_end() {
            self.turn(vec![input])?;
        }
        self.start_apps()?;
        for at in 0..self.processes.len() {
            if self.processes[at].alive {
                self.approach(at, true);
                while !self.processes[at].acks.is_empty() {
                    self.acknowledge(at);
                }
                self.wake_suspended(at);
            }
        }
        for _ in 0..8 {
            self.network.act(&mut self.random);
        }
        while let Some(input) = self.network.take_report(&mut self.random) {
            self.turn(vec![input])?;
        }
        self.sleep_until_due()
    }

    fn wake_suspended(&mut self, at: usize) {
        let process = &self.processes[at];
        if !process.attached || !process.calls.is_empty() {
            return;
        }
        let session = process.key.clone();
        while let Some(task) = self.processes[at].asked.pop_first() {
            let edit = self.edit(session.clone(), task);
            self.ask(at, edit);
        }
        let Some(number) = self.store.number(&session) else { return };
        let suspended: Vec<_> = self
            .store
            .tasks_of(number)
            .filter(|task| self.store.stage(**task) == Some(&Stage::Suspended))
            .copied()
            .collect();
        for task in suspended {
            self.ask(at, Call::Resume { session: session.clone(), task: task.task });
        }
    }

    fn sleep_until_due(&mut self) -> Verdict {
        let busy = !self.network.is_quiet();
        let Some(wakeup) = self.core.next_wakeup(self.now()) else { return Ok(()) };
        let wakeup = u64::try_from(wakeup.as_millis()).unwrap_or(u64::MAX);
        let passed = if busy { wakeup.min(100) } else { wakeup + 1 };
        ensure(passed < 40 * 86_400_000, || "it sleeps for ever".to_owned())?;
        self.pass(passed)
    }
}
