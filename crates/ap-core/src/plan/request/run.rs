//! Start, stop, restart.

use super::{is_protected, next_epoch, set, start_services, stop_services};
use crate::message::Request;
use crate::mode::{Mode, Role, Service};
use crate::observed::Observed;
use crate::plan::{Plan, Refusal, guard, leave, superseded, vrrp};
use crate::step::Step;

pub fn start(request: &Request, o: &Observed) -> Plan {
    let s = &o.state;
    let by_itself = !request.who.starts_with("operator");
    if let Some(evidence) = superseded(o) {
        // Recorded as `m`, so that nothing asks again.
        let steps = leave(s, &evidence).steps().to_vec();
        return Plan::Refuse(Refusal { evidence, way: "`ap-mode set ap` makes this node its standby".into(), steps });
    }
    match (s.mode, s.role) {
        (Mode::M, _) => Plan::refuse("mode m: nothing may be started", "`ap-mode set ap` or `ap-mode set s`"),
        (Mode::Ap, _) if by_itself => {
            Plan::refuse("mode ap: a half of a pair starts only by an operator's word", "`ap-mode start`")
        }
        _ if o.started && all_run(o) => Plan::nothing("already started"),
        (Mode::Ap, Role::Standby) => start_standby(o),
        _ => start_active(request, o),
    }
}

pub fn all_run(o: &Observed) -> bool {
    o.units.as_ref().is_ok_and(|u| u.keepalived.is_active() && u.api.is_active() && u.database.is_active())
}

fn start_standby(o: &Observed) -> Plan {
    let mut steps = vec![Step::Start(Service::Database)];
    match &o.db {
        Ok(_) => steps.extend(vrrp::stand_by(o).steps().iter().cloned()),
        // Started anew, a server has lost its relay log: it is as well to follow anew.
        Err(_) => steps.push(Step::Follow),
    }
    steps.extend(start_services(false));
    steps.push(Step::Finish);
    Plan::act("starting", steps)
}

/// Half of a pair needs the peer's word; a standalone node only no word against it.
fn start_active(request: &Request, o: &Observed) -> Plan {
    let s = &o.state;
    // A peer of an older epoch is no word against it: it fences itself on hearing
    // of this node's, and until then acknowledges nothing alone (F18).
    let none_against =
        s.mode == Mode::S && o.peer.as_ref().map_or(true, |peer| peer.epoch < s.epoch && !peer.promoting);
    if let Err(refusal) = guard::serving(o, request.force || none_against) {
        return refusal.into();
    }
    let mut steps = vec![Step::Start(Service::Database), Step::SemiSync(!s.alone())];
    if s.mode == Mode::Ap {
        let epoch = if request.force && o.peer.is_err() { next_epoch(request, o) } else { s.epoch };
        steps.push(Step::Become { mode: Mode::Ap, role: Role::Active, epoch, solo: s.solo });
    }
    steps.extend(start_services(true));
    steps.push(Step::Finish);
    Plan::act("starting", steps)
}

pub fn stop(o: &Observed) -> Plan {
    if is_protected(o) {
        // Stopping the active of a pair is giving the role away.
        return set::m(o);
    }
    if o.state.is_fresh() {
        return Plan::nothing("never set up: hands off");
    }
    if o.state.mode == Mode::M {
        return Plan::nothing("mode m: nothing runs");
    }
    let mut steps = stop_services();
    steps.push(Step::Finish);
    Plan::act("stopping, the mode is kept", steps)
}

pub fn restart(request: &Request, o: &Observed) -> Plan {
    if o.state.mode == Mode::M {
        return start(request, o);
    }
    match stop(o) {
        plan if is_protected(o) => plan,
        Plan::Act { mut steps, .. } => {
            let stopped = Observed { started: false, db: Err("stopped".into()), ..o.clone() };
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
