//! Executes plans on the simulated world as `ap-notify` does on a real one: the
//! first failure ends a plan unless it is a leaving, and a kill ends anything.

use ap_core::message::Request;
use ap_core::mode::{Fault, Mode, Service, Vrrp};
use ap_core::plan::{Cause, Plan, Refusal, plan};
use ap_core::state::Intention;
use ap_core::step::Step;

use crate::world::{Outcome, REFUSED, World};

/// How a step ends that does not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Failed,
    Killed,
}

impl World {
    /// Plans for a cause and carries it out. Returns whether there was anything to do.
    pub fn handle(&mut self, cause: &Cause) -> bool {
        if let Cause::Gone(service) = cause
            && (!self.started || self.up(*service))
        {
            return false;
        }
        if matches!(cause, Cause::Vrrp(Vrrp::Fault | Vrrp::Stop)) && self.protected() {
            self.must_rest = true;
        }
        let plan = plan(cause, &self.observe(cause));
        let busy = !plan.steps().is_empty();
        if self.carry_out(cause, plan) == Err(End::Killed) {
            if self.power_off { self.reboot() } else { self.restart_program() }
        }
        busy
    }

    fn carry_out(&mut self, cause: &Cause, plan: Plan) -> Result<(), End> {
        let asked = match (cause, &self.state.intention) {
            (Cause::Request(request), _) => Some(request.clone()),
            (_, Some(Intention::Request { request })) => Some(request.clone()),
            _ => None,
        };
        self.forced = asked.as_ref().is_some_and(|request| request.force);
        let leaving = plan.steps().iter().any(|step| matches!(step, Step::Intend(Intention::Leave { .. })));
        let outcome = match plan {
            Plan::Nothing(_) => Outcome::Done,
            Plan::Refuse(refusal) => self.refuse(cause, &refusal, asked.is_some())?,
            Plan::Act { steps, .. } => match self.run_all(&steps, leaving) {
                Ok(()) => Outcome::Done,
                Err(End::Killed) => return Err(End::Killed),
                Err(End::Failed) => {
                    if steps.contains(&Step::Confirm) {
                        self.abandon_promotion();
                    }
                    if asked.is_some() {
                        self.clean_up_request()?;
                    }
                    Outcome::Failed
                }
            },
        };
        if let Some(Request { verb, .. }) = asked {
            self.last = Some((verb, outcome));
        }
        Ok(())
    }

    fn refuse(&mut self, cause: &Cause, refusal: &Refusal, asked: bool) -> Result<Outcome, End> {
        assert!(!refusal.evidence.is_empty() && !refusal.way.is_empty(), "G4: {refusal:?}");
        if *cause == Cause::Vrrp(Vrrp::Master) || matches!(self.state.intention, Some(Intention::Promote { .. })) {
            self.refused = REFUSED;
            self.blocked = self.peer.as_ref().is_some_and(|peer| peer.serves() && peer.vip);
        }
        if self.run_all(&refusal.steps, true) == Err(End::Killed) {
            return Err(End::Killed);
        }
        if asked && !matches!(cause, Cause::Request(_)) {
            self.clean_up_request()?;
        }
        Ok(Outcome::Refused)
    }

    fn abandon_promotion(&mut self) {
        if self.state.mode != Mode::S {
            (self.lease, self.refused, self.state.intention) = (0, REFUSED, None);
            self.set_fault(Fault::Role, true);
        }
    }

    fn clean_up_request(&mut self) -> Result<(), End> {
        self.state.intention = None;
        if self.state.mode != Mode::M || self.state.is_fresh() {
            return Ok(());
        }
        let stop = [Service::Keepalived, Service::Api, Service::Database].map(Step::Stop);
        let mut steps = vec![Step::Fault(Fault::Role, true), Step::Started(false)];
        steps.extend(stop);
        steps.extend([Step::RemoveVip, Step::UnitFiles(Mode::M)]);
        match self.run_all(&steps, true) {
            Err(End::Killed) => Err(End::Killed),
            _ => Ok(()),
        }
    }

    fn run_all(&mut self, steps: &[Step], on: bool) -> Result<(), End> {
        let mut result = Ok(());
        for step in steps {
            if self.step(step).is_err() {
                result = Err(End::Failed);
                if !on {
                    return result;
                }
            }
            if let Some(left) = &mut self.kill_after {
                if *left == 0 {
                    self.kill_after = None;
                    return Err(End::Killed);
                }
                *left -= 1;
            }
        }
        result
    }
}
