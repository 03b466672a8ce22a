//! Each safeguard is needed: without it there is a counterexample.

use stateright::Checker;

use super::faults::Fault;
use super::safe::explore;
use super::world::{Bounds, Without};

/// A counterexample exists.
#[track_caller]
pub fn breaks(name: &str, bounds: Bounds) {
    let checker = explore(name, bounds);
    let broken: Vec<_> =
        ["G1", "G2", "G3"].into_iter().filter_map(|name| Some((name, checker.discovery(name)?))).collect();
    let Some((property, path)) = broken.first() else { panic!("{name}: no counterexample") };
    super::story::print(property, path);
}

/// There is one without the safeguard, by these faults and no more of them.
#[track_caller]
fn needed(without: Without, writes: u8, faults: &[Fault]) {
    let bounds = Bounds::story(faults).without(without);
    breaks(&format!("without {without:?}"), Bounds { writes, ..bounds });
}

#[test]
fn a_whole_session() {
    breaks("without Whole", Bounds::new(1, &[Fault::PowerOff(0)]).alone().without(Without::Whole));
}

#[test]
fn the_promise() {
    needed(Without::Promise, 1, &[Fault::Stall, Fault::Usurped]);
}

#[test]
fn promoting() {
    breaks("without Promoting", Bounds::new(1, &[Fault::Usurped]).without(Without::Promoting));
}

#[test]
fn silence_as_long_as_a_lease() {
    needed(Without::Silence, 1, &[Fault::Stall, Fault::Notify(1), Fault::Usurped]);
}

#[test]
fn silence_anew_after_a_gap() {
    needed(Without::Gap, 1, &[Fault::Freeze(0), Fault::PowerOff(1)]);
}

#[test]
fn another_relay_log_voids_the_lease() {
    needed(Without::Relay, 1, &[Fault::Replication(1), Fault::PowerOff(0)]);
}

#[test]
fn the_drain() {
    needed(Without::Drain, 1, &[Fault::PowerOff(0)]);
}

#[test]
fn the_fence() {
    needed(Without::Fence, 1, &[Fault::Isolate(0)]);
}

#[test]
fn the_epoch() {
    needed(Without::Epoch, 1, &[Fault::Freeze(0)]);
}

#[test]
fn the_lease_claimed_when_looked_at() {
    let faults = [Fault::Stall, Fault::Usurped, Fault::PowerOff(0)];
    breaks("without Claim", Bounds::story(&faults).slow().without(Without::Claim));
}

#[test]
#[ignore = "no counterexample seen yet"]
fn a_lease_at_the_end_of_a_promotion_with_a_gap() {
    needed(Without::Pulse, 1, &[Fault::Usurped, Fault::Freeze(1), Fault::PowerOff(0)]);
}

#[test]
fn the_gateway_asked_anew() {
    needed(Without::FreshGateway, 1, &[Fault::Isolate(1)]);
}

#[test]
fn silence_after_promoting_says_nothing() {
    needed(Without::HeardPromoting, 1, &[Fault::Usurped, Fault::PowerOff(1)]);
}

#[test]
#[ignore = "no counterexample seen yet"]
fn silence_after_isolation_says_nothing() {
    needed(Without::Isolation, 2, &[Fault::Isolate(0), Fault::PowerOff(1)]);
}

#[test]
#[ignore = "no counterexample seen yet"]
fn silence_after_a_blink_says_nothing() {
    needed(Without::Blink, 2, &[Fault::Freeze(0), Fault::PowerOff(1)]);
}

#[test]
fn silence_after_a_restart_says_nothing() {
    needed(Without::Restart, 1, &[Fault::Notify(0), Fault::Usurped, Fault::PowerOff(1)]);
}
