//! Stories that end badly, and why. Each is kept until what causes it is mended.

use std::time::Duration;

use ap_core::message::Verb;
use ap_core::mode::{Mode, Service};
use ap_sim::{End, Happening, Story, Twist, What};

/// Longer than the documented wait for a standby that has vanished (docs/limits.md).
const WAIT: Duration = Duration::from_secs(8);
const SEMI_SYNC_OFF: &str = "SET GLOBAL rpl_semi_sync_master_enabled=OFF";

fn at(at: u64, lasts: u64, what: What) -> Happening {
    Happening { at: Duration::from_millis(at), lasts: Duration::from_millis(lasts), what }
}

fn set(mode: Mode) -> Verb {
    Verb::Set { mode, role: None, reseed: false }
}

fn ends(seed: u64, happenings: &[Happening]) -> End {
    Story { seed, happenings: happenings.to_vec(), twist: None }.run(true)
}

/// Nothing breaks in any of these.
fn all_kept(stories: impl Iterator<Item = Vec<Happening>>) {
    for (seed, happenings) in stories.enumerate() {
        let end = ends(seed as u64, &happenings);
        assert!(end.broken.is_none(), "{}{:?}", end.lines, end.broken);
    }
}

/// Nothing breaks, and clients never wait longer than is documented.
fn served(happenings: &[Happening]) {
    let end = ends(1, happenings);
    assert!(end.broken.is_none() && end.figures.longest_pause < WAIT, "{}{:?}", end.lines, end.figures);
}

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
#[ignore = "known: semi-sync that somebody switches off within a whole session is not seen to end it"]
fn semi_sync_is_switched_off_by_hand() {
    all_kept((0..4).map(|_| vec![at(3000, 0, What::Sql(0, SEMI_SYNC_OFF))]));
}

#[test]
#[ignore = "known: the word is given for a database that was shut down past systemd, and answered OK to commits that waited"]
fn the_database_of_the_active_is_shut_down_while_commits_wait() {
    all_kept((0..10).map(|_| vec![at(3000, 900, What::CutFrom(0)), at(3250, 0, What::Shutdown(0))]));
}

#[test]
#[ignore = "known: an order that fails half-way leaves `solo` written down and the session opening: PROTECTED without semi-sync"]
fn going_on_alone_fails_half_way() {
    all_kept((0..400).map(|_| vec![at(3000, 6000, What::Trouble(0)), at(3300, 0, What::Kill(1, Service::Database))]));
}

#[test]
#[ignore = "known: a hiccup of ap-notify while the standby is silent makes the active suspicious for ever: writes hang"]
fn a_hiccup_of_the_active_while_its_standby_is_dead() {
    served(&[at(3000, 60_000, What::PowerOff(1)), at(4000, 500, What::PauseNotify(0))]);
}

#[test]
#[ignore = "known: a promotion has one try: a database that hangs for 1.7 s at that moment costs the pair"]
fn a_hiccup_of_the_standbys_database_while_the_active_dies() {
    served(&[at(3000, 60_000, What::PowerOff(0)), at(3000, 1700, What::Hang(1, Service::Database))]);
}

#[test]
#[ignore = "known: a standby that replicates without semi-sync is not repaired"]
fn a_standby_replicates_without_semi_sync() {
    let [off, stop, start] = ["SET GLOBAL rpl_semi_sync_slave_enabled=OFF", "STOP SLAVE", "START SLAVE"];
    all_kept((0..2).map(|_| {
        vec![at(3000, 0, What::Sql(1, off)), at(3001, 0, What::Sql(1, stop)), at(3002, 0, What::Sql(1, start))]
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
#[ignore = "known: while the peer is unreachable from here it hears no answer either, and takes that for silence"]
fn a_route_that_could_not_be_removed() {
    all_kept((0..600).map(|_| vec![at(2500, 6500, What::Trouble(1)), at(3000, 2300, What::Cut)]));
}

#[test]
#[ignore = "known: a statement of a killed ap-notify that takes effect late switches semi-sync off within a whole session"]
fn a_statement_of_a_killed_program_lands_late() {
    let happenings = [
        at(2500, 2000, What::Trouble(0)),
        at(3000, 0, What::Kill(1, Service::Database)),
        at(3400, 0, What::KillNotify(0, 0)),
    ];
    for seed in 0..400 {
        let story = Story { seed, happenings: happenings.to_vec(), twist: Some(Twist::LateOrphans) };
        let end = story.run(true);
        // Another story of this file.
        let broken = end.broken.filter(|it| it.known.is_none());
        assert!(broken.is_none(), "{}{broken:?}", end.lines);
    }
}
