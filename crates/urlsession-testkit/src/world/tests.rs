//! Runs worlds without a bug, and with each planted one.

use super::{PlantedBug, Scenario, Statistics, run};

/// Steps of the worlds without a bug, in all at least a million.
const STEPS: u64 = 50_000;
const SEEDS: u64 = 20;

/// Steps of a world with a bug, and how many worlds may miss it.
const BUG_STEPS: u64 = 5000;
const BUG_SEEDS: u64 = 24;

/// Plays of a scenario while it is made shorter.
const PLAYS: u32 = 1500;

#[test]
fn a_million_steps_keep_every_promise_and_meet_every_phase() {
    let mut total = Statistics::default();
    for seed in 0..SEEDS {
        let seen = run(seed, STEPS, None).unwrap_or_else(|violation| panic!("{violation}"));
        total.add(&seen);
    }
    println!("{total}\n{}", total.coverage);
    assert!(total.steps >= 1_000_000);
    // A world in which nothing happens keeps every promise too.
    assert!(total.accepted > 10_000 && total.crashes > 2000 && total.deaths > 2000, "{total:?}");
    assert!(total.heard > total.accepted / 2 && total.attempts > total.accepted, "{total:?}");
    assert!(total.launches > 500, "{total:?}");
    assert_eq!(total.coverage.gaps(), Vec::<String>::new());
}

#[test]
fn every_planted_bug_is_caught() {
    let mut missed = Vec::new();
    for bug in PlantedBug::ALL {
        let mut seeds = 0..BUG_SEEDS;
        match seeds.find_map(|seed| run(seed, BUG_STEPS, Some(bug)).err()) {
            Some(violation) => println!(
                "{bug:?}: seed {} step {}: {}",
                violation.seed, violation.step, violation.what
            ),
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

#[test]
fn a_failing_world_becomes_a_short_scenario_that_fails_again() {
    let violation = run(3, BUG_STEPS, Some(PlantedBug::CommitLost)).unwrap_err();
    let scenes = violation.scenario.scenes();
    let shrunk = violation.scenario.shrunk(PLAYS);
    assert!(shrunk.scenes() * 4 < scenes, "{} of {scenes} scenes are left", shrunk.scenes());
    let text = shrunk.to_string();
    let read: Scenario = text.parse().unwrap();
    assert_eq!(read.to_string(), text);
    println!("{text}");
    assert!(read.play().is_err(), "{text}");
}

/// Scenarios that once failed, or show what happens.
#[test]
fn every_kept_scenario_ends_as_it_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let scenario: Scenario = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        let fails = scenario.play().is_err();
        assert_eq!(fails, scenario.bug.is_some(), "{}", path.display());
        played += 1;
    }
    assert!(played > 0);
}
