//! All scenarios, grouped by what breaks.

use crate::scenario::Scenario;

mod both_off;
mod gateway;
mod lab;
mod modes;
mod power;
mod reseed;
mod vip;
mod vrrp;

/// All of them.
pub fn all() -> Vec<Scenario> {
    [
        both_off::SCENARIOS,
        gateway::SCENARIOS,
        lab::SCENARIOS,
        modes::SCENARIOS,
        power::SCENARIOS,
        reseed::SCENARIOS,
        vip::SCENARIOS,
        vrrp::SCENARIOS,
    ]
    .concat()
}
