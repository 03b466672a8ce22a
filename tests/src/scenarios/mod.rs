//! All scenarios, grouped by what breaks.

use crate::scenario::Scenario;

mod adopt;
mod api;
mod boot;
mod both_off;
mod bus;
mod check;
mod check_at_rest;
mod clock;
mod database;
mod elsewhere;
mod fence;
mod first_version;
mod flaps;
mod fork;
mod freeze;
mod gateway;
mod guide;
mod hooks;
mod input;
mod install;
mod isolation;
mod keepalived;
mod kill;
mod killed;
mod lab;
mod lag;
mod metrics;
mod modes;
mod network;
mod operator;
mod port;
mod power;
mod purged;
mod relay;
mod reseed;
mod round;
mod sandbox;
mod secrets;
mod stale;
mod standalone;
mod standby;
mod starved;
mod switchover;
mod vip;
mod vrrp;

/// All of them.
pub fn all() -> Vec<Scenario> {
    [
        adopt::SCENARIOS,
        api::SCENARIOS,
        boot::SCENARIOS,
        both_off::SCENARIOS,
        bus::SCENARIOS,
        clock::SCENARIOS,
        check::SCENARIOS,
        check_at_rest::SCENARIOS,
        database::SCENARIOS,
        fence::SCENARIOS,
        elsewhere::SCENARIOS,
        first_version::SCENARIOS,
        flaps::SCENARIOS,
        fork::SCENARIOS,
        freeze::SCENARIOS,
        gateway::SCENARIOS,
        isolation::SCENARIOS,
        keepalived::SCENARIOS,
        guide::SCENARIOS,
        hooks::SCENARIOS,
        input::SCENARIOS,
        install::SCENARIOS,
        standalone::SCENARIOS,
        kill::SCENARIOS,
        killed::SCENARIOS,
        lab::SCENARIOS,
        lag::SCENARIOS,
        metrics::SCENARIOS,
        modes::SCENARIOS,
        network::SCENARIOS,
        operator::SCENARIOS,
        port::SCENARIOS,
        power::SCENARIOS,
        purged::SCENARIOS,
        relay::SCENARIOS,
        reseed::SCENARIOS,
        round::SCENARIOS,
        sandbox::SCENARIOS,
        secrets::SCENARIOS,
        crate::soak::SCENARIOS,
        stale::SCENARIOS,
        standby::SCENARIOS,
        starved::SCENARIOS,
        switchover::SCENARIOS,
        vip::SCENARIOS,
        vrrp::SCENARIOS,
        crate::facts::SCENARIOS,
    ]
    .concat()
}

/// Those that hand a running pair on, one after the other.
pub fn in_order(mut chosen: Vec<Scenario>) -> Vec<Scenario> {
    chosen.sort_by_key(|scenario| (scenario.setup.name, scenario.begin));
    chosen
}
