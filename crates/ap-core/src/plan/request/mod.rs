//! What an operator, boot, `at` or cron asks for.
//!
//! - `set.rs`: the mode table.
//! - `run.rs`: start, stop, restart; the mode is kept.
//! - `switchover.rs`: the planned swap of roles.

mod run;
mod set;
pub mod switchover;

use super::Plan;
use crate::message::{Request, Verb};
use crate::mode::{Fault, Mode, Role, Service};
use crate::observed::Observed;
use crate::state::Intention;
use crate::step::Step;

pub fn plan(request: &Request, o: &Observed) -> Plan {
    let mut plan = asked(request, o);
    if let Plan::Act { steps, .. } = &mut plan
        && !steps.iter().any(|step| matches!(step, Step::Intend(Intention::Leave { .. })))
    {
        if gives_up(request, o) {
            steps.insert(0, Step::Alert(foretold(o)));
        }
        steps.insert(0, Step::Intend(Intention::Request { request: request.clone() }));
    }
    plan
}

/// Whether only `--force` allows it. A switchover gives up nothing but time.
fn gives_up(request: &Request, o: &Observed) -> bool {
    let plainly = Request { force: false, ..request.clone() };
    request.force && request.verb != Verb::Switchover && matches!(asked(&plainly, o), Plan::Refuse(_))
}

fn asked(request: &Request, o: &Observed) -> Plan {
    match &request.verb {
        Verb::Set { mode: Mode::M, .. } => set::m(o),
        Verb::Set { mode: Mode::S, .. } => set::s(request, o),
        Verb::Set { mode: Mode::Ap, role, reseed } => set::ap(request, o, *role, *reseed),
        Verb::Start => run::start(request, o),
        Verb::Stop => run::stop(o),
        Verb::Restart => run::restart(request, o),
        Verb::Switchover => switchover::plan(request, o),
    }
}

/// What an operator's `--force` may give up, said before anything is done.
fn foretold(o: &Observed) -> String {
    let peer = o.peer.as_ref().map_or("the other host", |peer| peer.host.as_str());
    let after = match &o.db {
        Ok(db) => match &db.replica {
            Some(replica) if replica.sql => db.slave_pos.join(&replica.io_pos).to_string(),
            Some(_) => db.slave_pos.to_string(),
            None => db.binlog_pos.to_string(),
        },
        Err(_) => format!("this node last served (epoch {})", o.state.epoch),
    };
    format!("forced: what {peer} acknowledged after {after} is given up")
}

/// A request found in `state.toml` after a crash. Whatever comes of it, it is over:
/// one left behind would keep the looks from ever repairing anything.
pub fn resume(request: &Request, o: &Observed) -> Plan {
    let mut request = request.clone();
    if let (Verb::Set { mode: Mode::Ap, reseed, .. }, Mode::Ap) = (&mut request.verb, o.state.mode) {
        // Written down as a standby: the copy is complete, only the start is left.
        *reseed = false;
    }
    match plan(&request, o) {
        Plan::Nothing(why) => Plan::act(why, vec![Step::Finish]),
        Plan::Refuse(mut refusal) => {
            refusal.steps.push(Step::Finish);
            Plan::Refuse(refusal)
        }
        plan => plan,
    }
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

/// Whether this node serves a pair: it cannot just be stopped.
fn is_protected(o: &Observed) -> bool {
    o.state.mode == Mode::Ap && o.state.role == Role::Active && !o.state.solo && o.started
}

/// Above everything either node has seen. A word that overrides a silent peer
/// counts for more than anything that peer may have been promoted to meanwhile.
fn next_epoch(request: &Request, o: &Observed) -> u64 {
    const FORCED: u64 = 1000;
    match &o.peer {
        Ok(peer) => o.state.epoch.max(peer.epoch) + 1,
        Err(_) if request.force => o.state.epoch + FORCED,
        Err(_) => o.state.epoch + 1,
    }
}
