//! Requests: who is told what, and what a dry run shows.

use std::time::Duration;

use ap_core::agent::{Act, Effect};
use ap_core::message::Verb;
use ap_core::mode::{Fault, Mode, Role, Service, Vrrp};
use ap_core::state::Intention;
use ap_core::step::Step;

use crate::begin;
use crate::events::{Event, Peer};
use crate::kills::{plans, set_up};
use crate::record::ms;
use crate::world::{How, Outcome, PASSWORD, World};

fn set(mode: Mode) -> Verb {
    Verb::Set { mode, role: None, reseed: false }
}

/// A node in `m` that is asked to join a peer which serves.
fn joining() -> World {
    let mut world = begin(1);
    world.happens(&Event::Peer(Peer::Promoted));
    world.run_for(Duration::from_secs(1));
    world.watch();
    world.happens(&Event::Ask(set(Mode::Ap), false));
    world
}

fn follows(act: &Act) -> bool {
    matches!(act, Act::Sql { statements, .. } if statements.iter().any(|sql| sql.text().starts_with("CHANGE MASTER")))
}

/// Red when a failure leaves the intention (the looks then repair nothing), leaves
/// what was started running, stops the database before keepalived, or tells nobody.
#[test]
fn a_step_that_fails_half_way_cleans_up_and_tells_whoever_asked() {
    for how in [How::Fails, How::HappensAndFails] {
        let mut world = joining();
        world.trap = Some((follows, how));
        world.run_for(Duration::from_secs(30));
        assert_eq!((world.state.mode, &world.state.intention), (Mode::M, &None), "{how:?}");
        assert_eq!((world.runs(), world.files(), world.started), ([false; 3], ["masked"; 4], false), "{how:?}");
        let [(_, exit, text)] = world.ends()[..] else { panic!("{how:?}: {:?}", world.ends()) };
        assert_eq!(exit, 69, "{how:?}");
        assert!(text.contains("it did not work"), "{text}");
        assert_eq!(world.outcomes().iter().filter(|it| **it == "failed").count(), 1, "{:?}", world.events);
        let stops: Vec<Act> = world.acts_ordered().map(|(_, act)| act.clone()).collect();
        let place = |which: &dyn Fn(&Act) -> bool| stops.iter().rposition(which).unwrap();
        let stop = |service| place(&move |act| matches!(act, Act::Stop { service: it, .. } if *it == service));
        let order = [
            place(&|act| *act == Act::Fault(Fault::Role, true)),
            stop(Service::Keepalived),
            place(&|act| *act == Act::Vip(false)),
            stop(Service::Api),
            stop(Service::Database),
        ];
        assert!(order.is_sorted(), "{order:?} in {stops:?}");
    }
}

/// Red when a refusal found half-way ends as a failure: scripts branch on the code.
#[test]
fn a_refusal_found_half_way_ends_with_its_own_code_and_a_way() {
    let mut world = joining();
    // An own history, that the peer lacks.
    world.forked = true;
    world.happens(&Event::Peer(Peer::Promoted));
    world.db.run(true);
    let around = world.around();
    for sql in ap_core::sql::begin_history() {
        world.db.run_sql(&sql, around);
    }
    world.db.run(false);
    world.run_for(Duration::from_secs(30));
    let [(_, exit, text)] = world.ends()[..] else { panic!("{:?}", world.ends()) };
    assert_eq!(exit, 1, "{text}");
    assert!(text.starts_with("refused: ") && text.contains("--reseed"), "{text}");
    assert!(world.acts_ordered().any(|(_, act)| matches!(act, Act::SaveTail(_))));
}

/// Red when a leaving takes over and the request is left without an end, or gets two.
#[test]
fn a_request_that_is_superseded_is_told_so_once() {
    let mut world = begin(4);
    world.peer_tells_protected = false;
    world.watch();
    world.happens(&Event::Ask(Verb::Switchover, false));
    world.run_for(Duration::from_secs(1));
    // It may refuse at once, where the standby says that it may not take over.
    if world.ends().is_empty() {
        world.happens(&Event::Peer(Peer::Promoted));
        world.run_for(Duration::from_secs(20));
        assert_eq!(world.state.mode, Mode::M, "{world:?}");
    }
    let ends = world.ends();
    assert!(matches!(ends[..], [(_, exit, _)] if exit != 0), "{ends:?}");
}

/// The same for one that waits. Red when `set m`, given up for a leaving, is left in
/// `state.toml` or told that it is done before the node is in `m`.
#[test]
fn a_request_that_waits_gives_way_to_a_newer_peer() {
    let mut world = begin(4);
    world.peer_tells_protected = false;
    world.watch();
    world.happens(&Event::Ask(set(Mode::M), false));
    world.run_for(Duration::from_secs(2));
    assert!(world.ends().is_empty(), "{:?}", world.ends());
    world.happens(&Event::Peer(Peer::Promoted));
    world.run_for(Duration::from_secs(20));
    assert_eq!((world.state.mode, &world.state.intention), (Mode::M, &None));
    assert_eq!(world.ends().len(), 1, "{:?}", world.ends());
}

/// Red when the second is lost, or handled before the first has ended.
#[test]
fn of_two_requests_the_second_waits_and_both_are_told() {
    let mut world = begin(2);
    world.watch();
    world.happens(&Event::Ask(Verb::Restart, false));
    world.run_for(ms(50));
    world.happens(&Event::Ask(Verb::Stop, false));
    world.run_for(Duration::from_secs(20));
    let ends = world.ends();
    assert!(matches!(ends[..], [(first, 0, _), (second, 0, _)] if first != second), "{ends:?}");
    assert_eq!(world.runs(), [false; 3]);
}

/// Looks and questions, and what is told of them.
fn only_looks(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Look { .. }
            | Effect::Ask { .. }
            | Effect::Publish(_)
            | Effect::Reply { .. }
            | Effect::KeepPeer(_)
            | Effect::KeepLease(_)
            | Effect::Log(_)
            | Effect::Warn(_)
    )
}

/// Red when a step is shown by other words than its actions', a step is left out, or
/// the dry run plans from another observation than the real one.
#[test]
fn a_dry_run_shows_what_the_real_run_then_does() {
    let mut compared = 0;
    for row in plans() {
        let Event::Ask(verb, _) = &row.3 else { continue };
        let around = || {
            let mut world = set_up(&row);
            world.run_for(Duration::from_secs(2));
            world.watch();
            world
        };
        let (mut dry, mut real) = (around(), around());
        dry.asks_dryly(verb);
        dry.run_for(Duration::from_secs(2));
        let ordered: Vec<_> = dry.orders().map(|(_, it)| it).filter(|it| !only_looks(it)).collect();
        assert!(ordered.is_empty(), "{}: {ordered:?}", row.0);
        assert_eq!(dry.ends().iter().map(|end| end.1).collect::<Vec<_>>(), [0], "{}: {:?}", row.0, dry.ends());
        real.happens(&row.3);
        real.run_for(Duration::from_secs(60));
        // One that fails is cut short, and cleaned up.
        if real.last.as_ref().is_some_and(|(_, outcome)| *outcome == Outcome::Done) {
            assert_eq!(dry.steps_told(), real.steps_told(), "{}", row.0);
            compared += 1;
        }
    }
    assert!(compared > 10, "only {compared} requests came to their end");
}

/// Red when the dry run sees no word of a fenced active, as one made by another
/// process did: it refused what the service then did.
#[test]
fn set_s_and_its_dry_run_agree_on_the_standby_of_a_fenced_active() {
    let around = || {
        let mut world = begin(5);
        world.happens(&Event::Nic(false));
        world.happens(&Event::Peer(Peer::Fenced));
        world.run_for(Duration::from_secs(6));
        world.watch();
        world
    };
    let (mut dry, mut real) = (around(), around());
    dry.asks_dryly(&set(Mode::S));
    dry.run_for(Duration::from_secs(2));
    real.happens(&Event::Ask(set(Mode::S), false));
    real.run_for(Duration::from_secs(20));
    let exits = |world: &World| world.ends().iter().map(|end| end.1).collect::<Vec<_>>();
    assert_eq!((exits(&dry), exits(&real)), (vec![0], vec![0]), "{:?} {:?}", dry.ends(), real.ends());
    assert_eq!((real.state.mode, real.state.role), (Mode::S, Role::Active));
}

/// Red when a statement, a site or an agent prints its password (a derived `Debug`).
#[test]
fn secrets_show_nowhere() {
    let mut world = joining();
    world.run_for(Duration::from_secs(30));
    assert!(world.acts_ordered().any(|(_, act)| follows(act)), "{world:?}");
    let mut shown: Vec<String> = world.orders().map(|(_, effect)| format!("{effect:?} {effect:#?}")).collect();
    shown.extend(world.acts_ordered().flat_map(|(_, act)| act.show(&world.site)));
    shown.extend(Step::Follow.describe(&world.site));
    shown.extend(Step::Follow.actions(&world.site).iter().map(|action| format!("{action:?}")));
    shown.push(format!("{:?} {:?}", world.agent, world.site));
    shown.push(serde_json::to_string(world.told.as_ref().unwrap()).unwrap());
    shown.extend(world.events.iter().map(|event| serde_json::to_string(event).unwrap()));
    assert!(shown.iter().any(|text| text.contains("MASTER_PASSWORD='***'")), "{shown:?}");
    let told: Vec<&String> = shown.iter().filter(|text| text.contains(PASSWORD)).collect();
    assert!(told.is_empty(), "{told:?}");
}

/// The rule itself stands in `rules.rs` and holds for every batch of every test; here
/// are the batches in which it matters. Red when an event is recorded where it
/// happens instead of at the end of the batch.
#[test]
fn history_and_replies_come_after_fault_files_and_promises() {
    let mut urgent = 0;
    for row in plans() {
        let mut world = set_up(&row);
        world.watch();
        world.happens(&row.3);
        world.run_for(Duration::from_secs(20));
        for batch in &world.batches {
            world.rule_of_batches(&batch.effects);
            let people = |it: &Effect| matches!(it, Effect::Record(_) | Effect::Reply { .. });
            let first = |it: &Effect| matches!(it, Effect::Publish(_) | Effect::Act { act: Act::Fault(..), .. });
            urgent += usize::from(batch.effects.iter().any(people) && batch.effects.iter().any(first));
        }
    }
    assert!(urgent > 0, "no batch holds both");
}

/// Decided is finished: nobody else can serve any more. Red when the promotion that is
/// gone on with, after a kill, does not start a database that ended meanwhile: it then
/// fails at each look, for ever, and what would start the database never has its turn.
#[test]
fn a_decided_promotion_starts_a_database_that_ended_meanwhile() {
    let mut world = begin(5);
    world.happens(&Event::Peer(Peer::Silent));
    world.run_for(ms(100));
    world.happens(&Event::Elect(Vrrp::Master));
    while world.state.mode != Mode::S {
        world.run_for(ms(1));
    }
    world.happens(&Event::Die(Service::Database, false));
    world.dies_reading();
    assert!(world.settles(), "{world:?}");
    assert_eq!((world.runs(), &world.state.intention), ([true; 3], &None), "{world:?}");
    assert!(!world.db.read_only, "{world:?}");
}

/// Red when a plain start does not see to it: the drop-in of a start that truncates is
/// still there, and the next crash takes out of the binary log what was acknowledged
/// since.
#[test]
fn a_truncation_that_was_cut_short_is_not_left_for_a_later_start() {
    let mut world = begin(4);
    world.happens(&Event::Nic(false));
    world.run_for(Duration::from_secs(10));
    assert!(world.state.mode == Mode::M && world.state.fenced, "{world:?}");
    world.happens(&Event::Nic(true));
    world.happens(&Event::Peer(Peer::Promoted));
    world.run_for(Duration::from_secs(1));
    world.trap = Some((|act| matches!(act, Act::Start { service: Service::Database, .. }), How::Hangs));
    world.happens(&Event::Ask(set(Mode::Ap), false));
    world.run_for(Duration::from_secs(1));
    assert!(world.truncates, "{world:?}");
    world.dies();
    world.trap = None;
    world.happens(&Event::Peer(Peer::Silent));
    assert!(world.settles(), "{world:?}");
    world.happens(&Event::Ask(set(Mode::S), true));
    assert!(world.settles() && world.state.mode == Mode::S, "{world:?}");
    assert!(!world.truncates, "{world:?}");
}

fn begins_a_request(act: &Act) -> bool {
    matches!(act, Act::Save(state) if matches!(state.intention, Some(Intention::Request { .. })))
}

/// Red when a write that failed is taken for one that did not happen: whoever asked was
/// told that it failed, and the next start of the program carries it out.
#[test]
fn a_request_that_failed_is_not_left_for_a_later_start() {
    let mut world = begin(5);
    world.watch();
    world.trap = Some((begins_a_request, How::HappensAndFails));
    world.happens(&Event::Ask(Verb::Stop, false));
    world.run_for(Duration::from_secs(5));
    assert!(matches!(world.ends()[..], [(_, exit, _)] if exit != 0), "{:?}", world.ends());
    assert_eq!(world.state.intention, None, "{world:?}");
    world.trap = None;
    world.dies();
    assert!(world.settles() && world.runs() == [true; 3], "{world:?}");
}

/// Red when what another boot began is dropped in memory only: the disk is full at the
/// start, and a later one in this boot carries it out.
#[test]
fn what_another_boot_began_is_dropped_from_the_disk_before_anything_is_begun() {
    let mut world = begin(1);
    world.happens(&Event::Peer(Peer::Silent));
    world.run_for(Duration::from_secs(1));
    world.trap = Some((|act| matches!(act, Act::Start { .. }), How::Hangs));
    world.happens(&Event::Ask(set(Mode::S), true));
    world.run_for(Duration::from_secs(1));
    assert!(world.state.intention.is_some(), "{world:?}");
    world.reboot();
    world.trap = Some((|act| matches!(act, Act::Save(_)), How::Fails));
    world.watch();
    world.run_for(Duration::from_secs(5));
    world.happens(&Event::Ask(Verb::Stop, false));
    world.run_for(Duration::from_secs(5));
    assert!(!world.acts_ordered().any(|(_, act)| begins_a_request(act)), "{world:?}");
    world.trap = None;
    assert!(world.settles(), "{world:?}");
    assert_eq!((world.state.mode, &world.state.intention), (Mode::M, &None), "{world:?}");
}

/// Red when a promotion fails because the peer cannot be made reachable again, or when
/// it is left unreachable: nobody grants another lease.
#[test]
fn a_peer_left_unreachable_costs_no_promotion_and_is_reached_again() {
    for how in [How::Fails, How::Hangs] {
        let mut world = begin(5);
        world.happens(&Event::Peer(Peer::Silent));
        world.trap = Some((|act| *act == Act::Unreachable(false), how));
        world.happens(&Event::Elect(Vrrp::Master));
        world.run_for(Duration::from_secs(20));
        assert_eq!(world.state.mode, Mode::S, "{world:?}");
        world.trap = None;
        world.run_for(Duration::from_secs(5));
        assert!(matches!(how, How::Hangs) || !world.unreachable, "{world:?}");
    }
}

/// Red when the wish outlives the request: no session is opened again, and nothing says so.
#[test]
fn a_request_to_go_alone_that_fails_leaves_no_wish_behind() {
    let mut world = begin(4);
    world.trap = Some((|act| matches!(act, Act::Save(state) if state.mode == Mode::S), How::Fails));
    world.happens(&Event::Ask(set(Mode::S), false));
    world.run_for(Duration::from_secs(20));
    assert_eq!(world.state.mode, Mode::Ap, "{world:?}");
    world.trap = None;
    world.run_for(Duration::from_secs(20));
    assert!(world.told.clone().unwrap().protected, "{world:?}");
}
