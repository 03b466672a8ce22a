//! What the peer is told, and when: an answer is a promise.

use std::time::Duration;

use ap_core::agent::{Effect, Input, Seen};
use ap_core::message::Verb;
use ap_core::mode::{Fault, Mode, Vrrp};
use ap_core::state::Intention;
use ap_core::step::Step;

use crate::begin;
use crate::events::{Event, Peer};
use crate::record::{makes_writable, ms};
use crate::world::World;

/// A standby whose active has vanished, and that keepalived makes MASTER now.
fn promoting() -> World {
    let mut world = begin(5);
    world.happens(&Event::Peer(Peer::Silent));
    world.watch();
    world.happens(&Event::Elect(Vrrp::Master));
    world
}

/// A promotion that cannot end: what was received is not applied.
pub fn draining() -> World {
    let mut world = begin(5);
    world.db.lags = true;
    world.happens(&Event::Peer(Peer::Silent));
    world.watch();
    world.happens(&Event::Elect(Vrrp::Master));
    world.run_for(ms(1500));
    assert!(matches!(world.state.intention, Some(Intention::Promote { .. })), "{world:?}");
    assert!(world.batches.iter().any(|it| it.effects.contains(&Effect::Begin(Step::Drain))), "{world:?}");
    world
}

/// Red when `Action::Claim` publishes nothing, or a plan's first act is ordered in
/// the batch before it.
#[test]
fn a_promotion_is_claimed_before_anything_of_it_is_ordered() {
    let mut world = promoting();
    world.run_for(Duration::from_secs(2));
    let orders: Vec<&Effect> = world.orders().map(|(_, effect)| effect).collect();
    let place = |which: &dyn Fn(&Effect) -> bool| orders.iter().position(|effect| which(effect)).unwrap();
    let claimed = place(&|it| matches!(it, Effect::Publish(answer) if answer.promoting));
    let acted = place(&|it| matches!(it, Effect::Act { .. }));
    let begun = place(&|it| matches!(it, Effect::Begin(Step::Intend(_))));
    assert!(claimed < acted && claimed < begun, "{orders:?}");
}

/// Red when the end of granting is dated before the peer can hear of it: a question that
/// comes in between would bring a lease, and "no lease" before it would count.
#[test]
fn an_active_that_wants_to_go_on_alone_grants_nothing_from_that_moment_on() {
    let mut world = begin(4);
    world.run_for(Duration::from_secs(2));
    assert!(world.told.as_ref().unwrap().grant.is_some(), "{world:?}");
    world.watch();
    world.happens(&Event::Ask(Verb::Set { mode: Mode::S, role: None, reseed: false }, false));
    world.run_for(Duration::from_secs(1));
    let batch = world.batches.iter().position(|it| it.effects.contains(&Effect::Begin(Step::GoSolo))).unwrap();
    let told = world.batches[batch..].iter().flat_map(|it| &it.effects);
    let grants = told.filter(|it| matches!(it, Effect::Publish(answer) if answer.grant.is_some())).count();
    assert_eq!(grants, 0, "{:?}", &world.batches[batch..]);
    assert!(world.told.as_ref().unwrap().grant.is_none(), "{world:?}");
}

/// Red when a question of the regular kind is no claim (`Standby::asking` left out),
/// or is one for ever (no promise in between, and the active waits for nothing: F6).
#[test]
fn no_answer_denies_a_lease_while_a_question_is_under_way() {
    let mut world = begin(5);
    world.happens(&Event::Peer(Peer::Solo));
    world.run_for(Duration::from_secs(6));
    world.watch();
    let mut lease = world.told.as_ref().unwrap().lease;
    world.run_for(Duration::from_secs(10));
    let (mut asked, mut denied) = (Vec::new(), 0);
    for batch in &world.batches {
        if let Input::Heard { asked: moment, .. } = &batch.input {
            asked.retain(|it| it != moment);
        }
        for effect in &batch.effects {
            match effect {
                Effect::Publish(answer) => {
                    lease = answer.lease;
                    denied += usize::from(!lease);
                }
                Effect::Ask { asked: moment, .. } => asked.push(*moment),
                _ => {}
            }
        }
        assert!(asked.is_empty() || lease, "denied at {:?}, asked at {asked:?}", batch.at);
    }
    assert!(denied > 10, "a promise was given {denied} times in ten seconds");
}

/// Red when the grant is withdrawn by the tick after, or the operator is told first.
#[test]
fn a_grant_is_withdrawn_in_the_batch_in_which_the_session_breaks() {
    let mut world = begin(4);
    world.run_for(Duration::from_secs(1));
    assert!(world.told.as_ref().unwrap().grant.is_some());
    world.watch();
    world.happens(&Event::Link(false));
    world.run_for(Duration::from_secs(1));
    let broken = |input: &Input| matches!(input, Input::Seen { what: Seen::Database { status: Ok(db), .. }, .. } if db.semi_sync_clients == 0);
    let batch = world.batches.iter().find(|batch| broken(&batch.input)).unwrap();
    let first = batch.effects.first();
    assert!(matches!(first, Some(Effect::Publish(answer)) if answer.grant.is_none()), "{batch:?}");
}

/// Red when the lease is voided in memory first: the answer then promises what a
/// restart would take back.
#[test]
fn a_lease_is_given_up_off_the_disk_before_the_answer_says_so() {
    let mut world = draining();
    assert!(world.lease.is_some());
    world.batches.clear();
    world.happens(&Event::Nic(false));
    world.run_for(ms(500));
    assert_eq!(world.lease, None);
    let given = world.orders().position(|(_, it)| *it == Effect::KeepLease(None)).unwrap();
    let denied = world.orders().position(|(_, it)| matches!(it, Effect::Publish(answer) if !answer.lease)).unwrap();
    assert!(given < denied);
    assert!(!world.told.as_ref().unwrap().promoting);
}

/// Red when the agent takes `KeepLease` for done: then it denies a lease that a
/// restart of this program would bring back.
#[test]
fn a_lease_that_cannot_be_taken_off_the_disk_is_not_denied() {
    let mut world = draining();
    let until = world.lease.clone().unwrap().0;
    world.lease_file_fails = true;
    world.batches.clear();
    world.happens(&Event::Nic(false));
    world.run_for(ms(300));
    let now = world.now;
    assert!(now < until, "the story is too slow: {now:?} and {until:?}");
    assert!(world.told.as_ref().unwrap().lease);
    world.run_until(until + Duration::from_secs(8));
    assert!(!world.told.as_ref().unwrap().promoting && world.state.intention.is_none(), "{world:?}");
}

/// Red when a drain does not give way to a word of keepalived other than MASTER: the
/// promotion then ends minutes later, on a node without the VIP.
#[test]
fn a_fault_in_the_middle_of_a_drain_abandons_the_promotion() {
    let mut world = draining();
    world.happens(&Event::Nic(false));
    world.run_for(ms(500));
    let s = &world.state;
    assert_eq!((s.mode, s.epoch, &s.intention), (Mode::Ap, 1, &None));
    assert!(world.faults.contains(&Fault::Role) && world.ordered(makes_writable).is_none());
    world.db.lags = false;
    assert!(world.settles() && world.state.mode == Mode::Ap, "{world:?}");
}
