//! `ap-notify` and its effects.

use super::*;

#[test]
#[ignore = "known: a hiccup of ap-notify while the standby is silent makes the active suspicious for ever: writes hang"]
fn a_hiccup_of_the_active_while_its_standby_is_dead() {
    served(&[at(3000, 60_000, What::PowerOff(1)), at(4000, 500, What::PauseNotify(0))]);
}

#[test]
#[ignore = "known: while the peer is unreachable from here it hears no answer either, and takes that for silence"]
fn a_route_that_could_not_be_removed() {
    all_kept((0..6000).map(|_| vec![at(2500, 6500, What::Trouble(1)), at(3000, 2300, What::Cut)]));
}

#[test]
#[ignore = "known: a statement of a killed ap-notify that takes effect late switches semi-sync off within a whole session"]
fn a_statement_of_a_killed_program_lands_late() {
    let happenings = [
        at(2500, 2000, What::Trouble(0)),
        at(3000, 0, What::Kill(1, Service::Database)),
        at(3400, 0, What::Orphan(0, 0)),
    ];
    for seed in 0..400 {
        let end = ends(seed, &happenings);
        // Another story of this file.
        let broken = end.broken.filter(|it| it.known.is_none());
        assert!(broken.is_none(), "{}{broken:?}", end.lines);
    }
}
