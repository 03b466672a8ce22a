//! The documented limits are limits: each has its counterexample.

use super::bounds::Bounds;
use super::explore::breaks;
use super::faults::Fault;
use super::repair::Repair;

#[test]
fn a_cut_between_the_two_alone() {
    breaks("cut", Bounds::story(&[Fault::Cut]));
}

#[test]
fn the_active_paused_with_its_clock_while_the_standby_serves_and_dies() {
    breaks("paused active", Bounds::story(&[Fault::Pause(0), Fault::PowerOff(1), Fault::Mend(Repair::Thaw(0))]));
}

#[test]
fn the_standby_paused_with_its_clock_while_the_active_goes_on_and_dies() {
    breaks("paused standby", Bounds::story(&[Fault::Pause(1), Fault::PowerOff(0), Fault::Mend(Repair::Thaw(1))]));
}

#[test]
fn the_standby_frozen_at_the_end_of_its_promotion_while_the_active_runs_on() {
    breaks("frozen promotion", Bounds::story(&[Fault::Usurped, Fault::Freeze(1)]).limits());
}

#[test]
fn the_standby_dead_within_a_question_of_its_promotion_while_the_active_runs_on() {
    breaks("dead promotion", Bounds::story(&[Fault::Usurped, Fault::PowerOff(1)]).limits());
}

#[test]
fn kill_answers_ok_to_a_commit_that_waits() {
    breaks("KILL", Bounds::story(&[Fault::Kill(0), Fault::PowerOff(0)]));
}
