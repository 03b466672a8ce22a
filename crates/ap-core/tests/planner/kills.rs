//! F12: one plan after the other, killed at each of its steps.

use ap_core::message::Verb;
use ap_core::mode::{Mode, Role, Service, Vrrp};

use crate::events::{Event, Peer};
use crate::world::World;
use crate::{begin, fits};

/// More steps than any plan has.
const STEPS: usize = 30;

/// A plan: its name, what the node begins as, what is around it, what then happens.
type Row = (&'static str, usize, Vec<Event>, Event);

fn plans() -> Vec<Row> {
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
        ("standby serves", 5, vec![Event::Peer(Peer::Fenced)], set(Mode::S)),
    ]
}

/// The world after a plan that was killed after so many steps.
fn run((name, start, around, event): &Row, kill: Option<usize>, power_off: bool) -> World {
    let mut world = begin(*start);
    around.iter().for_each(|event| world.happens(event));
    (world.kill_after, world.power_off) = (kill, power_off);
    world.happens(event);
    rests(&mut world, &format!("{name}, killed after {kill:?}"));
    world
}

fn rests(world: &mut World, when: &str) {
    assert!(world.settles(), "{when}: does not come to rest");
    fits(world).unwrap_or_else(|error| unreachable!("{when}: {error}"));
}

/// What of a node counts when two ends are compared.
fn end(world: &World) -> String {
    let World { state: s, files, runs, started, vip, replica, .. } = world;
    format!("{} {} {} {:?}", s.mode, s.role, s.epoch, (s.solo, files, runs, started, vip, world.writable(), replica))
}

/// Red when a promotion forgets replication before it has written `s`, when a
/// resumed request takes `started` for running, or when `set ap --reseed` is
/// refused on the standby it has already made.
#[test]
fn killed_at_any_step_the_end_is_the_same() {
    for row in plans() {
        let expected = end(&run(&row, None, false));
        for kill in 0..STEPS {
            assert_eq!(end(&run(&row, Some(kill), false)), expected, "{}, killed after step {kill}", row.0);
        }
    }
}

/// Of a pair nothing starts by itself (F1, F8), and what an operator then starts
/// takes no word back. Red when a node that was fenced may start, or when a boot
/// may start half of a pair.
#[test]
fn powered_off_at_any_step_it_starts_only_what_stands_alone() {
    for row in plans() {
        for kill in 0..STEPS {
            let mut world = run(&row, Some(kill), true);
            let cut = world.kill_after.is_none();
            let alone = world.state.mode == Mode::S;
            assert!(!cut || alone || world.runs == [false; 3], "{}, cut after step {kill}: {world:?}", row.0);
            world.happens(&Event::Ask(Verb::Start, false));
            rests(&mut world, &format!("{}, cut after step {kill}, started", row.0));
        }
    }
}
