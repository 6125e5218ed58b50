//! What must hold for every text of a scenario: the target.

use crate::mutation::Target;
use crate::world::Scenario;

/// The targets by their names.
pub const TARGETS: &[(&str, Target)] = &[("scenario", scenario)];

/// A text that is a scenario is the same one when it is written and read again.
pub fn scenario(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // Comments are for people, and gather at the top.
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    let Ok(scenario) = text.parse::<Scenario>() else { return };
    assert_eq!(scenario.to_string().parse(), Ok(scenario));
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_input_that_is_kept_or_drawn() {
        crate::mutation::play(super::TARGETS);
    }
}
