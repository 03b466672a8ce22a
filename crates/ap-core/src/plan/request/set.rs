//! The mode table: `set m`, `set s`, `set ap`. Repeated, each ends where it began.

use super::{is_protected, next_epoch, run, start_services, stop_services};
use crate::answer::Answer;
use crate::message::Request;
use crate::mode::{Fault, Mode, Role, Service, Vrrp};
use crate::observed::{Observed, Units};
use crate::plan::look::unit_files;
use crate::plan::{Plan, guard, leave};
use crate::step::Step;

/// The peer, if it is a standby.
fn standby(o: &Observed) -> Result<&Answer, String> {
    let peer = o.peer.as_ref().map_err(|silence| format!("the peer does not answer: {silence}"))?;
    if peer.mode != Mode::Ap || peer.role != Role::Standby {
        return Err(format!("{} is in mode {}, role {}", peer.host, peer.mode, peer.role));
    }
    Ok(peer)
}

/// The standby is there and replicates: the active can hand over.
pub fn standby_ready(o: &Observed) -> Result<&Answer, String> {
    let peer = standby(o)?;
    if !peer.replicating {
        return Err(format!("{} does not replicate", peer.host));
    }
    Ok(peer)
}

pub fn m(o: &Observed) -> Plan {
    let s = &o.state;
    let protected = is_protected(o);
    let given = s.mode == Mode::Ap && s.fenced;
    if let (Mode::M, true) = (s.mode, rests(o)) {
        return Plan::nothing("already m");
    }
    if protected
        && !given
        && let Err(evidence) = standby_ready(o)
    {
        if o.shutting_down {
            return Plan::refuse(evidence, "nothing: the machine goes down, and this node leaves with it");
        }
        return leave(s, &format!("set m, without a standby that could take over: {evidence}"));
    }
    let mut steps = Vec::new();
    if protected {
        steps.extend(hand_over(o));
    }
    let role = if protected || given { Role::Standby } else { s.role };
    let become_m = Step::Become { mode: Mode::M, role, epoch: s.epoch, solo: false };
    if o.shutting_down {
        // systemd is stopping the services already; a stop of ours would wait for
        // one that waits for us. Unit files are set when they are down.
        steps.extend([Step::Started(false), become_m, Step::Finish]);
    } else {
        steps.extend(stop_services());
        steps.extend([become_m, Step::UnitFiles(Mode::M), Step::Finish]);
    }
    Plan::act(if protected { "handing over, then maintenance" } else { "maintenance" }, steps)
}

/// Read-only first: it waits for the commits under way, and in a whole session each
/// of them ends when the standby has it. So nothing is left to wait for.
/// Then the word "fenced", on which the standby promotes without waiting.
pub fn hand_over(o: &Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    if !o.state.fenced {
        // A hand-over cut short: the session opens again only on a node that serves.
        if o.vrrp == Some(Vrrp::Master) && o.vip && o.db.as_ref().is_ok_and(|db| db.read_only) {
            steps.extend([Step::SemiSync(true), Step::Writable]);
        }
        steps.extend([Step::AwaitProtection, Step::ReadOnly, Step::RecordFenced]);
    }
    steps.extend([Step::Fault(Fault::Role, true), Step::AwaitPeerServes]);
    steps
}

pub fn s(request: &Request, o: &Observed) -> Plan {
    let s = &o.state;
    let epoch = next_epoch(request, o);
    let become_s = Step::Become { mode: Mode::S, role: Role::Active, epoch, solo: false };
    match (s.mode, s.role) {
        (Mode::S, _) if runs(o) => already(o),
        (Mode::S, _) => run::start(request, o),
        (Mode::Ap, Role::Active) if o.started => {
            Plan::act("going on alone", vec![Step::GoSolo, become_s, Step::UnitFiles(Mode::S), Step::Finish])
        }
        (Mode::Ap, Role::Standby) => {
            if let Err(refusal) = guard::standby_serving(o, request.force) {
                return refusal.into();
            }
            let mut steps = vec![Step::Start(Service::Database)];
            // Without force it is a promotion: an active that is about to come back hears
            // of it and waits, and one that went on alone meanwhile ends it.
            if !request.force {
                steps.push(Step::Claim);
            }
            if o.db.as_ref().is_ok_and(|db| db.replica.as_ref().is_some_and(|replica| replica.sql)) {
                steps.extend([Step::StopReceiving, Step::Drain]);
            }
            if !request.force {
                steps.push(Step::Confirm);
            }
            // The mode first: once replication is forgotten, nothing else says that
            // all was drained.
            steps.extend([become_s, Step::EndReplication, Step::SemiSync(false), Step::UnitFiles(Mode::S)]);
            steps.extend(start_services(true));
            steps.extend([Step::Alert(forced(request, "standalone by an operator's word")), Step::Finish]);
            Plan::act("standalone", steps)
        }
        (Mode::M, _) | (Mode::Ap, Role::Active) => {
            if let Err(refusal) = guard::resting_serving(o, request.force) {
                return refusal.into();
            }
            let mut steps = fresh_stop(o);
            steps.extend(take_back(o, epoch));
            steps.extend([Step::UnitFiles(Mode::S), Step::Start(Service::Database), Step::EndReplication]);
            steps.extend([Step::SemiSync(false), Step::BeginHistory, become_s]);
            steps.extend(start_services(true));
            steps.extend([Step::Alert(forced(request, "standalone by an operator's word")), Step::Finish]);
            Plan::act("standalone", steps)
        }
    }
}

/// A node that granted, or gave its word, serves again only when the peer can no longer
/// promote itself on that. Silence is overridden by force alone, and cannot be asked.
fn take_back(o: &Observed, epoch: u64) -> Vec<Step> {
    match (&o.state.granted, &o.peer) {
        (None, _) => Vec::new(),
        (Some(_), Ok(_)) => vec![Step::TakeWordBack, Step::AwaitNoClaim { epoch }],
        (Some(_), Err(_)) => vec![Step::TakeWordBack],
    }
}

/// The node is what was asked for. Reading all unit files again takes a busy
/// systemd a second and more, so that is left out where nothing is to be set. After
/// a crash systemd may not yet have read them: then they are set again.
fn already(o: &Observed) -> Plan {
    let mode = o.state.mode;
    if o.state.intention.is_none() && unit_files(o).is_none() {
        return Plan::nothing(format!("already {mode}"));
    }
    Plan::act(format!("already {mode}, but not its unit files"), vec![Step::UnitFiles(mode), Step::Finish])
}

/// Whether nothing runs, and nothing can.
fn rests(o: &Observed) -> bool {
    let down = |units: &Units| [&units.database, &units.api, &units.keepalived].iter().all(|unit| unit.is_down());
    let idle = !o.started && !o.vip && o.units.as_ref().is_ok_and(down);
    idle && o.state.intention.is_none() && !o.state.is_fresh() && unit_files(o).is_none()
}

pub fn ap(request: &Request, o: &Observed, role: Option<Role>, reseed: bool) -> Plan {
    let s = &o.state;
    match (s.mode, s.role) {
        (Mode::M, _) if role == Some(Role::Active) && reseed => Plan::refuse(
            "the active half has the data, --reseed gives it the peer's",
            "one of the two: `ap-mode set ap --role active`, or `ap-mode set ap --reseed`",
        ),
        (Mode::M, _) if role == Some(Role::Active) => first_active(request, o),
        (Mode::M, _) => join(o, reseed),
        (Mode::S, _) if reseed || role == Some(Role::Standby) => {
            Plan::refuse("this node serves alone: its data is the truth", "`ap-mode set ap` pairs it with its standby")
        }
        (Mode::S, _) if !o.started => Plan::refuse("this node is in s and stopped", "`ap-mode start` first"),
        (Mode::S, _) => match standby(o) {
            Err(evidence) => {
                Plan::refuse(format!("no standby to pair with: {evidence}"), "`ap-mode set ap` on the other host first")
            }
            Ok(_) => Plan::act(
                "pairing with the standby",
                vec![
                    // After a restart of the database here it takes a second to be back.
                    Step::AwaitStandby,
                    Step::Become { mode: Mode::Ap, role: Role::Active, epoch: s.epoch, solo: true },
                    Step::UnitFiles(Mode::Ap),
                    Step::AwaitProtection,
                    Step::Alert("back to a pair, role active".into()),
                    Step::Finish,
                ],
            ),
        },
        (Mode::Ap, own) if role.is_some_and(|role| role != own) => {
            Plan::refuse(format!("this node is {own}"), "`ap-mode set m` on the active hands the role over")
        }
        (Mode::Ap, _) if reseed => Plan::refuse("only a node in m can be given other data", "`ap-mode set m` first"),
        (Mode::Ap, Role::Active) if o.started && s.solo && standby_ready(o).is_ok() => {
            Plan::act("waiting for protection", vec![Step::UnitFiles(Mode::Ap), Step::AwaitProtection, Step::Finish])
        }
        (Mode::Ap, _) if runs(o) => already(o),
        (Mode::Ap, _) => run::start(request, o),
    }
}

/// The first half of a fresh pair, or one made of a node whose peer is no better.
fn first_active(request: &Request, o: &Observed) -> Plan {
    let first = o.state.is_fresh() && o.peer.is_err();
    if let Err(refusal) = guard::resting_serving(o, request.force || first) {
        return refusal.into();
    }
    let epoch = next_epoch(request, o);
    let mut steps = fresh_stop(o);
    steps.extend(take_back(o, epoch));
    steps.extend([Step::UnitFiles(Mode::Ap), Step::Start(Service::Database), Step::EndReplication]);
    steps.extend([Step::SemiSync(false), Step::BeginHistory]);
    steps.push(Step::Become { mode: Mode::Ap, role: Role::Active, epoch, solo: true });
    steps.extend(start_services(true));
    steps.push(Step::Finish);
    Plan::act("active half of a pair, alone until the standby joins", steps)
}

/// Standby of a peer that serves.
fn join(o: &Observed, reseed: bool) -> Plan {
    if let Err(refusal) = guard::following(o, reseed) {
        return refusal.into();
    }
    let peer_epoch = o.peer.as_ref().map_or(0, |peer| peer.epoch);
    let mut steps = fresh_stop(o);
    steps.push(Step::UnitFiles(Mode::Ap));
    if reseed {
        steps.extend([Step::Stop(Service::Database), Step::Reseed]);
    } else if o.state.fenced && peer_epoch > o.state.epoch {
        steps.extend([Step::StartTruncating, Step::EndReplication, Step::CompareHistories]);
    } else {
        steps.extend([Step::Start(Service::Database), Step::EndReplication, Step::CompareHistories]);
    }
    steps.extend([
        Step::ReadOnly,
        Step::Follow,
        Step::AwaitReplication,
        Step::Become { mode: Mode::Ap, role: Role::Standby, epoch: peer_epoch, solo: false },
    ]);
    steps.extend(start_services(false));
    steps.extend([Step::Alert("joined as standby".into()), Step::Finish]);
    Plan::act("standby of its peer", steps)
}

fn forced(request: &Request, what: &str) -> String {
    if request.force { format!("{what}, forced") } else { what.to_owned() }
}

/// Whether there is nothing to start: killed half-way, this request may have left
/// a unit out, and nobody else starts one of a pair.
fn runs(o: &Observed) -> bool {
    o.started && run::all_run(o)
}

/// A database that ran before the first installation has not read our settings.
fn fresh_stop(o: &Observed) -> Vec<Step> {
    if o.state.is_fresh() { stop_services() } else { Vec::new() }
}
