//! Leaving and promoting wait for nothing that can hang, and for nobody's word twice.

use std::time::Duration;

use ap_core::agent::{Act, Effect, Input, Seen};
use ap_core::message::{Message, Verb};
use ap_core::mode::{Fault, Mode, Service, Vrrp};
use ap_core::state::{Intention, State};

use crate::begin;
use crate::events::{Event, Peer};
use crate::record::{makes_writable, ms, writes};
use crate::world::{How, World};

fn said(word: Vrrp) -> impl Fn(&Input) -> bool {
    move |input| matches!(input, Input::Lines(lines) if lines.contains(&Message::Vrrp(word)))
}

fn kills_the_database(act: &Act) -> bool {
    matches!(act, Act::Kill { service: Service::Database, .. })
}

/// How long after keepalived's word this was ordered.
fn after(world: &World, word: Vrrp, which: impl Fn(&Act) -> bool) -> Duration {
    let heard = world.heard_of(said(word)).unwrap();
    let at = world.ordered(which).unwrap_or_else(|| panic!("never ordered: {world:?}"));
    at - heard
}

/// Red when a wait of a request does not give way: `set m` waits for up to a minute,
/// and until then a node in FAULT goes on serving.
#[test]
fn a_fault_while_set_m_waits_for_protection_is_served_at_once() {
    let mut world = begin(4);
    world.peer_tells_protected = false;
    world.happens(&Event::Ask(Verb::Set { mode: Mode::M, role: None, reseed: false }, false));
    world.run_for(Duration::from_secs(5));
    assert!(matches!(world.state.intention, Some(Intention::Request { .. })), "does not wait: {world:?}");
    world.watch();
    world.happens(&Event::Nic(false));
    world.run_for(Duration::from_secs(4));
    assert!(after(&world, Vrrp::Fault, |act| *act == Act::Fault(Fault::Role, true)) <= ms(5));
    assert!(after(&world, Vrrp::Fault, kills_the_database) <= ms(20));
    assert_eq!(world.state.mode, Mode::M);
}

/// Red when observing for a FAULT waits for `Look::Units` (F17).
#[test]
fn a_hung_systemd_delays_no_leaving() {
    for hung in [ms(0), ms(400), ms(3000)] {
        let mut world = begin(4);
        world.deaf = true;
        world.run_for(hung);
        world.watch();
        world.happens(&Event::Nic(false));
        world.run_for(Duration::from_secs(4));
        assert!(after(&world, Vrrp::Fault, |act| *act == Act::Fault(Fault::Role, true)) <= ms(5), "{hung:?}");
        assert!(after(&world, Vrrp::Fault, kills_the_database) <= ms(20), "{hung:?}");
        assert_eq!(world.state.mode, Mode::M, "{hung:?}");
    }
}

/// Red when observing for a MASTER waits for `Look::Units`; the one question to a
/// silent peer costs 100 ms.
#[test]
fn a_hung_systemd_delays_no_promotion() {
    for hung in [ms(0), ms(400), ms(3000)] {
        let mut world = begin(5);
        world.deaf = true;
        world.run_for(hung);
        world.happens(&Event::Peer(Peer::Silent));
        world.watch();
        world.happens(&Event::Elect(Vrrp::Master));
        world.run_for(Duration::from_secs(2));
        assert!(after(&world, Vrrp::Master, writes(Mode::S)) <= ms(250), "{hung:?}");
        assert!(after(&world, Vrrp::Master, makes_writable) <= ms(300), "{hung:?}");
    }
}

/// Red when an act without an end holds its plan for ever, when the word is given
/// that never reached the disk, or when the end that comes after all is taken for
/// that of another act.
#[test]
fn a_hung_state_directory_delays_a_leaving_by_its_deadline_only() {
    let mut world = begin(4);
    world.trap = Some((|act| matches!(act, Act::Save(_)), How::Hangs));
    world.watch();
    world.happens(&Event::Nic(false));
    world.run_for(Duration::from_secs(60));
    assert!(after(&world, Vrrp::Fault, |act| *act == Act::Fault(Fault::Role, true)) <= ms(5));
    let deadline = Act::Save(Box::new(world.state.clone())).deadline();
    assert!(after(&world, Vrrp::Fault, kills_the_database) <= deadline + ms(100));
    assert!(world.published().all(|(_, answer)| !answer.fenced));
    assert_eq!(world.runs(), [false; 3]);
    let hung = world.orders().find_map(|(_, effect)| match effect {
        Effect::Act { ticket, act: Act::Save(_) } => Some(*ticket),
        _ => None,
    });
    world.trap = None;
    world.give(Input::Ended { ticket: hung.unwrap(), result: Ok("2026-01-01T00:00:00Z".into()) });
    assert!(world.settles() && world.runs() == [false; 3] && !world.vip, "{world:?}");
    // The end of the database is its own doing, and no second loss.
    let again = world.events.iter().find(|event| event.text.contains("superseded"));
    assert!(again.is_none(), "{again:?}");
}

/// Red when `Heard` is taken in without a look at the moment of its question: then the
/// relay log of before ends the session.
#[test]
fn a_slow_answer_to_an_older_question_overrides_no_newer_one() {
    let mut world = begin(4);
    world.run_for(Duration::from_secs(1));
    world.watch();
    let relay = world.peer.as_ref().unwrap().relay.clone();
    world.peer.as_mut().unwrap().relay = "before".into();
    world.slow = Some(ms(250));
    let asked = |world: &World| world.orders().filter(|(_, it)| matches!(it, Effect::Ask { .. })).count();
    while asked(&world) == 0 {
        world.run_for(ms(1));
    }
    world.peer.as_mut().unwrap().relay = relay;
    world.asks_dryly(&Verb::Set { mode: Mode::M, role: None, reseed: false });
    world.run_for(ms(100));
    assert_eq!((asked(&world), world.ends().len()), (2, 1), "the newer question is answered first");
    world.run_for(ms(300));
    assert!(world.published().all(|(_, answer)| answer.grant.is_some()), "{world:?}");
}

/// Red when `Seen` is taken in without a look at its moment.
#[test]
fn what_was_seen_earlier_overrides_nothing() {
    let mut world = begin(4);
    world.run_for(Duration::from_secs(1));
    world.watch();
    let old = world.now - Duration::from_secs(3);
    let status = Err("connection refused".into());
    world.give(Input::Seen { at: old, what: Seen::Database { status, process: None } });
    world.give(Input::Seen { at: old, what: Seen::Vip(false) });
    world.give(Input::Heard { asked: old, answer: Err("silent".into()) });
    let told = world.told.clone().unwrap();
    assert_eq!((told.grant.is_some(), told.writable, told.vip), (true, Some(true), true));
    assert_eq!(world.acts_ordered().count(), 0);
}

/// Red when the word is recorded though the kill failed: a graceful stop, which comes
/// next, would go on acknowledging.
#[test]
fn a_fence_that_failed_gives_no_word() {
    for how in [How::Fails, How::HappensAndFails] {
        let mut world = begin(4);
        world.trap = Some((kills_the_database, how));
        world.watch();
        world.happens(&Event::Nic(false));
        world.run_for(Duration::from_secs(30));
        assert!(world.published().all(|(_, answer)| !answer.fenced), "{how:?}");
        assert_eq!((world.state.mode, world.state.fenced), (Mode::M, false), "{how:?}");
        assert_eq!(world.runs(), [false; 3], "{how:?}");
    }
}

/// Red when a refusal because of an active that holds on is remembered for longer
/// than the active does so: it falls silent, and nobody serves for a minute.
#[test]
fn an_active_that_holds_on_blocks_only_while_it_does() {
    let mut world = begin(5);
    world.watch();
    world.adverts_blocked = true;
    world.run_for(Duration::from_secs(10));
    assert!(world.events.iter().any(|event| event.text.contains("adverts do not arrive")), "{world:?}");
    assert!(world.faults.contains(&Fault::Role) && world.state.mode == Mode::Ap, "{world:?}");
    world.happens(&Event::Peer(Peer::Silent));
    world.run_for(ms(2500));
    assert_eq!((world.state.mode, world.db.writable()), (Mode::S, true), "{world:?}");
}

/// Red when a database that was restarted is left read-only until the next look.
#[test]
fn a_node_alone_is_writable_again_as_soon_as_its_database_is_back() {
    let mut world = begin(2);
    world.watch();
    world.happens(&Event::Die(Service::Database, false));
    world.run_for(Duration::from_secs(5));
    assert!(world.db.writable() && world.vip, "{world:?}");
}

/// What was ordered may land whenever the disk goes on. Red when the write of the
/// decision is given up at its deadline: the lease is dropped, the active goes on alone,
/// and then the write lands that makes this node the newer one.
#[test]
fn a_promotion_whose_decision_is_being_written_is_not_given_up() {
    let mut world = begin(5);
    world.happens(&Event::Peer(Peer::Silent));
    world.trap = Some((|act| matches!(act, Act::Save(state) if state.mode == Mode::S), How::Hangs));
    world.watch();
    world.happens(&Event::Elect(Vrrp::Master));
    world.run_for(Duration::from_secs(20));
    let decided = world.ordered(writes(Mode::S)).unwrap();
    let told: Vec<_> = world.published().filter(|(at, _)| *at > decided).collect();
    assert!(told.len() > 10 && told.iter().all(|(_, answer)| answer.promoting && answer.lease), "{world:?}");
    let (ticket, saved) = world
        .orders()
        .find_map(|(_, effect)| match effect {
            Effect::Act { ticket, act: Act::Save(state) } if state.mode == Mode::S => Some((*ticket, state.clone())),
            _ => None,
        })
        .unwrap();
    (world.trap, world.state) = (None, *saved);
    world.give(Input::Ended { ticket, result: Ok("2026-01-01T00:00:00Z".into()) });
    assert!(world.settles() && world.state.mode == Mode::S && !world.db.read_only, "{world:?}");
}

/// Red when a state that was given up on is left on the disk as it lands, though it is
/// not what the node is.
#[test]
fn a_state_that_may_land_late_is_written_over() {
    let mut world = begin(4);
    world.trap = Some((|act| matches!(act, Act::Save(_)), How::Hangs));
    world.watch();
    world.happens(&Event::Nic(false));
    world.run_for(Duration::from_secs(60));
    let saves = |world: &World| -> Vec<(u32, State)> {
        let saves = world.orders().filter_map(|(_, effect)| match effect {
            Effect::Act { ticket, act: Act::Save(state) } => Some((*ticket, State::clone(state))),
            _ => None,
        });
        saves.collect()
    };
    // The disk goes on: all of them land, in their order.
    world.trap = None;
    let hung = saves(&world);
    for (ticket, _) in &hung {
        world.give(Input::Ended { ticket: *ticket, result: Ok("2026-01-01T00:00:00Z".into()) });
    }
    world.run_for(Duration::from_secs(2));
    let (all, told) = (saves(&world), world.told.clone().unwrap());
    let last = &all.last().unwrap().1;
    assert!(all.len() > hung.len(), "{world:?}");
    assert_eq!((last.mode, last.fenced, &last.intention), (told.mode, told.fenced, &None), "{world:?}");
}
