//! `plan(cause, observed) -> Plan`: the user's tables as a pure function.
//!
//! - `vrrp.rs`: what keepalived or systemd says (the event table).
//! - `request.rs`: what an operator, boot, `at` or cron asks (the mode table).
//! - `look.rs`: what is, against what should be; runs every second.
//! - `guard.rs`: who may become writable, and the refusals.

mod guard;
mod look;
mod request;
mod vrrp;

#[cfg(test)]
mod tests;

use crate::message::Request;
use crate::mode::{Fault, Mode, Role, Service, Vrrp};
use crate::observed::Observed;
use crate::state::{Intention, State};
use crate::step::Step;

pub use vrrp::promotion;

/// Why the planner is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cause {
    /// keepalived changed its mind.
    Vrrp(Vrrp),
    /// A unit ended: a crash, or a clean stop that outlasted the restart grace.
    Gone(Service),
    /// Somebody asks.
    Request(Request),
    /// The second is over, or this program was just started.
    Look,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Plan {
    /// Nothing, and why.
    Nothing(String),
    /// These steps, and why.
    Act {
        /// In a sentence for the operator.
        why: String,
        /// In order; the first failure ends the plan unless it is a leaving.
        steps: Vec<Step>,
    },
    /// Not that.
    Refuse(Refusal),
}

/// A refusal names its evidence and the way forward.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// What was seen.
    pub evidence: String,
    /// What to type.
    pub way: String,
    /// Steps that make the refusal safe, such as giving the VIP away.
    pub steps: Vec<Step>,
}

impl Plan {
    fn nothing(why: impl Into<String>) -> Self {
        Self::Nothing(why.into())
    }

    fn act(why: impl Into<String>, steps: Vec<Step>) -> Self {
        Self::Act { why: why.into(), steps }
    }

    fn refuse(evidence: impl Into<String>, way: impl Into<String>) -> Self {
        Self::Refuse(Refusal { evidence: evidence.into(), way: way.into(), steps: Vec::new() })
    }

    /// Whether this is a leaving: begun, it is finished, past failures.
    pub fn leaves(&self) -> bool {
        matches!(self, Self::Act { steps, .. }
            if steps.iter().any(|step| matches!(step, Step::Intend(Intention::Leave { .. }))))
    }

    /// The steps, whatever the plan is.
    pub fn steps(&self) -> &[Step] {
        match self {
            Self::Nothing(_) => &[],
            Self::Act { steps, .. } => steps,
            Self::Refuse(refusal) => &refusal.steps,
        }
    }
}

/// Plans. What was begun is finished first: leaving latches against everything,
/// promoting against everything but a reason to leave.
pub fn plan(cause: &Cause, o: &Observed) -> Plan {
    match (&o.state.intention, cause) {
        // Never answered by "done": what was asked is not what happens. The next look leaves.
        (Some(Intention::Leave { why }), Cause::Request(request)) if !request.verb.is_set(Mode::M) => {
            Plan::refuse(format!("this node is leaving service: {why}"), "ask again when `ap-mode show` says m")
        }
        (Some(Intention::Leave { why }), _) => leave(&o.state, why),
        (Some(Intention::Promote { epoch }), Cause::Look | Cause::Vrrp(Vrrp::Master)) => {
            vrrp::resume_promotion(o, *epoch)
        }
        (Some(Intention::Request { request }), Cause::Look) => request::resume(request, o),
        // That the VIP goes is what a switchover is about.
        (Some(Intention::Request { request }), Cause::Vrrp(_)) if o.state.switching_over() => {
            request::resume(request, o)
        }
        (_, Cause::Vrrp(vrrp)) => vrrp::plan(*vrrp, o),
        (_, Cause::Gone(service)) => vrrp::gone(*service, o),
        (_, Cause::Request(request)) => request::plan(request, o),
        (None, Cause::Look) => look::plan(o),
    }
}

/// The unplanned loss of the active role: give the VIP away, fence, mask. The role
/// stays: until another node is promoted, this one was the last to hold the truth.
///
/// The database dies by SIGKILL, before anything else is tried on it:
/// `read_only` would hang behind a commit that waits for its acknowledgement
/// (docs/FACTS.md#semi-sync-holds-read-only), and a graceful stop would commit it
/// (docs/FACTS.md#semi-sync-shutdown-commits).
pub fn leave(state: &State, why: &str) -> Plan {
    let acknowledges = state.mode != Mode::M && state.role == Role::Active;
    let mut steps = vec![Step::Fault(Fault::Role, true), Step::Intend(Intention::Leave { why: why.to_owned() })];
    if acknowledges || matches!(state.intention, Some(Intention::Leave { .. })) {
        steps.extend([Step::FenceDatabase, Step::RecordFenced]);
    }
    steps.extend([
        Step::Started(false),
        Step::Stop(Service::Keepalived),
        Step::RemoveVip,
        Step::Stop(Service::Api),
        Step::Stop(Service::Database),
        Step::Become { mode: Mode::M, role: state.role, epoch: state.epoch, solo: false },
        Step::UnitFiles(Mode::M),
        Step::Alert(format!("entered m: {why}")),
        Step::Finish,
    ]);
    Plan::act(why, steps)
}

/// Why a node that serves may not go on, whatever else is said.
fn superseded(o: &Observed) -> Option<String> {
    let s = &o.state;
    if !s.serves() {
        return None;
    }
    // A word that was given is kept: the standby may be promoting on it by now.
    let given = s.fenced.then(|| "the standby was told that this node acknowledges nothing any more".to_owned());
    newer_peer(o).or_else(|| twin(o)).or(given)
}

/// A peer that serves under the same epoch, which only two words of operators can
/// bring about. Whoever has the VIP has the clients.
fn twin(o: &Observed) -> Option<String> {
    let peer = o.peer.as_ref().ok()?;
    (peer.epoch == o.state.epoch && peer.serves() && peer.vip && !o.vip)
        .then(|| format!("{} serves under the same epoch {}, and holds the VIP", peer.host, peer.epoch))
}

/// The peer's higher epoch, if it shows one: it was promoted after this node,
/// whether or not it serves any more (F10, F18).
fn newer_peer(o: &Observed) -> Option<String> {
    let peer = o.peer.as_ref().ok()?;
    (peer.epoch > o.state.epoch)
        .then(|| format!("{} was promoted: epoch {} against {} here", peer.host, peer.epoch, o.state.epoch))
}

/// Whether keepalived runs, as far as systemd says.
fn keepalived_runs(o: &Observed) -> bool {
    o.units.as_ref().is_ok_and(|units| !units.keepalived.is_down())
}

/// Whether keepalived is surely not there to look after the VIP.
fn keepalived_is_gone(o: &Observed) -> bool {
    o.units.as_ref().is_ok_and(|units| units.keepalived.is_down())
}
