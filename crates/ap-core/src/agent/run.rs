//! A plan under way: its steps one after the other, and each step's actions. Knows
//! no policy: the first failure ends a plan, except a leaving, which goes on and
//! reports everything that failed.

use std::collections::VecDeque;
use std::time::Duration;

use super::Agent;
use super::acts::Then;
use super::effect::{Act, Effect, Failure, Look, Tail, Ticket};
use super::looks::unapplied;
use super::waits::Wait;
use crate::action::{Action, When};
use crate::exit::Exit;
use crate::gtid::GtidPos;
use crate::message::Reply;
use crate::mode::{Mode, Role};
use crate::plan::{Cause, Refusal};
use crate::step::Step;

/// What is told meanwhile.
pub(super) const NOT_WRITTEN: &str = "state.toml is not written yet: its disk hangs, and this node waits for it";
/// Longest removal of the file that keeps the lease, and longest look.
const SHORT: Duration = Duration::from_secs(5);

/// A plan, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    /// What made it.
    pub cause: Cause,
    /// Who was behind that, and what was seen.
    pub about: About,
    /// In a sentence.
    pub why: String,
    /// Whether it refuses something, and these are the steps that make that safe.
    pub refusal: Option<Refusal>,
    /// Reply pipe of whoever waits for it.
    pub request: Option<String>,
    /// Goes on past failures.
    pub on: bool,
    /// What went wrong.
    pub failures: Vec<Failure>,
    /// It failed, and these are the steps that leave the node at rest.
    pub cleaning: bool,
    /// Steps that are done, as far as they went.
    pub times: Vec<Took>,
    promotion: bool,
    steps: VecDeque<Step>,
    step: Option<Current>,
    /// Its database may be alive although it was to be killed.
    pub alive: bool,
    /// The data directory is a finished copy.
    pub copied: bool,
}

/// What a plan is about, for the history.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct About {
    /// Who was behind it.
    pub who: String,
    /// What was seen when it was made.
    pub evidence: String,
}

/// A step that is done.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Took {
    /// Its actions, for people.
    pub step: String,
    /// From its beginning to its end.
    pub took: Duration,
    /// What went wrong.
    pub error: Option<String>,
}

/// The step under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Current {
    step: Step,
    line: String,
    begun: Duration,
    actions: VecDeque<Action>,
    doing: Option<Doing>,
}

/// The action under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Doing {
    /// An adapter is at it.
    Act { ticket: Ticket, act: Act, by: Duration, then: Then },
    /// Looks.
    Looks { looks: &'static [Look], since: Duration },
    /// A question to the peer.
    Ask { since: Duration },
    /// The file that keeps the lease.
    Lease { by: Duration },
    /// A state of the world.
    Wait(Wait),
    /// The look between two slices of a drain.
    Drain { target: GtidPos, told: Duration, since: Duration },
}

impl Run {
    /// A plan that has not begun.
    pub fn new(cause: Cause, about: About, why: String, steps: Vec<Step>) -> Self {
        Self {
            cause,
            about,
            why,
            refusal: None,
            request: None,
            on: false,
            failures: Vec::new(),
            cleaning: false,
            times: Vec::new(),
            promotion: steps.contains(&Step::Confirm),
            steps: steps.into(),
            step: None,
            alive: false,
            copied: false,
        }
    }

    /// Whether this act is the one it waits for.
    pub fn waits_for(&self, ticket: Ticket) -> bool {
        matches!(self.doing(), Some(Doing::Act { ticket: own, .. }) if *own == ticket)
    }

    /// Whether it only waits for a state of the world, so that the active's half goes on meanwhile.
    pub fn is_waiting(&self) -> bool {
        matches!(self.doing(), Some(Doing::Wait(_)))
    }

    /// When it looks again at what it waits for.
    pub fn next_look(&self) -> Option<Duration> {
        match self.doing() {
            Some(Doing::Wait(wait)) => wait.again,
            _ => None,
        }
    }

    /// Whether it may be left as it is for a leaving.
    pub fn may_be_left(&self) -> bool {
        !self.leaves() && !matches!(self.doing(), Some(Doing::Act { act, .. }) if !act.may_be_left())
    }

    /// Whether it is a promotion that is not decided.
    pub fn promotes(&self) -> bool {
        self.promotion
    }

    /// Whether it is a leaving, which goes on past failures.
    pub fn leaves(&self) -> bool {
        self.on && self.refusal.is_none() && !self.cleaning
    }

    /// Whether this is the step under way.
    pub fn is_at(&self, step: &Step) -> bool {
        self.step.as_ref().is_some_and(|current| current.step == *step)
    }

    /// Whether it is writing the state.
    pub fn saves(&self) -> bool {
        matches!(self.doing(), Some(Doing::Act { act: Act::Save(_), .. }))
    }

    /// What is being done, for people.
    pub fn line(&self) -> &str {
        self.step.as_ref().map_or("", |current| &current.line)
    }

    /// Has it do these steps and no others.
    pub fn replace_steps(&mut self, steps: Vec<Step>) {
        self.steps = steps.into();
    }

    /// See [`Agent::age`].
    pub fn age(&mut self, by: Duration) {
        let older = |moment: &mut Duration| *moment = moment.saturating_sub(by);
        let Some(current) = &mut self.step else { return };
        older(&mut current.begun);
        match &mut current.doing {
            None => {}
            Some(Doing::Act { by: until, then, .. }) => {
                older(until);
                if let Then::Drain { told, .. } = then {
                    older(told);
                }
            }
            Some(Doing::Looks { since, .. } | Doing::Ask { since }) => older(since),
            Some(Doing::Lease { by: until }) => older(until),
            Some(Doing::Wait(wait)) => wait.age(by),
            Some(Doing::Drain { told, since, .. }) => {
                older(told);
                older(since);
            }
        }
    }

    /// See `Agent::forget`.
    #[cfg(feature = "model")]
    pub fn forget(&mut self) {
        self.why.clear();
        self.about.evidence.clear();
        self.times.clear();
        if let Some(current) = &mut self.step {
            current.begun = Duration::ZERO;
        }
    }

    /// Takes the action under way, which has come to its end.
    pub fn take_doing(&mut self) -> Option<Doing> {
        self.step.as_mut()?.doing.take()
    }

    fn doing(&self) -> Option<&Doing> {
        self.step.as_ref()?.doing.as_ref()
    }
}

impl Agent {
    /// Goes on with what is under way until something has to be waited for.
    pub(super) fn advance(&mut self, now: Duration, out: &mut Vec<Effect>) {
        loop {
            if self.must_leave_if_lost() && self.inbox.has_lost() {
                self.give_way(now, out);
            }
            if self.orders.is_some() || self.disk.must_drop() {
                return;
            }
            if let Some(run) = self.run.take() {
                let Some(run) = self.go_through(now, run, out) else { continue };
                self.run = Some(run);
                // Something more urgent may have come while an act was ending.
                return;
            }
            self.look_for_next(now);
            if self.looking.is_none() || !self.has_looked(now, out) {
                return;
            }
            self.plan_next(now, out);
        }
    }

    /// What is under way gives way to a leaving: that kills the database first, and
    /// what was ordered of it before can do nothing any more.
    fn give_way(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let Some(loss) = self.inbox.loss() else { return };
        if self.run.as_ref().is_some_and(Run::may_be_left) {
            self.supersede(now, &loss.to_string(), out);
        }
        if let Some(orders) = self.orders.take() {
            // Not known to be obeyed, so not so.
            self.active = Some(orders.before);
            self.grant = None;
        }
    }

    /// Goes on with a plan; `None` when it has come to its end.
    fn go_through(&mut self, now: Duration, mut run: Run, out: &mut Vec<Effect>) -> Option<Run> {
        loop {
            if run.step.is_none() && !self.begin_step(now, &mut run, out) {
                self.conclude(now, run, out);
                return None;
            }
            let ended = match self.check(now, &mut run, out) {
                Some(ended) => ended,
                None if run.doing().is_some() => return Some(run),
                None => match run.step.as_mut().and_then(|current| current.actions.pop_front()) {
                    None => {
                        self.end_step(now, &mut run, Ok(()), out);
                        continue;
                    }
                    Some(action) => match self.perform(now, &mut run, action, out) {
                        Some(ended) => ended,
                        None => continue,
                    },
                },
            };
            if let Some(current) = &mut run.step {
                current.doing = None;
            }
            if let Err(failure) = ended {
                self.end_step(now, &mut run, Err(failure), out);
            }
        }
    }

    /// Begins the next step; `false`: there is none.
    fn begin_step(&mut self, now: Duration, run: &mut Run, out: &mut Vec<Effect>) -> bool {
        loop {
            let Some(step) = run.steps.pop_front() else { return false };
            let actions: VecDeque<Action> = step.actions(&self.site).into();
            if actions.is_empty() {
                continue;
            }
            let line = step.describe(&self.site).join("; ");
            if let Some(id) = &run.request {
                out.push(Effect::Reply { id: id.clone(), reply: Reply::Step { text: line.clone() } });
            }
            out.push(Effect::Begin(step.clone()));
            run.step = Some(Current { step, line, begun: now, actions, doing: None });
            return true;
        }
    }

    pub(super) fn end_step(
        &mut self,
        now: Duration,
        run: &mut Run,
        result: Result<(), Failure>,
        out: &mut Vec<Effect>,
    ) {
        let Some(current) = run.step.take() else { return };
        self.acted = now;
        let error = result.as_ref().err().map(ToString::to_string);
        run.alive |= current.step == Step::FenceDatabase && result.is_err();
        run.times.push(Took { step: current.line, took: now.saturating_sub(current.begun), error });
        let Err(failure) = result else { return };
        if run.on {
            // The rest may wait long for the same reason (F17).
            let step = run.times.last().map_or("", |took| &took.step);
            out.push(Effect::Warn(format!("{step}: {failure}; going on")));
            run.failures.push(failure);
        } else {
            run.failures.push(failure);
            self.clean_up(now, run);
        }
    }

    /// Begins an action; its result if that is known at once.
    fn perform(
        &mut self,
        now: Duration,
        run: &mut Run,
        action: Action,
        out: &mut Vec<Effect>,
    ) -> Option<Result<(), Failure>> {
        match action {
            Action::Do(act) => self.order(now, run, act, Then::Done, out),
            Action::Try(act) => self.order(now, run, act, Then::Tolerate, out),
            Action::When(when, act) => match self.applies(when) {
                true => self.order(now, run, act, Then::Done, out),
                false => return Some(Ok(())),
            },
            Action::Write(change) => return self.write(now, run, &change, out),
            Action::Look(looks) => set(run, Doing::Looks { looks, since: now }),
            Action::Reachable if self.unreachable => {
                self.order(now, run, Act::Unreachable(false), Then::Tolerate, out);
            }
            Action::Reachable => return Some(Ok(())),
            Action::AskUnlessLeased => {
                if self.standby.lease(now, &self.known.relay).is_ok() {
                    return Some(Ok(()));
                }
                set(run, Doing::Ask { since: now });
            }
            Action::Claim => {
                // From here on the answer to the peer is "promoting"; whether there is a
                // lease the plan has seen in this very moment.
                let _ = self.standby.begin(now, &self.known.relay);
                return Some(Ok(()));
            }
            Action::DropLease(why) => {
                self.standby.void(&why);
                self.keep_lease(now, out);
                set(run, Doing::Lease { by: now + SHORT });
            }
            Action::FencePeer => {
                let command = self.site.fence_command();
                self.order(now, run, Act::Fence(command), Then::Fenced, out);
            }
            Action::Drain => return self.drain(now, run, out),
            Action::Confirm => return Some(self.confirm(now)),
            Action::DataMark => self.order(now, run, Act::DataMark, Then::Done, out),
            Action::SaveOwnTail => {
                let known = match self.known.heard.answer.as_deref() {
                    Ok(peer) => peer.binlog_state.clone(),
                    Err(silence) => return Some(Err(silent(silence))),
                };
                self.order(now, run, Act::SaveTail(Tail::Own(known)), Then::Done, out);
            }
            Action::SaveRelayLogs => {
                let Some(position) = unapplied(&self.known) else { return Some(Ok(())) };
                self.order(now, run, Act::SaveRelayLogs(position), Then::Tolerate, out);
            }
            Action::CompareHistories(limit) => set(run, Doing::Wait(Wait::for_histories(now, limit))),
            Action::Await(until, limit) => {
                if until == crate::action::Until::Solo && self.wants_solo_in_vain(now) {
                    return Some(Ok(()));
                }
                set(run, Doing::Wait(Wait::new(until, now, limit)));
            }
            Action::Alert(text) => {
                out.push(Effect::Alert { kind: "change", text });
                return Some(Ok(()));
            }
        }
        None
    }

    /// Going on alone is wanted; `true`: there is nothing to want.
    fn wants_solo_in_vain(&mut self, now: Duration) -> bool {
        let s = &self.state;
        if s.mode != Mode::Ap || s.role != Role::Active || s.solo {
            return true;
        }
        if let Some(active) = &mut self.active {
            active.want_solo(now);
            // From this very answer on: what is granted after it would be a lease alive.
            self.grant = None;
        }
        false
    }

    fn applies(&self, when: When) -> bool {
        let db = self.known.db.as_ref().ok();
        match when {
            When::Replica => db.is_some_and(|db| db.replica.is_some()),
            When::NoHistory => db.is_some_and(|db| db.binlog_state.is_empty()),
            When::PeerSilent => self.known.heard.answer.is_err(),
            When::Master => self.is_master(),
        }
    }

    /// Whether the action under way has come to its end.
    fn check(&mut self, now: Duration, run: &mut Run, out: &mut Vec<Effect>) -> Option<Result<(), Failure>> {
        match run.doing()?.clone() {
            // Whether it lands is not known, and a state that lands after it was given up would
            // say, after a restart, what is not so. A leaving alone goes on without.
            Doing::Act { ticket, act: act @ Act::Save(_), by, then } if now >= by && !run.on => {
                self.tell_news(now, NOT_WRITTEN, out);
                let by = now + self.deadline(&act);
                set(run, Doing::Act { ticket, act, by, then });
                None
            }
            Doing::Act { ticket, act, by, then } if now >= by => {
                if matches!(act, Act::Save(_)) {
                    self.disk.given_up(ticket);
                }
                let late = Failure::new(Exit::Deadline, format!("did not end in time: {}", run.line()));
                Some(self.after(now, run, &act, then, Err(late), out))
            }
            Doing::Act { .. } => None,
            Doing::Looks { looks, since } => {
                let mut all = true;
                for look in looks {
                    all &= self.want(now, *look, since, out);
                }
                all.then(|| self.looked(looks))
            }
            Doing::Ask { since } => {
                let deadline = self.site.config.pair.ask_timeout.get();
                self.want_peer(now, since, deadline, out).then_some(Ok(()))
            }
            Doing::Lease { by } => match self.lease_is_dropped() {
                Ok(true) => Some(Ok(())),
                Ok(false) if now < by => None,
                Ok(false) => Some(Err(Failure::new(Exit::Deadline, "the lease was not removed in time"))),
                Err(failure) => Some(Err(failure)),
            },
            Doing::Wait(mut wait) => {
                let ended = self.wait(now, run, &mut wait, out);
                match ended {
                    None => set(run, Doing::Wait(wait)),
                    Some(Err(failure)) if wait.tail.is_some() => {
                        let parts = wait.tail.take().unwrap_or_default();
                        self.order(now, run, Act::SaveTail(Tail::Parts(parts)), Then::Forked(failure), out);
                        return None;
                    }
                    Some(_) => {}
                }
                ended
            }
            Doing::Drain { target, told, since } => self.drain_on(now, run, (target, told, since), out),
        }
    }

    /// Looks that a plan needs must have found something.
    fn looked(&self, looks: &[Look]) -> Result<(), Failure> {
        match &self.known.db {
            Err(error) if looks.contains(&Look::Database) => Err(Failure::new(Exit::Unavailable, error.clone())),
            _ => Ok(()),
        }
    }

    /// The last look before the point of no return. So with the peer, once the lease
    /// is over; while one is alive, the active cannot have gone on alone.
    fn confirm(&mut self, now: Duration) -> Result<(), Failure> {
        let (relay, epoch) = (self.known.relay.clone(), self.state.epoch);
        let peer = self.known.heard.answer.as_deref().ok();
        self.standby
            .confirm(now, &relay, epoch, peer, self.known.gateway)
            .map_err(|evidence| Failure::refused(evidence, "bring the active back, then let this node catch up"))
    }
}

pub(super) fn set(run: &mut Run, doing: Doing) {
    if let Some(current) = &mut run.step {
        current.doing = Some(doing);
    }
}

pub(super) fn silent(silence: &str) -> Failure {
    Failure::new(Exit::Unavailable, format!("the peer does not answer any more: {silence}"))
}
