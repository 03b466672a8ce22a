//! Each safeguard is needed: without it there is a counterexample. And with all of
//! them the same events do no harm.

use ap_core::mode::Mode;

use super::bounds::Bounds;
use super::explore::{breaks, holds};
use super::faults::Fault;
use super::faults::Fault::{Freeze, Isolate, Mend, Notify, PowerOff, Replication, Set, Stall, Usurped};
use super::repair::Repair;
use super::repair::Repair::{Heal, Thaw};
use super::world::Without;

/// There is one without the safeguard, by these events in this order.
#[track_caller]
fn needed(without: Without, events: &[Fault]) {
    needed_in(without, || Bounds::story(events));
}

#[track_caller]
fn needed_in(without: Without, bounds: impl Fn() -> Bounds) {
    breaks(&format!("without {without:?}"), bounds().without(without));
    holds(&format!("with {without:?}"), bounds());
}

#[test]
fn a_whole_session() {
    needed_in(Without::Whole, || Bounds::new(1, &[PowerOff(0)]).stay().alone());
}

#[test]
fn the_promise() {
    needed(Without::Promise, &[Stall, Usurped]);
}

#[test]
fn promoting() {
    needed_in(Without::Promoting, || Bounds::new(1, &[Usurped]).stay());
}

#[test]
fn silence_as_long_as_a_lease() {
    needed(Without::Silence, &[Stall, Notify(1), Mend(Repair::Notify(1)), Usurped]);
}

#[test]
fn silence_anew_after_a_gap() {
    needed(Without::Gap, &[Freeze(0), PowerOff(1), Mend(Thaw(0))]);
}

#[test]
fn another_relay_log_voids_the_lease() {
    needed(Without::Relay, &[Replication(1), PowerOff(0)]);
}

#[test]
fn the_drain() {
    needed(Without::Drain, &[PowerOff(0)]);
}

#[test]
fn the_fence() {
    needed(Without::Fence, &[Isolate(0)]);
}

#[test]
fn the_epoch() {
    needed(Without::Epoch, &[Freeze(0), Mend(Thaw(0))]);
}

#[test]
fn the_lease_claimed_when_looked_at() {
    needed_in(Without::Claim, || Bounds::story(&[Stall, Usurped, PowerOff(0)]).slow());
}

#[test]
fn a_lease_at_the_end_of_a_promotion_with_a_gap() {
    needed(Without::Pulse, &[Usurped, Freeze(1), PowerOff(0), Mend(Thaw(1))]);
}

#[test]
fn the_gateway_asked_anew() {
    needed(Without::FreshGateway, &[Isolate(1)]);
}

#[test]
fn silence_after_promoting_says_nothing() {
    needed(Without::HeardPromoting, &[Usurped, PowerOff(1)]);
}

#[test]
fn silence_after_isolation_says_nothing() {
    needed(Without::Isolation, &[Isolate(0), PowerOff(1), Mend(Heal)]);
}

#[test]
fn silence_after_a_blink_says_nothing() {
    needed(Without::Blink, &[Freeze(0), PowerOff(1), Mend(Thaw(0))]);
}

#[test]
fn silence_after_a_restart_says_nothing() {
    needed(Without::Restart, &[Notify(0), Usurped, PowerOff(1), Mend(Repair::Notify(0))]);
}

#[test]
fn the_epoch_of_a_node_in_m() {
    needed(Without::Resting, &[Freeze(0), Set(1, Mode::M), Mend(Thaw(0))]);
}

#[test]
fn the_epoch_that_is_counted_on_from() {
    let events = [Freeze(0), Mend(Thaw(0))];
    needed_in(Without::Followed, || Bounds { raised: true, ..Bounds::story(&events).stay() });
}
