//! What is typed.

use super::*;

#[test]
#[ignore = "known: `set s` on a fenced node neither takes its word back nor asks the peer again before it serves"]
fn a_fenced_node_is_set_to_s_while_its_standby_promotes_on_its_word_and_dies() {
    all_kept((0..60).map(|step: u64| {
        vec![
            at(1000, 9000, What::Hang(1, Service::Api)),
            at(6000, 0, What::Kill(0, Service::Keepalived)),
            at(11_000 + 50 * step, 0, What::Command(0, set(Mode::S))),
            at(12_500 + 50 * step, 20_000, What::PowerOff(1)),
        ]
    }));
}

#[test]
#[ignore = "known: `set s` on a suspicious active needs no `--force`"]
fn set_s_on_a_thawed_active_whose_standby_was_promoted_and_died() {
    all_kept((0..4).map(|_| {
        vec![
            at(3000, 10_000, What::Freeze(0)),
            at(8000, 60_000, What::PowerOff(1)),
            at(14_000, 0, What::Blindly(0, set(Mode::S))),
        ]
    }));
}

#[test]
fn set_s_fails_after_going_alone() {
    all_kept((0..60).map(|_| vec![at(2500, 8000, What::Trouble(0)), at(3000, 0, What::Command(0, set(Mode::S)))]));
}
