//! What was begun is finished: leaving latches, promotions and requests go on.

use super::node::node;
use super::{BACKUP, FAULT, GONE, LOOK, MASTER, ask, check, first, line, plan, refusal, request, reseed, set};
use crate::message::Verb;
use crate::mode::Mode::{Ap, M, S};
use crate::mode::Role::{Active, Standby};
use crate::mode::Vrrp;
use crate::observed::Observed;
use crate::plan::Plan;
use crate::state::Intention;
use crate::step::Step;

fn leaving() -> Intention {
    Intention::Leave { why: "keepalived says FAULT".into() }
}

fn asked(verb: Verb) -> Intention {
    Intention::Request { request: request(verb, false) }
}

#[test]
fn leaving_latches_against_everything() {
    // Cut short before and after the mode was written.
    for (mode, role) in [(Ap, Active), (M, Active), (S, Active)] {
        let node = node(mode, role, false).amid(leaving());
        for cause in [LOOK, MASTER, BACKUP, FAULT, GONE, ask(set(M))] {
            let Plan::Act { steps, .. } = plan(&cause, &node) else { panic!("{cause}") };
            let words: Vec<String> = steps.iter().map(super::word).collect();
            assert_eq!(
                words.join(" "),
                "+role intend-leave FenceDatabase RecordFenced stopped stop-keepalived RemoveVip stop-api \
                 stop-database m(active,1) files-m alert Finish",
            );
        }
        for verb in [set(S), set(Ap), Verb::Start, Verb::Restart] {
            let (evidence, way) = refusal(&ask(verb), &node);
            assert!(evidence.contains("keepalived says FAULT") && way.contains("ask again"), "{evidence}; {way}");
        }
    }
}

#[test]
fn only_who_may_have_acknowledged_is_fenced() {
    let fences = |o: &Observed| {
        let Plan::Act { steps, .. } = plan(&LOOK, o) else { panic!() };
        steps.contains(&Step::FenceDatabase)
    };
    let superseded = |o: Observed| o.peer(|peer| peer.epoch = 2);
    assert!(fences(&superseded(node(S, Active, false))));
    assert!(fences(&superseded(node(Ap, Active, true))));
    assert!(!fences(&node(M, Active, false).but(|o| o.vip = true)));
}

#[test]
fn a_promotion_goes_on() {
    let amid = |o: Observed| o.amid(Intention::Promote { epoch: 2 });
    let standby = || amid(node(Ap, Standby, false)).peer(|peer| peer.vip = false).but(|o| o.vrrp = Some(Vrrp::Master));
    // Decided, and killed before the end: replication may be forgotten already.
    let decided = |vrrp| amid(node(S, Active, false)).but(|o| (o.vrrp, o.state.epoch) = (Some(vrrp), 2));
    let end = "s(active,2) EndReplication semi-sync-off Writable files-s";
    let begin = format!("claim intend-promote(2) StopReceiving Drain Confirm {end}");
    check(vec![
        ("lease alive", standby(), LOOK, &begin),
        ("lease alive", standby(), MASTER, &begin),
        ("no lease", standby().but(|o| o.lease = Err("ended".into())), LOOK, "refuse +role"),
        ("VIP gone on", standby().but(|o| o.vrrp = Some(Vrrp::Backup)), LOOK, ""),
        ("VIP gone on", standby().but(|o| o.vrrp = Some(Vrrp::Fault)), FAULT, "nothing"),
        ("decided", decided(Vrrp::Master), LOOK, end),
        // Never writable without the VIP.
        ("decided, VIP gone on", decided(Vrrp::Backup), LOOK, "s(active,2) EndReplication semi-sync-off files-s"),
        ("decided, superseded", decided(Vrrp::Master).peer(|peer| peer.epoch = 9), LOOK, "leave"),
    ]);
}

#[test]
fn a_request_goes_on_and_is_over_in_any_case() {
    let m = || node(M, Standby, false);
    let serving = |o: Observed| o.peer(|peer| (peer.mode, peer.role, peer.writable) = (S, Active, Some(true)));
    let started = node(S, Active, false).amid(asked(Verb::Start));
    check(vec![
        // Nothing left to do is an end as well: the looks go on after it.
        ("start, all runs", started, LOOK, ""),
        ("stop, in m", m().amid(asked(Verb::Stop)), LOOK, ""),
    ]);
    let table = [
        node(S, Active, false).amid(asked(Verb::Start)),
        m().amid(asked(Verb::Stop)),
        m().amid(asked(Verb::Start)),
        m().amid(asked(set(Ap))),
        serving(m()).amid(asked(set(Ap))),
        serving(m()).amid(asked(reseed())),
        m().amid(asked(first())),
        m().alone().amid(asked(set(S))),
        node(Ap, Active, false).amid(asked(set(M))),
        node(Ap, Standby, false).amid(asked(set(S))),
    ];
    for node in table {
        assert_eq!(plan(&LOOK, &node).steps().last(), Some(&Step::Finish), "{:?}", node.state.intention);
    }
}

#[test]
fn a_request_killed_before_the_last_start_starts_what_is_left() {
    let down = |o: Observed| o.units(|units| units.keepalived.active = "inactive".into());
    let up = "start-database -db start-api -api +role started start-keepalived";
    let standby = |verb| down(node(Ap, Standby, false)).amid(asked(verb));
    check(vec![
        ("joined, started, keepalived down", standby(set(Ap)), LOOK, up),
        // Written down as a standby: the copy is complete.
        ("copied, started, keepalived down", standby(reseed()), LOOK, up),
    ]);
}

#[test]
fn a_hand_over_goes_on_from_wherever_it_was_cut_short() {
    let active = || node(Ap, Active, false).amid(asked(set(M)));
    let given = || active().but(|o| o.state.fenced = true).db(|db| db.read_only = true);
    let taken = |o: Observed| o.peer(|peer| (peer.mode, peer.role, peer.epoch) = (S, Active, 2));
    let stop = "stopped stop-keepalived RemoveVip stop-api stop-database m(standby,1) files-m";
    check(vec![
        ("word given", given(), LOOK, &format!("+role AwaitPeerServes {stop}")),
        // The standby is one no more because it was promoted: that is no reason to leave.
        ("word given, taken", taken(given()), LOOK, &format!("+role AwaitPeerServes {stop}")),
        ("stopping", taken(given()).stopped(), LOOK, stop),
        ("keepalived says so", given(), FAULT, "leave"),
    ]);
    let standby_lost = active().alone();
    assert_eq!(line(&plan(&LOOK, &standby_lost)), "leave");
}

#[test]
fn the_first_request_of_a_fresh_node_stays_the_first() {
    let fresh = node(M, Standby, false).alone().but(|o| o.state = crate::state::State::fresh());
    let begun = fresh.clone().amid(asked(first()));
    assert_eq!(line(&plan(&LOOK, &begun)), line(&plan(&ask(first()), &fresh)));
}
