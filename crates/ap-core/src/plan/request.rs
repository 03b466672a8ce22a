//! What an operator, boot, `at` or cron asks for: the mode table.

use super::{Plan, guard, leave, newer_peer, switchover};
use crate::message::{Request, Verb};
use crate::mode::{Fault, Mode, Role, Service};
use crate::observed::{Observed, UnitState, Units};
use crate::state::Intention;
use crate::step::Step;

pub fn plan(request: &Request, o: &Observed) -> Plan {
    let mut plan = match &request.verb {
        Verb::Set { mode: Mode::M, .. } => set_m(o),
        Verb::Set { mode: Mode::S, .. } => set_s(request, o),
        Verb::Set { mode: Mode::Ap, role, reseed } => set_ap(request, o, *role, *reseed),
        Verb::Start => start(request, o),
        Verb::Stop => stop(o),
        Verb::Restart => restart(request, o),
        Verb::Switchover => switchover::plan(request, o),
    };
    if let Plan::Act { steps, .. } = &mut plan
        && !matches!(steps.first(), Some(Step::Fault(Fault::Role, true)))
    {
        steps.insert(0, Step::Intend(Intention::Request { request: request.clone() }));
    }
    plan
}

/// keepalived first, so that the VIP goes before what it stands for.
fn stop_services() -> Vec<Step> {
    vec![
        Step::Started(false),
        Step::Stop(Service::Keepalived),
        Step::RemoveVip,
        Step::Stop(Service::Api),
        Step::Stop(Service::Database),
    ]
}

/// API and keepalived, once the database is what it should be. `promotable`:
/// whether the node may hold the VIP from the start; a standby earns that by a lease.
fn start_services(promotable: bool) -> Vec<Step> {
    let mut steps = vec![Step::Fault(Fault::Db, false), Step::Start(Service::Api), Step::Fault(Fault::Api, false)];
    steps.extend([Step::Fault(Fault::Role, !promotable), Step::Started(true), Step::Start(Service::Keepalived)]);
    steps
}

/// The standby is there, replicates, and may promote: the active can hand over.
fn standby_ready(o: &Observed) -> Result<(), String> {
    let peer = o.peer.as_ref().map_err(|silence| format!("the peer does not answer: {silence}"))?;
    if peer.mode != Mode::Ap || peer.role != Role::Standby {
        return Err(format!("{} is in mode {}, role {}", peer.host, peer.mode, peer.role));
    }
    if !peer.replicating {
        return Err(format!("{} does not replicate", peer.host));
    }
    Ok(())
}

fn set_m(o: &Observed) -> Plan {
    let s = &o.state;
    let protected = s.mode == Mode::Ap && s.role == Role::Active && !s.solo && o.started;
    let down = |units: &Units| [&units.database, &units.api, &units.keepalived].iter().all(|unit| unit.is_down());
    if s.mode == Mode::M && !o.started && !o.vip && as_the_table_says(o) && o.units.as_ref().is_ok_and(down) {
        return Plan::nothing("already m");
    }
    if protected && let Err(evidence) = standby_ready(o) {
        if o.shutting_down {
            return Plan::refuse(evidence, "nothing: the machine goes down, and this node leaves with it");
        }
        return leave(&o.state, "set m, without a standby that could take over");
    }
    let mut steps = Vec::new();
    if protected {
        steps.extend(hand_over(o));
    }
    if o.shutting_down {
        // systemd is stopping the services already; a stop of ours would wait for
        // one that waits for us. Unit files are set when they are down.
        steps.push(Step::Started(false));
    } else {
        steps.extend(stop_services());
    }
    let role = if protected { Role::Standby } else { s.role };
    steps.extend([Step::Become { mode: Mode::M, role, epoch: s.epoch, solo: false }]);
    if !o.shutting_down {
        steps.push(Step::UnitFiles(Mode::M));
    }
    steps.push(Step::Finish);
    Plan::act(if protected { "handing over, then maintenance" } else { "maintenance" }, steps)
}

/// Read-only first; every commit ends while the standby still acknowledges.
/// Then the word "fenced", on which the standby promotes without waiting.
fn hand_over(o: &Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    if !o.state.fenced {
        steps.extend([Step::AwaitProtection, Step::ReadOnly, Step::AwaitStandby, Step::RecordFenced]);
    }
    steps.extend([Step::Fault(Fault::Role, true), Step::AwaitPeerServes]);
    steps
}

fn set_s(request: &Request, o: &Observed) -> Plan {
    let s = &o.state;
    let epoch = next_epoch(o);
    let become_s = Step::Become { mode: Mode::S, role: Role::Active, epoch, solo: false };
    match (s.mode, s.role) {
        (Mode::S, _) if o.started => already(o),
        (Mode::S, _) => start(request, o),
        (Mode::Ap, Role::Active) if o.started && !s.fenced => {
            Plan::act("going on alone", vec![Step::GoSolo, become_s, Step::UnitFiles(Mode::S), Step::Finish])
        }
        (Mode::Ap, Role::Standby) => {
            if let Err(refusal) = guard::standby_serving(o, request.force) {
                return refusal.into();
            }
            let mut steps = vec![Step::Start(Service::Database)];
            if o.db.as_ref().is_ok_and(|db| db.replica.as_ref().is_some_and(|replica| replica.sql)) {
                steps.extend([Step::StopReceiving, Step::Drain]);
            }
            steps.extend([Step::EndReplication, Step::SemiSync(false), become_s, Step::UnitFiles(Mode::S)]);
            steps.extend(start_services(true));
            steps.extend([Step::Alert(forced(request, "standalone by an operator's word")), Step::Finish]);
            Plan::act("standalone", steps)
        }
        (Mode::M, _) | (Mode::Ap, Role::Active) => {
            if let Err(refusal) = guard::serving(o, request.force) {
                return refusal.into();
            }
            let mut steps = fresh_stop(o);
            steps.extend([Step::UnitFiles(Mode::S), Step::Start(Service::Database), Step::EndReplication]);
            steps.extend([Step::SemiSync(false), become_s]);
            steps.extend(start_services(true));
            steps.extend([Step::Alert(forced(request, "standalone by an operator's word")), Step::Finish]);
            Plan::act("standalone", steps)
        }
    }
}

/// The node is what was asked for. Reading all unit files again takes a busy
/// systemd a second and more, so that is left out where nothing is to be set.
fn already(o: &Observed) -> Plan {
    let mode = o.state.mode;
    if as_the_table_says(o) {
        return Plan::nothing(format!("already {mode}"));
    }
    Plan::act(format!("already {mode}, but not its unit files"), vec![Step::UnitFiles(mode), Step::Finish])
}

/// Whether the unit files are those of the mode. After a crash systemd may not yet
/// have read them: then they are set again.
fn as_the_table_says(o: &Observed) -> bool {
    let (Ok(units), None) = (&o.units, &o.state.intention) else { return false };
    let services = [&units.database, &units.api, &units.keepalived];
    match o.state.mode {
        Mode::M => units.start.is_masked() && services.iter().all(|unit| unit.is_masked()),
        mode => {
            let idle = |unit: &UnitState| !unit.is_masked() && unit.file != "enabled";
            let start = if mode == Mode::S { units.start.file == "enabled" } else { idle(&units.start) };
            start && services.into_iter().all(idle)
        }
    }
}

/// A database that ran before the first installation has not read our settings.
fn fresh_stop(o: &Observed) -> Vec<Step> {
    if o.state.is_fresh() { stop_services() } else { Vec::new() }
}

fn forced(request: &Request, what: &str) -> String {
    if request.force { format!("{what}, forced") } else { what.to_owned() }
}

/// Above everything either node has seen.
fn next_epoch(o: &Observed) -> u64 {
    o.state.epoch.max(o.peer.as_ref().map_or(0, |peer| peer.epoch)) + 1
}

fn set_ap(request: &Request, o: &Observed, role: Option<Role>, reseed: bool) -> Plan {
    let s = &o.state;
    match (s.mode, s.role) {
        (Mode::M, _) if role == Some(Role::Active) => first_active(request, o),
        (Mode::M, _) => join(o, reseed),
        (Mode::S, _) if reseed || role == Some(Role::Standby) => {
            Plan::refuse("this node serves alone: its data is the truth", "`ap-mode set ap` pairs it with its standby")
        }
        (Mode::S, _) if !o.started => Plan::refuse("this node is in s and stopped", "`ap-mode start` first"),
        (Mode::S, _) => match standby_ready(o) {
            Err(evidence) => {
                Plan::refuse(format!("no standby to pair with: {evidence}"), "`ap-mode set ap` on the other host first")
            }
            Ok(()) => Plan::act(
                "pairing with the standby",
                vec![
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
        (Mode::Ap, _) if o.started => already(o),
        (Mode::Ap, _) => start(request, o),
    }
}

/// The first half of a fresh pair, or one made of a node whose peer is no better.
fn first_active(request: &Request, o: &Observed) -> Plan {
    let guard = guard::serving(o, request.force || (o.state.is_fresh() && o.peer.is_err()));
    if let Err(refusal) = guard {
        return refusal.into();
    }
    let mut steps = fresh_stop(o);
    steps.extend([Step::UnitFiles(Mode::Ap), Step::Start(Service::Database), Step::EndReplication]);
    steps.push(Step::SemiSync(false));
    steps.push(Step::Become { mode: Mode::Ap, role: Role::Active, epoch: next_epoch(o), solo: true });
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

fn start(request: &Request, o: &Observed) -> Plan {
    let s = &o.state;
    let by_itself = !request.who.starts_with("operator");
    if let (Some(why), true) = (newer_peer(o), s.serves()) {
        return leave(&o.state, &why);
    }
    match (s.mode, s.role) {
        (Mode::M, _) => Plan::refuse("mode m: nothing may be started", "`ap-mode set ap` or `ap-mode set s`"),
        (Mode::Ap, _) if by_itself => {
            Plan::refuse("mode ap: a half of a pair starts only by an operator's word", "`ap-mode start`")
        }
        _ if o.started
            && o.units
                .as_ref()
                .is_ok_and(|u| u.keepalived.is_active() && u.api.is_active() && u.database.is_active()) =>
        {
            Plan::nothing("already started")
        }
        (Mode::Ap, Role::Active) if !request.force && o.peer.is_err() => Plan::refuse(
            format!("the peer does not say what it is: {}", o.peer.as_ref().err().map_or("", String::as_str)),
            "switch it on, its ap-notify answers in every mode; or --force, if you know that this node was the last to serve",
        ),
        (mode, role) => {
            let mut steps = vec![Step::Start(Service::Database)];
            if role == Role::Standby && mode == Mode::Ap {
                let configured = o.db.as_ref().is_ok_and(|db| db.replica.is_some());
                steps.push(if configured { Step::ResumeReplication } else { Step::Follow });
                steps.extend(start_services(false));
            } else {
                steps.push(Step::SemiSync(mode == Mode::Ap && !s.solo));
                steps.extend(start_services(true));
            }
            steps.push(Step::Finish);
            Plan::act("starting", steps)
        }
    }
}

fn stop(o: &Observed) -> Plan {
    let s = &o.state;
    if s.mode == Mode::Ap && s.role == Role::Active && !s.solo && o.started {
        // Stopping the active of a pair is giving the role away.
        return set_m(o);
    }
    if s.mode == Mode::M {
        return Plan::nothing("mode m: nothing runs");
    }
    let mut steps = stop_services();
    steps.push(Step::Finish);
    Plan::act("stopping, the mode is kept", steps)
}

fn restart(request: &Request, o: &Observed) -> Plan {
    let s = &o.state;
    if s.mode == Mode::M {
        return start(request, o);
    }
    match stop(o) {
        Plan::Act { why, steps } if s.mode == Mode::Ap && s.role == Role::Active && !s.solo => Plan::Act { why, steps },
        Plan::Act { mut steps, .. } => {
            let stopped = Observed { started: false, ..o.clone() };
            match start(request, &stopped) {
                Plan::Act { steps: more, .. } => {
                    steps.pop();
                    steps.extend(more);
                    Plan::act("restarting", steps)
                }
                other => other,
            }
        }
        other => other,
    }
}
