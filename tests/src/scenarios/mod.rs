//! All scenarios, grouped by what breaks.

use crate::scenario::Scenario;

mod lab;
mod power;
mod reseed;

/// All of them, in the order in which they run.
pub fn all() -> Vec<Scenario> {
    [lab::SCENARIOS, power::SCENARIOS, reseed::SCENARIOS].concat()
}
