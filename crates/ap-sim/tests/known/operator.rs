//! What is typed.

use super::*;

#[test]
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

#[test]
#[ignore = "known: `start --force` over a silent peer serves nothing: commits wait for a standby that is not there"]
fn start_is_forced_over_a_dead_standby() {
    all_kept((0..4).map(|_| {
        vec![
            at(3000, 8000, What::PowerOff(0)),
            at(3000, 90_000, What::PowerOff(1)),
            at(18_000, 0, What::Forced(0, Verb::Start)),
        ]
    }));
}

#[test]
#[ignore = "known: while a session opens a failure of the active takes the pair down, although nobody else could serve"]
fn the_active_fails_while_a_session_opens() {
    for step in 0..40 {
        let end = ends(
            1,
            &[
                at(3000, 8000, What::PowerOff(1)),
                at(15_000, 0, What::Command(1, Verb::Start)),
                at(15_500 + 50 * step, 0, What::Kill(0, Service::Api)),
            ],
        );
        // Setting the pair up took one command, and this story one.
        assert!(end.broken.is_none() && end.figures.commands == 2, "{}{:?}", end.lines, end.figures);
    }
}

#[test]
#[ignore = "known: `set ap` waits a minute for the session, and meanwhile nobody deals with a database that died"]
fn the_database_dies_while_set_ap_waits_for_the_session() {
    for seed in 0..400 {
        let happenings = [
            at(1000, 0, What::Command(0, set(Mode::M))),
            at(4000, 0, What::Command(0, set(Mode::Ap))),
            at(9000, 0, What::Command(1, set(Mode::Ap))),
            at(9000 + 5 * seed, 0, What::Kill(1, Service::Database)),
        ];
        let end = ends(seed, &happenings);
        assert!(end.broken.is_none() && end.figures.longest_pause < WAIT, "{}{:?}", end.lines, end.figures);
    }
}
