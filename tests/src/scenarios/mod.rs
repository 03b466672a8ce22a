//! All scenarios, grouped by what breaks.

use crate::scenario::Scenario;

mod bench;
mod power;

/// All of them, in the order in which they run.
pub fn all() -> Vec<Scenario> {
    [bench::SCENARIOS, power::SCENARIOS].concat()
}
