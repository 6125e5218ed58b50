//! Bars on a terminal: one a task, at most as many as fit, and one line for the sum.

use super::plain::resumed;
use super::speed::Speed;
use super::{Progress, line};
use crate::clock;
use crate::task_name::TaskName;
use crate::tracked::{Change, Tracked};
use console::{Term, style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io;

/// Most redraws a second.
const REDRAWS: u8 = 12;
/// Lines of the terminal left to the sum and the prompt.
const LINES_LEFT: u16 = 3;

/// Owns the lower part of the terminal.
pub(super) struct Bars {
    screen: MultiProgress,
    terminal: Term,
    sum: Option<ProgressBar>,
    sum_speed: Speed,
    verbose: bool,
    tasks: BTreeMap<TaskName, Shown>,
}

struct Shown {
    task: Tracked,
    speed: Speed,
    bar: Option<ProgressBar>,
}

impl Bars {
    pub(super) fn new(verbose: bool) -> Self {
        let terminal = Term::stderr();
        let target = ProgressDrawTarget::term(terminal.clone(), REDRAWS);
        Self {
            screen: MultiProgress::with_draw_target(target),
            terminal,
            sum: None,
            sum_speed: Speed::default(),
            verbose,
            tasks: BTreeMap::new(),
        }
    }

    /// Gives bars to running tasks that have none, those that move first, while there is room.
    fn fill(&mut self) {
        let room = usize::from(self.terminal.size().0.saturating_sub(LINES_LEFT).max(1));
        let mut used = self.tasks.values().filter(|shown| shown.bar.is_some()).count();
        let waiting = |shown: &Shown| shown.task.reason.is_some();
        for pass in [false, true] {
            for shown in self.tasks.values_mut() {
                if used >= room {
                    return;
                }
                if shown.bar.is_none() && !shown.task.ended && waiting(shown) == pass {
                    let at = self.sum.as_ref();
                    let bar = new_bar();
                    shown.bar = Some(match at {
                        Some(sum) => self.screen.insert_before(sum, bar),
                        None => self.screen.add(bar),
                    });
                    used += 1;
                }
            }
        }
    }

    fn end(&mut self, name: &TaskName) -> io::Result<()> {
        let Some(shown) = self.tasks.get_mut(name) else { return Ok(()) };
        if let Some(bar) = shown.bar.take() {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
        let mark = match &shown.task.error {
            None => style("✓").green(),
            Some(_) => style("✗").red(),
        }
        .for_stderr();
        let took = shown.task.took(clock::now());
        for (index, text) in line::ended(&shown.task, took).iter().enumerate() {
            match index {
                0 => self.say(&format!("{mark} {text}"))?,
                _ => self.say(text)?,
            }
        }
        Ok(())
    }

    /// Writes a line above the bars. Where there is none, it is to end as lines do: what stands above
    /// bars ends with blanks up to the width.
    fn say(&self, text: &str) -> io::Result<()> {
        let is_drawn = self.sum.is_some() || self.tasks.values().any(|shown| shown.bar.is_some());
        if is_drawn { self.screen.println(text) } else { self.terminal.write_line(text) }
    }

    fn redraw(&mut self) {
        let width = usize::from(self.terminal.size().1.saturating_sub(1));
        let (now, steady) = (clock::now(), clock::steady());
        for shown in self.tasks.values().filter(|shown| !shown.task.ended) {
            if let Some(bar) = &shown.bar {
                let speed = shown.speed.bytes_per_second(steady);
                bar.set_message(line::running(&shown.task, speed, now, width));
            }
        }
        if let Some(sum) = &self.sum {
            let speed = self.sum_speed.bytes_per_second(steady);
            sum.set_message(line::total(self.tasks.values().map(|shown| &shown.task), speed));
        }
    }
}

impl Progress for Bars {
    fn begin(&mut self, task: &Tracked) -> io::Result<()> {
        let shown = Shown { task: task.clone(), speed: Speed::default(), bar: None };
        self.tasks.insert(task.name.clone(), shown);
        if self.tasks.len() == 2 {
            self.sum = Some(self.screen.add(new_bar()));
        }
        if task.ended { self.end(&task.name) } else { Ok(()) }
    }

    fn change(&mut self, task: &Tracked, change: &Change) -> io::Result<()> {
        let Some(shown) = self.tasks.get_mut(&task.name) else { return Ok(()) };
        shown.task = task.clone();
        match change {
            Change::Nothing | Change::State => {}
            Change::Progress => shown.speed.note(clock::steady(), task.done),
            Change::Resumed { offset, rung } => {
                shown.speed.reset();
                if self.verbose {
                    let title = crate::escape::shown(&task.title);
                    self.say(&format!("{} {title}: {}", task.name, resumed(*offset, *rung)))?;
                }
            }
            Change::Ended => self.end(&task.name)?,
        }
        Ok(())
    }

    fn tick(&mut self) -> io::Result<()> {
        let moved = self.tasks.values().map(|shown| shown.task.done).sum();
        self.sum_speed.note(clock::steady(), moved);
        self.fill();
        self.redraw();
        Ok(())
    }

    fn finish(&mut self) {
        for shown in self.tasks.values_mut() {
            if let Some(bar) = shown.bar.take() {
                bar.finish_and_clear();
            }
        }
        if let Some(sum) = self.sum.take() {
            sum.finish_and_clear();
        }
    }
}

/// Makes a line that shows its message: the text is drawn by [`line`], where it can be tested.
fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").expect("the template is a constant");
    ProgressBar::new_spinner().with_style(style)
}
