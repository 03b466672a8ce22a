//! What is, against what should be. Every second, and at our own start.

use super::request::switchover::pair_again;
use super::{Plan, keepalived_is_gone, keepalived_runs, leave, newer_peer, superseded, vrrp};
use crate::mode::{Fault, Mode, Role, Service, Vrrp};
use crate::observed::{Observed, UnitState};
use crate::step::Step;

pub fn plan(o: &Observed) -> Plan {
    let s = &o.state;
    if let Some(why) = superseded(o) {
        return leave(s, &why);
    }
    match (s.mode, s.role) {
        (Mode::M, _) => rest(o),
        _ if !o.started => idle(o),
        (Mode::Ap, Role::Standby) => stand_by(o),
        _ => serve(o),
    }
}

/// Mode `m`: nothing runs, nothing can.
pub fn rest(o: &Observed) -> Plan {
    let s = &o.state;
    if s.is_fresh() {
        return Plan::nothing("never set up: hands off");
    }
    if o.shutting_down {
        return Plan::nothing("the machine is going down: what is left is stopped by systemd");
    }
    if o.vip || keepalived_runs(o) {
        // A leaving goes on past failures, so that the VIP goes even if nothing else does.
        return leave(s, "keepalived or the VIP on a node in m");
    }
    let mut steps = Vec::new();
    if s.role == Role::Active && newer_peer(o).is_some() {
        steps.push(Step::Become { mode: Mode::M, role: Role::Standby, epoch: s.epoch, solo: false });
    }
    let Ok(units) = &o.units else {
        return Plan::nothing("systemd does not answer");
    };
    let running = [Service::Api, Service::Database].into_iter().filter(|service| !units.get(*service).is_down());
    steps.extend(running.map(Step::Stop));
    steps.extend(unit_files(o));
    if steps.is_empty() { Plan::nothing("at rest") } else { Plan::act("a node in m rests", steps) }
}

/// Not started, or stopped on purpose: nothing starts by itself, and what is not
/// meant to run serves nobody.
fn idle(o: &Observed) -> Plan {
    let mut steps = Vec::from_iter(unit_files(o));
    if keepalived_runs(o) && !o.faults.contains(&Fault::Role) {
        steps.push(Step::Fault(Fault::Role, true));
    }
    if vip_left_behind(o) {
        steps.push(Step::RemoveVip);
    }
    if !o.vip && o.db.as_ref().is_ok_and(|db| !db.read_only) {
        steps.push(Step::ReadOnly);
    }
    if steps.is_empty() { Plan::nothing("not started") } else { Plan::act("not started, so it serves nobody", steps) }
}

fn stand_by(o: &Observed) -> Plan {
    let mut steps = housekeeping(o);
    // Before the VIP may come: a promotion counts on from the epoch it follows.
    if let (Ok(()), Ok(peer)) = (&o.lease, &o.peer)
        && peer.serves()
        && peer.epoch > o.state.epoch
    {
        steps.push(Step::Become { mode: Mode::Ap, role: Role::Standby, epoch: peer.epoch, solo: false });
    }
    // Without a lease the VIP would come to a node that must refuse it.
    let unfit = o.lease.is_err() || o.refused_lately || o.vrrp_blocked || o.cut_off;
    if unfit != o.faults.contains(&Fault::Role) {
        steps.push(Step::Fault(Fault::Role, unfit));
    }
    if vip_left_behind(o) {
        steps.push(Step::RemoveVip);
    }
    if o.vrrp != Some(Vrrp::Master) {
        steps.extend(vrrp::stand_by(o).steps().iter().cloned());
    } else if !unfit && !o.faults.contains(&Fault::Role) {
        // Else this node itself told keepalived to give the VIP away, and hears next what it is.
        return vrrp::plan(Vrrp::Master, o);
    }
    if steps.is_empty() { Plan::nothing("standing by") } else { Plan::act("standing by", steps) }
}

fn serve(o: &Observed) -> Plan {
    let s = &o.state;
    if let Some(plan) = pair_again(o) {
        return plan;
    }
    let pair = !s.alone();
    if pair && let Some(why) = lost(o) {
        return leave(s, &why);
    }
    let mut steps = housekeeping(o);
    if o.faults.contains(&Fault::Role) {
        steps.push(Step::Fault(Fault::Role, false));
    }
    if vip_left_behind(o) {
        steps.push(Step::RemoveVip);
    }
    if o.db.as_ref().is_ok_and(|db| db.replica.is_some()) {
        steps.push(Step::EndReplication);
    }
    match (o.vrrp, o.vip, &o.db) {
        (Some(Vrrp::Master), true, Ok(db)) if db.read_only => return vrrp::plan(Vrrp::Master, o),
        // Nothing is acknowledged alone by accident, and alone nothing stalls.
        (Some(Vrrp::Master), true, Ok(db)) if db.semi_sync != pair => steps.push(Step::SemiSync(pair)),
        (Some(Vrrp::Master), false, _) if keepalived_runs(o) => steps.push(Step::RestoreVip),
        (_, false, Ok(db)) if !db.read_only => steps.push(Step::ReadOnly),
        _ => {}
    }
    if !pair && let Plan::Act { steps: more, .. } = vrrp::recover(o) {
        steps.extend(more);
    }
    if steps.is_empty() { Plan::nothing("serving") } else { Plan::act("repairing", steps) }
}

/// Why the active of a pair has lost its role without a word that was heard.
fn lost(o: &Observed) -> Option<String> {
    match o.vrrp {
        _ if o.cut_off => Some("cut off from the gateway".into()),
        Some(vrrp @ (Vrrp::Fault | Vrrp::Stop)) => Some(format!("keepalived says {vrrp}")),
        // A crash between the end of a unit and our hearing of it.
        _ if keepalived_is_gone(o) => Some("keepalived is gone".into()),
        _ => None,
    }
}

/// The VIP is here, and surely not by keepalived's doing. After BACKUP it may be:
/// a respawned keepalived keeps it, and a MASTER has it a moment before it says so.
fn vip_left_behind(o: &Observed) -> bool {
    o.vip && (keepalived_is_gone(o) || matches!(o.vrrp, Some(Vrrp::Fault | Vrrp::Stop)))
}

/// Unit files, and track files of services that are well again.
fn housekeeping(o: &Observed) -> Vec<Step> {
    let mut steps = Vec::from_iter(unit_files(o));
    if o.db.is_ok() && o.faults.contains(&Fault::Db) {
        steps.push(Step::Fault(Fault::Db, false));
    }
    if o.api.is_ok() && o.faults.contains(&Fault::Api) {
        steps.push(Step::Fault(Fault::Api, false));
    }
    steps
}

/// The mode table, where a file says otherwise: a request that failed half-way, or
/// an upgrade that enabled a service.
pub fn unit_files(o: &Observed) -> Option<Step> {
    let units = o.units.as_ref().ok()?;
    let services = [&units.database, &units.api, &units.keepalived];
    let any = |file: &str| services.iter().any(|unit| unit.file == file);
    let start = units.start.file.as_str();
    let fit = match o.state.mode {
        Mode::M => units.start.is_masked() && services.into_iter().all(UnitState::is_masked),
        Mode::Ap => !any("masked") && !any("enabled") && !matches!(start, "masked" | "enabled"),
        Mode::S => !any("masked") && !any("enabled") && !matches!(start, "masked" | "disabled"),
    };
    (!fit).then_some(Step::UnitFiles(o.state.mode))
}
