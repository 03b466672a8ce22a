//! F12: one plan after the other, killed before and right after each of its effects.

use std::time::Duration;

use ap_core::message::Verb;
use ap_core::mode::{Mode, Role, Service, Vrrp};

use crate::events::{Event, Peer};
use crate::world::{Kill, World};
use crate::{begin, fits};

/// A plan: its name, what the node begins as, what is around it, what then happens.
pub type Row = (&'static str, usize, Vec<Event>, Event);

pub fn plans() -> Vec<Row> {
    let ask = |verb| Event::Ask(verb, false);
    let set = |mode| ask(Verb::Set { mode, role: None, reseed: false });
    let reseed = || ask(Verb::Set { mode: Mode::Ap, role: None, reseed: true });
    vec![
        ("promotion on a lease", 5, vec![Event::Peer(Peer::Silent)], Event::Elect(Vrrp::Master)),
        ("promotion on a word", 5, vec![Event::Peer(Peer::Fenced)], Event::Elect(Vrrp::Master)),
        ("FAULT", 4, vec![], Event::Nic(false)),
        ("FAULT, the standby takes over", 4, vec![Event::Ambition(true)], Event::Nic(false)),
        ("database dies", 4, vec![], Event::Die(Service::Database, false)),
        ("hand-over", 4, vec![Event::Ambition(true)], set(Mode::M)),
        ("hand-over, nobody takes it", 4, vec![], set(Mode::M)),
        ("stop of the active", 4, vec![Event::Ambition(true)], ask(Verb::Stop)),
        ("switchover", 4, vec![Event::Ambition(true)], ask(Verb::Switchover)),
        ("going on alone", 4, vec![], set(Mode::S)),
        ("alone, a unit fails", 2, vec![], Event::Die(Service::Api, false)),
        ("stop alone", 2, vec![], ask(Verb::Stop)),
        ("restart alone", 2, vec![], ask(Verb::Restart)),
        ("pairing", 2, vec![Event::Peer(Peer::Standby)], set(Mode::Ap)),
        ("maintenance alone", 2, vec![], set(Mode::M)),
        ("first", 0, vec![], ask(Verb::Set { mode: Mode::Ap, role: Some(Role::Active), reseed: false })),
        ("joining", 1, vec![Event::Peer(Peer::Promoted)], set(Mode::Ap)),
        ("reseeding", 1, vec![Event::Peer(Peer::Promoted)], reseed()),
        ("standby leaves", 5, vec![], set(Mode::M)),
        ("standby restarts", 5, vec![], ask(Verb::Restart)),
        ("standby serves", 5, vec![Event::Nic(false), Event::Peer(Peer::Fenced)], set(Mode::S)),
    ]
}

/// The world around a plan, a moment before what sets it off.
pub fn set_up((_, start, around, _): &Row) -> World {
    let mut world = begin(*start);
    around.iter().for_each(|event| world.happens(event));
    // Known to the agent: but a lease is alive, and nothing was decided by it yet.
    world.run_for(Duration::from_millis(20));
    (world.counted, world.counted_busy, world.saves) = (0, 0, 0);
    world
}

/// The world after a plan that was killed there.
fn run(row: &Row, kill: Option<Kill>) -> World {
    let mut world = set_up(row);
    world.kill = kill;
    world.happens(&row.3);
    rests(&mut world, &format!("{}, killed at {kill:?}", row.0));
    world
}

fn rests(world: &mut World, when: &str) {
    assert!(world.settles(), "{when}: does not come to rest: {world:?}");
    fits(world).unwrap_or_else(|error| panic!("{when}: {error}"));
}

/// What of a node counts when two ends are compared.
fn end(world: &World) -> String {
    let World { state: s, started, vip, db, .. } = world;
    let (files, runs) = (world.files(), world.runs());
    let rest = (s.solo, files, runs, started, vip, db.writable(), db.replica);
    format!("{} {} {} {rest:?}", s.mode, s.role, s.epoch)
}

/// How the node ends if the request is never read.
fn unasked(row: &Row) -> String {
    let mut world = set_up(row);
    rests(&mut world, &format!("{}, not asked", row.0));
    end(&world)
}

/// Each point of a plan at which it can be killed.
fn points(effects: usize, power_off: bool) -> impl Iterator<Item = Kill> {
    (0..=effects).flat_map(move |left| [false, true].map(|after| Kill { left, after, power_off }))
}

/// What was read from the FIFO and not yet written down is lost with the program: a
/// request, then, is as good as never asked. Anything else is found again.
///
/// Red when a promotion forgets replication before it has written `s`, when a
/// resumed request takes `started` for running, or when `set ap --reseed` is
/// refused on the standby it has already made.
#[test]
fn killed_between_any_two_effects_the_end_is_the_same() {
    for row in plans() {
        let whole = run(&row, None);
        let expected = end(&whole);
        let request = matches!(row.3, Event::Ask(..));
        let without = request.then(|| unasked(&row));
        for kill in points(whole.counted_busy, false) {
            let world = run(&row, Some(kill));
            let end = end(&world);
            let forgotten = world.killed_before_save && without.as_ref() == Some(&end);
            assert!(end == expected || forgotten, "{}, {kill:?}:\n{end}\n{expected}", row.0);
        }
    }
}

/// Of a pair nothing starts by itself (F1, F8), and what an operator then starts
/// takes no word back. Red when a node that was fenced may start, or when a boot
/// may start half of a pair.
#[test]
fn powered_off_between_any_two_effects_it_starts_only_what_stands_alone() {
    for row in plans() {
        let whole = run(&row, None);
        for kill in points(whole.counted_busy, true) {
            let mut world = run(&row, Some(kill));
            let cut = world.kill.is_none();
            let alone = world.state.mode == Mode::S;
            assert!(!cut || alone || world.runs() == [false; 3], "{}, cut at {kill:?}: {world:?}", row.0);
            world.happens(&Event::Ask(Verb::Start, false));
            rests(&mut world, &format!("{}, cut at {kill:?}, started", row.0));
        }
    }
}
