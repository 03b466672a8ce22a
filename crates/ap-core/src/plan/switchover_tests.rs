//! A switchover from every state it can be found in.

use super::*;
use crate::message::Verb;
use crate::plan::{Cause, plan as plan_all};
use crate::state::{Intention, State};
use crate::verdict::Verdict;

const PEER: &str = r#"{"host":"b","codename":"ap","version":"0.1.0","mode":"ap","role":"standby","epoch":3,
"solo":false,"fenced":false,"promoting":false,"grant":null,"lease":true,"relay":"r","vrrp":"BACKUP","vip":false,
"gateway":"answers","writable":false,"db-version":"10.11","binlog-pos":"0-1-4","slave-pos":"0-1-4","io-pos":"0-1-4",
"binlog-state":"0-1-4","user-tables":1,"replicating":true,"doing":"","since":"","who":"","why":"","protected":true,
"protection":"PROTECTED"}"#;

fn peer() -> Answer {
    serde_json::from_str(PEER).unwrap()
}

fn request(force: bool) -> Request {
    Request { id: "1".into(), who: "operator root".into(), why: String::new(), verb: Verb::Switchover, force }
}

/// The active of a protected pair.
fn active() -> Observed {
    Observed {
        state: State { mode: Mode::Ap, role: Role::Active, epoch: 3, granted: Some("r".into()), ..State::fresh() },
        vrrp: Some(Vrrp::Master),
        been_master: true,
        vip: true,
        units: Err("not asked".into()),
        db: Err("not asked".into()),
        api: Ok(()),
        peer: Ok(peer()),
        gateway: Gateway::Answers,
        shutting_down: false,
        lease: Err("not a standby".into()),
        relay: String::new(),
        started: true,
        refused_lately: false,
        vrrp_blocked: false,
        cut_off: false,
        faults: Vec::new(),
    }
}

/// After the word was given, with that peer.
fn handing_over(peer: Result<Answer, String>) -> Observed {
    let mut o = active();
    o.state.fenced = true;
    o.state.intention = Some(Intention::Request { request: request(false) });
    Observed { vip: false, vrrp: Some(Vrrp::Fault), peer, ..o }
}

fn with<T>(mut value: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut value);
    value
}

#[test]
fn pre_flight() {
    let table: Vec<(Observed, &str)> = vec![
        (with(active(), |o| o.state.mode = Mode::M), "this node is in m"),
        (with(active(), |o| o.state.mode = Mode::S), "this node serves alone"),
        (with(active(), |o| o.state.role = Role::Standby), "this node is the standby"),
        (with(active(), |o| o.started = false), "this node is not started"),
        (with(active(), |o| o.state.solo = true), "this node acknowledges alone"),
        (with(active(), |o| o.vip = false), "this node does not hold the VIP: keepalived says MASTER"),
        (with(active(), |o| o.peer = Err("no route".into())), "the peer does not answer: no route"),
        (with(active(), |o| o.peer.as_mut().unwrap().mode = Mode::M), "b is in mode m, role standby"),
        (with(active(), |o| o.peer.as_mut().unwrap().epoch = 2), "b has epoch 2, this node 3"),
        (with(active(), |o| o.peer.as_mut().unwrap().replicating = false), "b does not replicate"),
        (with(active(), |o| o.peer.as_mut().unwrap().protected = false), "b may not take over: PROTECTED"),
        (
            with(active(), |o| o.peer.as_mut().unwrap().vrrp = Some(Vrrp::Fault)),
            "b would not take the VIP: keepalived says FAULT",
        ),
        (with(active(), |o| o.peer.as_mut().unwrap().gateway = Gateway::Silent), "b does not reach its gateway"),
        (
            with(active(), |o| drop(o.peer.as_mut().unwrap().report.checks.insert("api".into(), Verdict::bad("500")))),
            "the check api is bad on b: 500",
        ),
        (with(active(), |o| o.peer.as_mut().unwrap().report.behind = Some(2)), "b is 2 s behind"),
    ];
    for (o, says) in table {
        let Plan::Refuse(refusal) = plan(&request(false), &o) else { panic!("not refused: {says}") };
        assert!(refusal.evidence.starts_with(says), "{} is not {says}", refusal.evidence);
        assert!(refusal.steps.is_empty() && !refusal.way.is_empty(), "{refusal:?}");
    }
    let slow = with(active(), |o| o.peer.as_mut().unwrap().report.behind = Some(2));
    assert!(matches!(plan(&request(true), &slow), Plan::Act { .. }), "a long pause was accepted by --force");
}

#[test]
fn the_word_is_given_when_nothing_can_be_acknowledged() {
    let planned = plan(&request(false), &active());
    let at = |step: &Step| planned.steps().iter().position(|other| other == step).unwrap();
    let order = [Step::AwaitProtection, Step::ReadOnly, Step::RecordFenced, Step::Fault(Fault::Role, true)];
    assert!(order.windows(2).all(|pair| at(&pair[0]) < at(&pair[1])), "{planned:?}");
    assert!(at(&Step::AwaitPeerServes) < at(&Step::SemiSync(false)), "{planned:?}");
    // Nothing makes this node writable again but a role taken back.
    assert!(!planned.steps().iter().any(|step| matches!(step, Step::Writable | Step::Start(_) | Step::Stop(_))));
}

#[test]
fn once_the_word_is_out_only_the_peer_decides() {
    let promoted = with(peer(), |p| (p.role, p.epoch, p.writable) = (Role::Active, 4, Some(true)));
    let down = with(promoted.clone(), |p| p.writable = None);
    let promoting = with(peer(), |p| p.promoting = true);
    let first = |o: &Observed, cause: &Cause| match plan_all(cause, o) {
        Plan::Act { steps, .. } => steps.into_iter().find(|step| !matches!(step, Step::Intend(_))),
        Plan::Nothing(_) => None,
        Plan::Refuse(refusal) => panic!("{refusal:?}"),
    };
    let table = [
        (Ok(promoted), Some(Step::CompareHistories)),
        (Ok(down), None),
        (Ok(promoting), None),
        (Ok(peer()), Some(Step::TakeBack)),
        (Err("silent".into()), None),
    ];
    for (peer, expected) in table {
        let o = handing_over(peer);
        // The loss of the VIP is its own doing, and no reason to leave.
        for cause in [Cause::Look, Cause::Vrrp(Vrrp::Fault), Cause::Vrrp(Vrrp::Backup), Cause::Request(request(false))]
        {
            assert_eq!(first(&o, &cause), expected, "{cause}: {:?}", o.peer);
        }
    }
}

#[test]
fn before_the_word_a_crash_ends_it() {
    let mut o = active();
    o.state.intention = Some(Intention::Request { request: request(false) });
    let planned = plan_all(&Cause::Look, &o);
    assert!(matches!(planned.steps(), [Step::Intend(_), Step::Finish, Step::Refuse(..)]), "{planned:?}");
}

#[test]
fn a_standby_that_could_not_know_is_paired_afterwards() {
    let mut o = active();
    (o.state.mode, o.state.epoch) = (Mode::S, 4);
    let old = with(peer(), |p| (p.role, p.fenced, p.switchover) = (Role::Active, true, true));
    let table = [
        (old.clone(), true),
        (with(old.clone(), |p| (p.role, p.fenced, p.epoch) = (Role::Standby, false, 4)), true),
        // Without the operator's word (m, s) is left by an operator.
        (with(old.clone(), |p| p.switchover = false), false),
        (with(old, |p| p.mode = Mode::M), false),
    ];
    for (peer, expected) in table {
        o.peer = Ok(peer);
        let become_ = Step::Become { mode: Mode::Ap, role: Role::Active, epoch: 4, solo: true };
        assert_eq!(plan_all(&Cause::Look, &o).steps().contains(&become_), expected, "{:?}", o.peer);
    }
}

#[test]
fn the_role_comes_back_by_proof_only() {
    let timing =
        Timing { lease: Duration::from_secs(3), gap: Duration::from_secs(1), stall: Duration::from_millis(300) };
    let at = Duration::from_secs;
    let idle = with(peer(), |p| p.lease = false);
    let table = [
        (at(14), idle.clone(), true),
        // Something that the word began might not show yet.
        (at(13), idle.clone(), false),
        (at(14), with(idle.clone(), |p| p.lease = true), false),
        (at(14), with(idle.clone(), |p| p.promoting = true), false),
        (at(14), with(idle.clone(), |p| p.epoch = 4), false),
        (at(14), with(idle, |p| p.mode = Mode::S), false),
    ];
    for (asked, answer, expected) in table {
        assert_eq!(may_take_back(at(10), asked, &answer, 3, timing), expected, "{asked:?} {answer:?}");
    }
}

#[test]
fn a_standby_becomes_the_active_of_whoever_switches_over() {
    let mut o = active();
    (o.state.role, o.relay, o.lease) = (Role::Standby, "r".into(), Ok(()));
    let replica = crate::observed::Replica {
        master_host: "a".into(),
        io: "Yes".into(),
        sql: true,
        io_pos: Default::default(),
        io_error: String::new(),
        sql_error: String::new(),
        behind: Some(0),
    };
    o.db = Ok(crate::observed::DbStatus { replica: Some(replica), ..Default::default() });
    let word = |switchover| {
        with(peer(), |p| (p.fenced, p.role, p.grant, p.switchover) = (true, Role::Active, Some("r".into()), switchover))
    };
    for (switchover, mode, solo) in [(true, Mode::Ap, true), (false, Mode::S, false)] {
        o.peer = Ok(word(switchover));
        let planned = plan_all(&Cause::Vrrp(Vrrp::Master), &o);
        let become_ = Step::Become { mode, role: Role::Active, epoch: 4, solo };
        assert!(planned.steps().contains(&become_), "{planned:?}");
    }
    // Found after a crash: decided is decided.
    let mut late = o.clone();
    late.state = State {
        role: Role::Active,
        solo: true,
        epoch: 4,
        intention: Some(Intention::Promote { epoch: 4 }),
        ..late.state
    };
    let planned = plan_all(&Cause::Look, &late);
    assert!(planned.steps().contains(&Step::Writable) && planned.steps().last() == Some(&Step::Finish), "{planned:?}");
}
