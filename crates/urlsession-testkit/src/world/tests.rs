//! Runs worlds without a bug, and with each planted one.

use super::{PlantedBug, Statistics, run};

/// Steps of the worlds without a bug, in all at least a million.
const STEPS: u64 = 50_000;
const SEEDS: u64 = 20;

/// Steps of a world with a bug, and how many worlds may miss it.
const BUG_STEPS: u64 = 5000;
const BUG_SEEDS: u64 = 12;

#[test]
fn a_million_steps_keep_every_promise() {
    let mut total = Statistics::default();
    for seed in 0..SEEDS {
        let seen = run(seed, STEPS, None).unwrap_or_else(|violation| panic!("{violation}"));
        total.steps += seen.steps;
        total.crashes += seen.crashes;
        total.deaths += seen.deaths;
        total.attempts += seen.attempts;
        total.accepted += seen.accepted;
        total.heard += seen.heard;
    }
    println!("{total:?}");
    assert!(total.steps >= 1_000_000);
    // A world in which nothing happens keeps every promise too.
    assert!(total.accepted > 10_000 && total.crashes > 2000 && total.deaths > 2000, "{total:?}");
    assert!(total.heard > total.accepted / 2 && total.attempts > total.accepted, "{total:?}");
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
