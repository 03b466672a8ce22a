//! All scenarios, grouped by what breaks.

use crate::scenario::Scenario;

mod api;
mod boot;
mod both_off;
mod database;
mod gateway;
mod isolation;
mod keepalived;
mod lab;
mod modes;
mod network;
mod operator;
mod power;
mod reseed;
mod standby;
mod switchover;
mod vip;
mod vrrp;

/// All of them.
pub fn all() -> Vec<Scenario> {
    [
        api::SCENARIOS,
        boot::SCENARIOS,
        both_off::SCENARIOS,
        database::SCENARIOS,
        gateway::SCENARIOS,
        isolation::SCENARIOS,
        keepalived::SCENARIOS,
        lab::SCENARIOS,
        modes::SCENARIOS,
        network::SCENARIOS,
        operator::SCENARIOS,
        power::SCENARIOS,
        reseed::SCENARIOS,
        standby::SCENARIOS,
        switchover::SCENARIOS,
        vip::SCENARIOS,
        vrrp::SCENARIOS,
    ]
    .concat()
}
