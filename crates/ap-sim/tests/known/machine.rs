//! The machine under it all: clocks, disks, the network, systemd.

use super::*;

#[test]
#[ignore = "known: a standby that has heard that its active acknowledges alone keeps the lease that it had when its clock stood still"]
fn a_standby_hears_of_going_alone_after_its_clock_stood_still() {
    all_kept(
        (0..60).map(|step| vec![at(3000, 8000, What::Stun(1)), at(11_300 + 30 * step, 60_000, What::PowerOff(0))]),
    );
}

#[test]
#[ignore = "known: an active that starts does not compare positions with its standby: numbers are given out again, and both say PROTECTED"]
fn a_data_directory_is_put_back_while_both_are_off() {
    all_kept((0..4).map(|_| vec![at(3000, 9000, What::PutBack(0, true)), at(11_900, 3000, What::PowerOff(1))]));
}

#[test]
#[ignore = "known: the file that keeps the lease has no epoch: a program that starts again promotes into the epoch of its active"]
fn a_standby_is_killed_between_its_lease_and_the_epoch_of_it() {
    all_kept((0..400).map(|step: u64| {
        let moment = 11_500 + step;
        vec![
            at(3000, 0, What::Command(0, set(Mode::S))),
            at(10_000, 0, What::Command(0, set(Mode::Ap))),
            at(moment, 0, What::KillNotify(1, (step % 7) as u32)),
            at(moment + 60, 20_000, What::PowerOff(0)),
        ]
    }));
}

#[test]
#[ignore = "known: an answer that cannot be used is taken for silence: the active goes on alone beside a standby that was promoted"]
fn the_answers_of_a_promoted_standby_cannot_be_used() {
    all_kept((0..4).map(|_| vec![at(2900, 10_000, What::Unusable(1)), at(3000, 10_000, What::Adverts(0))]));
}

#[test]
#[ignore = "known: a line that the full FIFO dropped is never made up for: the active takes itself for MASTER, and its database is not started"]
fn keepalived_is_not_heard_because_the_fifo_is_full() {
    all_kept((0..8).map(|_| {
        vec![
            at(3000, 1100, What::Deluge(0)),
            at(3050, 6000, What::Freeze(1)),
            at(3300, 0, What::Kill(0, Service::Database)),
        ]
    }));
}

#[test]
#[ignore = "known: a database whose storage hangs, or has no room, answers every look: no commit ends, and nobody else takes over"]
fn the_storage_of_the_active_hangs() {
    for disk in [Disk::Hangs, Disk::Full] {
        served(&[at(3000, 60_000, What::Disk(0, disk))]);
    }
}

#[test]
#[ignore = "known: a question under way counts as a claim: where both ask at the same moment each time, the active never hears that its standby holds no lease, and commits wait"]
fn both_ask_each_other_at_the_same_moment() {
    for seed in 0..20 {
        let end = ends(seed, &[at(3000, 60_000, What::Disk(1, Disk::Hangs))]);
        assert!(end.broken.is_none() && end.figures.longest_pause < WAIT, "{}{:?}", end.lines, end.figures);
    }
}

#[test]
#[ignore = "known: an active that is starved leaves for good after its standby's lease has ended: nobody serves until an operator comes"]
fn the_active_is_starved() {
    for seed in 0..10 {
        let end = ends(seed, &[at(3000, 10_000, What::Starve(0))]);
        assert!(end.broken.is_none() && end.figures.longest_pause < WAIT, "{}{:?}", end.lines, end.figures);
    }
}

#[test]
#[ignore = "known: a database that could not be killed is stopped in the ordinary way once the node is in m: it answers OK to commits that waited"]
fn a_database_that_could_not_be_killed_is_stopped_in_m() {
    all_kept((0..8000).map(|_| {
        vec![at(3000, 900, What::PauseNotify(0)), at(3000, 5000, What::Adverts(0)), at(3500, 2000, What::Trouble(0))]
    }));
}

/// A look at units that hangs holds up nothing else.
#[test]
fn systemd_hangs_on_the_active() {
    let end = ends(1, &[at(3000, 60_000, What::Deaf(0))]);
    let since = end.lines.split_once("Deaf").map_or("", |(_, since)| since);
    assert!(end.broken.is_none() && !since.contains("UNPROTECTED"), "{}{:?}", end.lines, end.broken);
    assert!(end.figures.longest_pause < Duration::from_secs(1), "{}{:?}", end.lines, end.figures);
}
