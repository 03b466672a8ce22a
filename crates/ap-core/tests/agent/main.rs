//! From any state, whatever happens in whatever order, killed and restarted between
//! any two effects: the node comes to rest, and what it then is fits the last event
//! and the mode table. The agent is the one that ships; the machine around it is
//! simulated.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may assert as tests do

mod ageing;
mod effects;
mod events;
mod keepalived;
mod kills;
mod mariadb;
mod peer;
mod promises;
mod record;
mod rules;
mod tables;
mod urgent;
mod world;

use std::sync::LazyLock;
use std::time::Duration;

use ap_core::message::Verb;
use ap_core::mode::{Fault, Mode, Role, Service, Vrrp};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError};

use events::{Event, Peer, any_event};
use world::{Outcome, World};

/// The same few cases every time, so that a run says something about a change. To
/// hunt: `PROPTEST_CASES=100000 cargo test -p ap-core --test agent`, new ones each time.
fn config(cases: u32) -> Config {
    let usual = Config { failure_persistence: None, ..Config::default() };
    match std::env::var("PROPTEST_CASES") {
        Ok(_) => usual,
        Err(_) => Config { cases, rng_seed: RngSeed::Fixed(7), ..usual },
    }
}

static BEGINNINGS: LazyLock<Vec<World>> = LazyLock::new(|| (0..6).map(make).collect());

/// A node to begin with: fresh, in `m`, in `s`, active alone, active of a pair, standby.
fn begin(start: usize) -> World {
    BEGINNINGS[start].clone()
}

/// Nodes to begin with, as requests make them.
fn make(start: usize) -> World {
    let set = |mode, role| Event::Ask(Verb::Set { mode, role, reseed: false }, false);
    let first = || set(Mode::Ap, Some(Role::Active));
    let pair = || vec![first(), Event::Peer(Peer::Standby)];
    let (steps, expected) = match start {
        0 => (vec![], "m standby 0 false"),
        1 => (vec![set(Mode::M, None)], "m standby 0 false"),
        2 => (vec![set(Mode::S, None)], "s active 1 false"),
        3 => (vec![first()], "ap active 1 true"),
        4 => (pair(), "ap active 1 false"),
        _ => (vec![Event::Peer(Peer::Active), set(Mode::Ap, None)], "ap standby 1 false"),
    };
    let mut world = World::fresh();
    world.peer = Some(peer::answer(Mode::M, Role::Standby, 0));
    world.run_for(Duration::from_secs(1));
    for event in &steps {
        world.happens(event);
        assert!(world.settles(), "{event:?}: {world:?}");
    }
    let s = &world.state;
    assert_eq!(format!("{} {} {} {}", s.mode, s.role, s.epoch, s.solo), expected);
    world
}

fn fails(what: &str, world: &World) -> Result<(), TestCaseError> {
    Err(TestCaseError::fail(format!("{what}\n{world:?}")))
}

/// What a node at rest must be. Each line is red when
///
/// - intention: a resumed request with nothing left to do is no step at all;
/// - FAULT: the event table has the active of a pair start the failed unit again;
/// - set m: a handed-over node is not stopped; stop: keepalived's last word counts;
/// - older: a peer of a higher epoch counts only while it serves;
/// - unit files: looks do not repair them; m: looks do not stop what runs;
/// - writable, standby: looks and BACKUP do not switch `read_only` on again;
/// - not started: a track file is not set for a keepalived started by hand;
/// - replicates: BACKUP does not start a stopped thread;
/// - VIP, MASTER, fault/role: looks do not repair them;
/// - alone: looks do not start what failed.
fn fits(world: &World) -> Result<(), TestCaseError> {
    let s = &world.state;
    let check = |it: bool, what: &str| if it { Ok(()) } else { fails(what, world) };
    check(s.intention.is_none(), "an intention is left")?;
    check(!world.must_rest, "FAULT or STOP of a protected active did not end in m")?;
    match &world.last {
        Some((verb, Outcome::Done)) if verb.is_set(Mode::M) => check(s.mode == Mode::M, "set m, and not in m")?,
        Some((Verb::Stop, Outcome::Done)) if !s.is_fresh() => {
            check(world.runs() == [false; 3], "stopped, and something runs")?
        }
        Some((verb, Outcome::Done)) if verb.is_set(Mode::S) => check(s.mode != Mode::Ap, "set s, and in ap")?,
        _ => {}
    }
    if s.is_fresh() {
        return Ok(());
    }
    let older = world.peer.as_ref().is_some_and(|peer| peer.epoch > s.epoch);
    check(!(older && s.serves()), "serves, though the peer was promoted after it")?;
    let files = match s.mode {
        Mode::M => ["masked"; 4],
        Mode::Ap => ["disabled"; 4],
        Mode::S => ["enabled", "disabled", "disabled", "disabled"],
    };
    check(world.files() == files, "unit files do not fit the mode table")?;
    check(!world.db.writable() || world.vip, "writable without the VIP")?;
    fits_role(world)
}

/// The same, for what a node of its mode and role runs and holds.
fn fits_role(world: &World) -> Result<(), TestCaseError> {
    let s = &world.state;
    let check = |it: bool, what: &str| if it { Ok(()) } else { fails(what, world) };
    let (db, database) = (&world.db, world.up(Service::Database));
    match (s.mode, s.role) {
        (Mode::M, _) => check(world.runs() == [false; 3] && !world.vip, "something runs in m"),
        _ if !world.started => {
            let gives = !world.up(Service::Keepalived) || world.faults.contains(&Fault::Role);
            check(!world.vip && gives, "not started, and may hold the VIP")
        }
        (Mode::Ap, Role::Standby) => {
            check(!db.writable() && !world.vip, "a standby that is writable or holds the VIP")?;
            let serves = world.peer.as_ref().is_some_and(ap_core::answer::Answer::serves);
            let replicates = !db.replica || (db.io && db.sql()) || !serves;
            check(!database || replicates, "a standby that does not replicate")
        }
        (Mode::Ap | Mode::S, _) => {
            let master = world.word == Some(Vrrp::Master);
            check(world.vip == master, "the VIP does not fit keepalived's word")?;
            check(!world.faults.contains(&Fault::Role), "fault/role is stale")?;
            let pair = s.mode == Mode::Ap && !s.solo;
            let true_ = db.writable() && db.semi_sync == pair;
            check(!(master && database) || true_, "MASTER, and not made true")?;
            check(pair || world.runs() == [true; 3], "alone, and a failed unit was not started again")
        }
    }
}

fn story(start: usize, events: &[(Event, Duration)]) -> Result<(), TestCaseError> {
    let mut world = begin(start);
    for (event, pause) in events {
        world.happens(event);
        world.run_for(*pause);
    }
    if !world.settles() {
        fails("does not come to rest", &world)?;
    }
    fits(&world)
}

// Red, besides for `fits`, where `rules.rs` asserts: when a standby's lease flaps its
// track file (no rest); a leaving gives way to a request; an epoch is taken from an
// older peer; a promotion keeps its epoch; Writable comes before SemiSync, without
// MASTER or without the right; a hand-over gives its word while writable; a relay log
// is dropped before it is drained or by starting from both threads stopped.
proptest! {
    #![proptest_config(config(1500))]

    #[test]
    fn whatever_happens_a_node_comes_to_rest_as_what_it_should_be(
        start in 0..6_usize,
        events in prop::collection::vec(any_event(), 1..12),
    ) {
        story(start, &events)?;
    }
}
