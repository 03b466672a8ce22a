//! Each safeguard is needed: without it there is a counterexample. And with all of
//! them the same events do no harm.

use ap_core::mode::Mode;

use super::bounds::Bounds;
use super::explore::{breaks, holds};
use super::faults::Fault;
use super::faults::Fault::{
    Adverts, Amid, Freeze, Isolate, Mend, Notify, PowerOff, Replication, Service, Set, Stall, Usurped,
};
use super::node::Mishap;
use super::repair::Repair;
use super::repair::Repair::{Heal, Thaw};
use super::twist::Twist;

/// There is one without the safeguard, by these events in this order.
#[track_caller]
fn needed(twist: Twist, events: &[Fault]) {
    needed_in(twist, || Bounds::story(events));
}

#[track_caller]
fn needed_in(twist: Twist, bounds: impl Fn() -> Bounds) {
    breaks(&format!("without {twist:?}"), bounds().without(twist));
    holds(&format!("with {twist:?}"), bounds());
}

#[test]
fn a_whole_session() {
    needed_in(Twist::Whole, || Bounds::story(&[Stall, PowerOff(0)]).alone());
}

#[test]
fn the_promise() {
    needed(Twist::Promise, &[Stall, Usurped]);
}

#[test]
fn promoting() {
    needed_in(Twist::Promoting, || Bounds::story(&[Stall, Usurped]).slow());
}

#[test]
fn silence_as_long_as_a_lease() {
    needed(Twist::Impatient, &[Stall, Notify(1), Mend(Repair::Notify(1)), Usurped]);
}

#[test]
fn silence_anew_after_a_gap() {
    needed(Twist::Unaware, &[Freeze(0), PowerOff(1), Mend(Thaw(0))]);
}

#[test]
fn another_relay_log_voids_the_lease() {
    needed(Twist::Relay, &[Replication(1), PowerOff(0)]);
}

#[test]
fn the_drain() {
    needed(Twist::Drain, &[PowerOff(0)]);
}

#[test]
fn the_fence() {
    needed(Twist::Fence, &[Isolate(0)]);
}

#[test]
fn the_epoch() {
    needed(Twist::Epoch, &[Freeze(0), Mend(Thaw(0))]);
}

#[test]
fn the_lease_claimed_when_looked_at() {
    needed_in(Twist::Claim, || Bounds::story(&[Stall, Usurped, PowerOff(0)]).slow());
}

#[test]
fn a_lease_at_the_end_of_a_promotion_with_a_gap() {
    needed(Twist::Unaware, &[Amid(1, 0, Mishap::Freeze), Usurped, Mend(Thaw(1))]);
}

#[test]
fn the_gateway_asked_anew() {
    needed(Twist::FreshGateway, &[Isolate(1), Adverts(1)]);
}

#[test]
fn silence_after_promoting_says_nothing() {
    needed_in(Twist::Trusting, || Bounds::story(&[Usurped, PowerOff(1)]).slow());
}

#[test]
fn silence_after_isolation_says_nothing() {
    needed(Twist::Trusting, &[Isolate(0), PowerOff(1), Mend(Heal)]);
}

#[test]
fn silence_after_a_blink_says_nothing() {
    needed(Twist::Trusting, &[Freeze(0), PowerOff(1), Mend(Thaw(0))]);
}

#[test]
fn silence_after_a_restart_says_nothing() {
    needed(Twist::Trusting, &[Notify(0), Usurped, PowerOff(1), Mend(Repair::Notify(0))]);
}

#[test]
fn the_epoch_of_a_node_in_m() {
    needed(Twist::Resting, &[Freeze(0), Set(1, Mode::M), Mend(Thaw(0))]);
}

#[test]
fn a_state_that_is_durable() {
    needed(Twist::Durable, &[Stall, Notify(0), Mend(Repair::Notify(0)), Service(0)]);
}
