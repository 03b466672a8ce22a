//! The beginning and the end of a plan: what becomes of it for the history, for
//! whoever asked, and for the operator.

use std::time::Duration;

use super::Agent;
use super::effect::{Effect, Failure};
use super::run::{About, Run, Took};
use crate::answer::Answer;
use crate::event::{Event, StepTime};
use crate::exit::Exit;
use crate::message::{Reply, Request, Verb};
use crate::mode::{Fault, Mode, Service, Vrrp};
use crate::observed::Observed;
use crate::plan::{Cause, Plan, promotion};
use crate::protection::Active;
use crate::state::Intention;
use crate::step::Step;

impl Agent {
    /// Begins a plan.
    pub(super) fn begin(&mut self, now: Duration, cause: &Cause, plan: Plan, evidence: String, out: &mut Vec<Effect>) {
        let request = match (cause, &self.state.intention) {
            (Cause::Request(request), _) => Some(request.clone()),
            (_, Some(Intention::Request { request })) => Some(request.clone()),
            _ => None,
        };
        let who = request.as_ref().map_or(cause.who(), |request| &request.who).to_owned();
        let mut id = request.map(|request| request.id);
        if plan.leaves() && !matches!(cause, Cause::Request(_)) {
            // What was asked is not what happens.
            reply(&id.take(), Exit::Refused, &format!("superseded: {cause}: {evidence}"), out);
        }
        let about = About { who, evidence };
        let leaving = plan.leaves();
        match plan {
            Plan::Nothing(why) => {
                if *cause != Cause::Look {
                    self.record(cause, &about, ("nothing", &why), &[], out);
                }
                reply(&id, Exit::Ok, &why, out);
            }
            Plan::Act { why, steps } => {
                let mut run = Run::new(cause.clone(), about, why, steps);
                (run.request, run.on) = (id, leaving);
                self.run = Some(run);
            }
            Plan::Refuse(refusal) => {
                let promotes = matches!(self.state.intention, Some(Intention::Promote { .. }));
                if *cause == Cause::Vrrp(Vrrp::Master) || promotes {
                    // An active that holds on is evidence for as long as it does, and no
                    // longer: when it falls silent in the next second, this node is needed.
                    let holds_on = self.known.peer().is_some_and(Answer::holds_on);
                    *(if holds_on { &mut self.blocked } else { &mut self.refused }) = Some(now);
                }
                let mut run = Run::new(cause.clone(), about, refusal.evidence.clone(), refusal.steps.clone());
                (run.request, run.on, run.refusal) = (id, true, Some(refusal));
                self.run = Some(run);
            }
        }
    }

    /// Has a plan that failed leave the node at rest.
    pub(super) fn clean_up(&mut self, now: Duration, run: &mut Run) {
        let mut steps = Vec::new();
        if run.promotes() && self.state.mode != Mode::S {
            // A promotion that failed before it was decided leaves a standby without a
            // lease; one that was decided is finished by the next look.
            let why = run.failures.first().map(ToString::to_string).unwrap_or_default();
            self.refused = Some(now);
            steps.extend([
                Step::DropLease(format!("a promotion was abandoned: {why}")),
                Step::Fault(Fault::Role, true),
                Step::Finish,
            ]);
        }
        if run.request.is_some() {
            steps.extend(self.back_to_rest());
        }
        (run.cleaning, run.on) = (true, true);
        run.replace_steps(steps);
    }

    /// A request that failed half-way in mode `m` leaves a node in mode `m`, at rest.
    fn back_to_rest(&self) -> Vec<Step> {
        let mut steps = vec![Step::Finish];
        if self.state.mode == Mode::M && !self.state.is_fresh() {
            steps.extend([
                Step::Fault(Fault::Role, true),
                Step::Started(false),
                Step::Stop(Service::Keepalived),
                Step::RemoveVip,
                Step::Stop(Service::Api),
                Step::Stop(Service::Database),
                Step::UnitFiles(Mode::M),
            ]);
        }
        steps
    }

    /// A plan has come to its end.
    pub(super) fn conclude(&mut self, now: Duration, mut run: Run, out: &mut Vec<Effect>) {
        if let Some(refusal) = &run.refusal
            && !run.cleaning
        {
            let text = format!("{}; {}", refusal.evidence, refusal.way);
            if run.cause != Cause::Look || self.is_news(now, &text) {
                self.record(&run.cause, &run.about, ("refused", &text), &run.times, out);
                out.push(Effect::Alert { kind: "refusal", text: text.clone() });
            }
            for failure in &run.failures {
                out.push(Effect::Warn(format!("refusing: {failure}")));
            }
            if run.request.is_some() && !matches!(run.cause, Cause::Request(_)) {
                (run.cleaning, run.times) = (true, Vec::new());
                let steps = self.back_to_rest();
                run.replace_steps(steps);
                self.run = Some(run);
                return;
            }
        }
        self.end(now, &run, out);
    }

    fn end(&mut self, now: Duration, run: &Run, out: &mut Vec<Effect>) {
        match (&run.refusal, run.failures.as_slice()) {
            (Some(refusal), _) => {
                let text = format!("refused: {}; {}", refusal.evidence, refusal.way);
                reply(&run.request, Exit::Refused, &text, out);
            }
            (None, []) => {
                self.record(&run.cause, &run.about, ("done", &run.why), &run.times, out);
                reply(&run.request, Exit::Ok, &run.why, out);
            }
            (None, [Failure { way: Some(_), .. }, ..]) if !run.leaves() => {
                let failure = &run.failures[0];
                self.record(&run.cause, &run.about, ("refused", &failure.to_string()), &run.times, out);
                out.push(Effect::Alert { kind: "refusal", text: failure.text.clone() });
                reply(&run.request, Exit::Refused, &format!("refused: {failure}"), out);
            }
            (None, failures) => {
                let texts: Vec<String> = match run.cleaning {
                    // What failed while cleaning up is in the steps.
                    true => failures.iter().take(1).map(ToString::to_string).collect(),
                    false => failures.iter().map(ToString::to_string).collect(),
                };
                let text = format!("{}: {}", run.why, texts.join("; "));
                if run.cause != Cause::Look || self.is_news(now, &text) {
                    self.record(&run.cause, &run.about, ("failed", &text), &run.times, out);
                    out.push(Effect::Alert { kind: "failure", text: text.clone() });
                }
                reply(&run.request, failures[0].exit, &text, out);
            }
        }
        self.ended_for_good(now, run);
    }

    fn ended_for_good(&mut self, now: Duration, run: &Run) {
        // Whoever wished to go on alone has, or was told why not.
        self.active.iter_mut().for_each(Active::want_pair);
        // What was noticed meanwhile is looked at anew.
        if run.cause == Cause::Look && self.reconciled.is_some() {
            self.reconciled = Some(now);
        }
        // Claimed, and nothing came of it or it is finished.
        if !matches!(self.state.intention, Some(Intention::Promote { .. })) {
            self.standby.release();
        }
    }

    /// A plan gives way to something that must not wait for it.
    pub(super) fn supersede(&mut self, now: Duration, by: &str, out: &mut Vec<Effect>) {
        let Some(run) = self.run.take() else { return };
        let text = format!("{}: superseded: {by}", run.why);
        self.record(&run.cause, &run.about, ("failed", &text), &run.times, out);
        reply(&run.request, Exit::Refused, &text, out);
        if run.request.is_some() {
            // Over; what follows writes down an intention of its own.
            self.state.intention = None;
        }
        self.ended_for_good(now, &run);
    }

    /// What a request would do, a line for each action of the very steps that it would
    /// run; nothing is done.
    pub(super) fn dry_run(&self, request: &Request, o: &Observed, plan: Plan, out: &mut Vec<Effect>) {
        let id = Some(request.id.clone());
        if let Plan::Refuse(refusal) = &plan {
            let text = format!("refused: {}; {}", refusal.evidence, refusal.way);
            return reply(&id, Exit::Refused, &text, out);
        }
        let mut step = |text: String| {
            out.push(Effect::Reply { id: request.id.clone(), reply: Reply::Step { text } });
        };
        for planned in plan.steps() {
            planned.describe(&self.site).into_iter().for_each(&mut step);
            if request.verb == Verb::Switchover && *planned == Step::Fault(Fault::Role, true) {
                // What the peer does meanwhile, seen from there.
                let there = self.site.seen_from_peer();
                let theirs = promotion(o.state.epoch + 1, false);
                let lines = theirs.iter().flat_map(|step| step.describe(&there));
                lines.for_each(|line| step(format!("  {}: {line}", self.site.peer.name)));
            }
        }
        let text = if plan.steps().is_empty() { "nothing to do" } else { "" };
        reply(&id, Exit::Ok, text, out);
    }

    /// Into the history: what it was about, and what came of it.
    fn record(
        &self,
        cause: &Cause,
        about: &About,
        (outcome, text): (&str, &str),
        times: &[Took],
        out: &mut Vec<Effect>,
    ) {
        out.push(Effect::Record(Event {
            cause: cause.to_string(),
            who: about.who.clone(),
            evidence: about.evidence.clone(),
            outcome: outcome.into(),
            text: text.into(),
            steps: times.iter().map(step_time).collect(),
            ..Event::default()
        }));
    }
}

/// Ends the request under way, if there is one.
fn reply(id: &Option<String>, exit: Exit, text: &str, out: &mut Vec<Effect>) {
    if let Some(id) = id {
        let done = Reply::Done { exit: exit.code(), text: text.to_owned() };
        out.push(Effect::Reply { id: id.clone(), reply: done });
    }
}

fn step_time(took: &Took) -> StepTime {
    StepTime {
        step: took.step.clone(),
        ms: (took.took.as_secs_f64() * 100_000.0).round() / 100.0,
        error: took.error.clone(),
    }
}
