//! What is, against what should be. Every second, and at our own start.

use super::{Plan, leave, newer_peer, switchover, vrrp};
use crate::mode::{Fault, Mode, Role, Service, Vrrp};
use crate::observed::Observed;
use crate::step::Step;

pub fn plan(o: &Observed) -> Plan {
    let s = &o.state;
    if s.serves()
        && let Some(why) = newer_peer(o)
    {
        return leave(&o.state, &why);
    }
    match s.mode {
        Mode::M => rest(o),
        // Nothing has been started since boot: nothing starts by itself here.
        _ if !o.started => Plan::nothing("not started"),
        Mode::Ap if s.role == Role::Standby => stand_by(o),
        _ => serve(o),
    }
}

/// Mode `m`: nothing runs, nothing can.
fn rest(o: &Observed) -> Plan {
    let Ok(units) = &o.units else {
        return Plan::nothing("systemd does not answer");
    };
    if o.state.is_fresh() {
        return Plan::nothing("never set up: hands off");
    }
    let mut steps: Vec<Step> = [Service::Keepalived, Service::Api, Service::Database]
        .into_iter()
        .filter(|service| !units.get(*service).is_down())
        .map(Step::Stop)
        .collect();
    let all = [&units.start, &units.database, &units.api, &units.keepalived];
    if all.iter().any(|unit| !unit.is_masked()) {
        steps.push(Step::UnitFiles(Mode::M));
    }
    if o.vip {
        steps.push(Step::RemoveVip);
    }
    if steps.is_empty() { Plan::nothing("at rest") } else { Plan::act("a node in m rests", steps) }
}

fn stand_by(o: &Observed) -> Plan {
    let mut steps = healthy_again(o);
    let set = o.faults.contains(&Fault::Role);
    // Without a lease the VIP would come to a node that must refuse it.
    let unfit = o.lease.is_err() || o.refused_lately || o.vrrp_blocked;
    if unfit != set {
        steps.push(Step::Fault(Fault::Role, unfit));
    }
    if let (Ok(()), Ok(peer)) = (&o.lease, &o.peer)
        && peer.serves()
        && peer.epoch > o.state.epoch
    {
        steps.push(Step::Become { mode: Mode::Ap, role: Role::Standby, epoch: peer.epoch, solo: false });
    }
    if o.vrrp != Some(Vrrp::Master) {
        steps.extend(vrrp::plan(Vrrp::Backup, o).steps().iter().cloned());
    } else if o.lease.is_ok() && !o.refused_lately {
        return vrrp::plan(Vrrp::Master, o);
    }
    if steps.is_empty() { Plan::nothing("standing by") } else { Plan::act("standing by", steps) }
}

fn serve(o: &Observed) -> Plan {
    let s = &o.state;
    let pair = s.mode == Mode::Ap && !s.solo;
    if o.cut_off && s.mode == Mode::Ap {
        return leave(&o.state, "cut off from the gateway");
    }
    if pair && matches!(o.vrrp, Some(Vrrp::Fault | Vrrp::Stop)) {
        return vrrp::plan(Vrrp::Fault, o);
    }
    if pair && let Ok(units) = &o.units {
        // A crash between the end of a unit and our hearing of it.
        if units.keepalived.is_down() {
            return vrrp::gone(Service::Keepalived, o);
        }
    }
    let mut steps = healthy_again(o);
    if o.faults.contains(&Fault::Role) {
        steps.push(Step::Fault(Fault::Role, false));
    }
    if let Some(pairing) = switchover::complete(o) {
        steps.extend(pairing);
    }
    match (o.vrrp, o.vip, &o.db) {
        (Some(Vrrp::Master), true, Ok(db)) if db.read_only => return vrrp::plan(Vrrp::Master, o),
        (Some(Vrrp::Master), false, _) => steps.push(Step::RestoreVip),
        (Some(Vrrp::Backup | Vrrp::Fault | Vrrp::Stop) | None, false, Ok(db)) if !db.read_only => {
            steps.push(Step::ReadOnly)
        }
        _ => {}
    }
    if !pair && let Plan::Act { steps: more, .. } = vrrp::recover(o) {
        steps.extend(more);
    }
    if steps.is_empty() { Plan::nothing("serving") } else { Plan::act("repairing", steps) }
}

/// Track files of services that are well again.
fn healthy_again(o: &Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    if o.db.is_ok() && o.faults.contains(&Fault::Db) {
        steps.push(Step::Fault(Fault::Db, false));
    }
    if o.api.is_ok() && o.faults.contains(&Fault::Api) {
        steps.push(Step::Fault(Fault::Api, false));
    }
    steps
}
