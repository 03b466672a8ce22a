//! Both halves of the protocol between the two nodes: questions and answers, the
//! lease and the file that keeps it, grants, and going on alone.

use std::collections::VecDeque;
use std::time::Duration;

use super::effect::{Act, Effect, Failure, Lease, Look, Ticket};
use super::known::Heard;
use super::run::NOT_WRITTEN;
use super::{Agent, TICK};
use crate::action::{Change, semi_sync};
use crate::answer::Answer;
use crate::mode::{Mode, Role};
use crate::plan::{Cause, leave};
use crate::protection::{Active, DbView, Order, View};

/// After a failure the fence command is tried again this much later.
const FENCE_AGAIN: Duration = Duration::from_secs(10);
/// An adapter that does not even say that there was no answer.
const MARGIN: Duration = Duration::from_millis(500);
/// The lease is given up for it.
const RELAY_LOST: &str = "the relay log was lost or begun anew since the active granted";

/// A question to the peer that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// When it was sent (time since boot).
    pub asked: Duration,
    /// When its answer is too late (time since boot).
    pub by: Duration,
    /// One of those that are asked twice a second, and on which a lease is granted.
    pub regular: bool,
}

/// What the file holds that keeps the lease for a restart of the program. It never
/// brings back, after a restart, a lease that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LeaseFile {
    /// What was last ordered to be kept; `None`: that is not known.
    ordered: Option<Option<Lease>>,
    /// Orders whose end is not known.
    under_way: u32,
    /// Why it could not be written, and when that was (time since boot).
    error: Option<(String, Duration)>,
}

impl LeaseFile {
    /// As found at the start.
    pub fn new(lease: Option<Lease>) -> Self {
        Self { ordered: Some(lease), under_way: 0, error: None }
    }

    /// Surely none is kept.
    pub fn is_empty(&self) -> bool {
        self.under_way == 0 && self.ordered == Some(None)
    }

    /// See [`Agent::age`].
    pub fn age(&mut self, by: Duration) {
        if let Some(Some((until, _))) = &mut self.ordered {
            *until = until.saturating_sub(by);
        }
        if let Some((_, at)) = &mut self.error {
            *at = at.saturating_sub(by);
        }
    }

    /// See `Agent::forget`.
    #[cfg(feature = "model")]
    pub fn forget(&mut self, now: Duration) {
        if let Some(Some((until, _))) = &mut self.ordered
            && *until <= now
        {
            *until = Duration::ZERO;
        }
    }
}

/// Orders of the active's half, obeyed one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Orders {
    /// What it knew before it gave them: not obeyed, so not so.
    pub(super) before: Active,
    order: Order,
    rest: VecDeque<Order>,
    ticket: Option<Ticket>,
    save: Option<Box<crate::state::State>>,
    by: Duration,
}

impl Orders {
    /// Whether this act is one of them.
    pub fn waits_for(&self, ticket: Ticket) -> bool {
        self.ticket == Some(ticket)
    }

    /// Whether the state is being written.
    pub fn saves(&self) -> bool {
        self.save.is_some()
    }

    /// See [`Agent::age`].
    pub fn age(&mut self, by: Duration) {
        self.before.shift(by);
        self.by = self.by.saturating_sub(by);
    }
}

/// The fence command's fate since the peer fell silent, before going on alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Fence {
    /// It runs, until then at the longest (time since boot).
    pub running: Option<(Ticket, Duration)>,
    /// When it ended, and whether well.
    pub ended: Option<(Duration, bool)>,
}

impl Agent {
    /// One of the questions that are asked twice a second. Who is not meant to run
    /// takes no lease, and so asks for none.
    pub(super) fn ask_regularly(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let deadline = self.site.config.pair.ask_timeout.get();
        let asked = self.ask(now, deadline, true, out);
        if self.started {
            self.standby.asking(asked, &self.known.relay);
        }
    }

    /// Asks the peer and returns the moment that names the question.
    pub(super) fn ask(&mut self, now: Duration, deadline: Duration, regular: bool, out: &mut Vec<Effect>) -> Duration {
        // The moment names the question, so that of a regular one is another than that of
        // one that is asked at the same time. Earlier is safe: a lease ends earlier.
        let mut asked = if regular { now.saturating_sub(Duration::from_nanos(1)) } else { now };
        while self.questions.iter().any(|question| question.asked == asked) {
            asked = asked.saturating_sub(Duration::from_nanos(1));
        }
        self.questions.push(Question { asked, by: now + deadline + MARGIN, regular });
        out.push(Effect::Ask { asked, deadline });
        asked
    }

    /// Whether the peer was asked since, and has answered or not; otherwise asks.
    pub(super) fn want_peer(
        &mut self,
        now: Duration,
        since: Duration,
        deadline: Duration,
        out: &mut Vec<Effect>,
    ) -> bool {
        if self.known.heard.asked >= since {
            return true;
        }
        if !self.questions.iter().any(|question| !question.regular && question.asked >= since) {
            self.ask(now, deadline, false, out);
        }
        false
    }

    pub(super) fn heard(&mut self, asked: Duration, answer: Result<Box<Answer>, String>, out: &mut Vec<Effect>) {
        let Some(at) = self.questions.iter().position(|question| question.asked == asked) else { return };
        let question = self.questions.swap_remove(at);
        let relay = self.known.relay.clone();
        if question.regular {
            match &answer {
                Ok(answer) => {
                    self.standby.answered(answer, &relay);
                    out.push(Effect::KeepPeer(answer.clone()));
                }
                Err(_) => self.standby.silence(),
            }
        }
        // Of two questions the later one counts, whichever is answered first.
        if asked >= self.known.heard.asked {
            self.known.heard = Heard { asked, answer };
        }
        self.standby.word(self.known.heard.answer.as_deref().ok(), &relay);
        if self.known.heard.answer.is_ok() {
            self.fence_forget();
        }
    }

    /// Questions whose end nobody tells were met by silence.
    pub(super) fn give_up_questions(&mut self, now: Duration) {
        let late: Vec<Duration> = self.questions.iter().filter(|it| now >= it.by).map(|it| it.asked).collect();
        for asked in late {
            self.heard(asked, Err("no answer in time".into()), &mut Vec::new());
        }
    }

    /// The relay log of the lease is gone, or nobody can say whether it is.
    pub(super) fn check_lease(&mut self) {
        if self.standby.lost(&self.known.relay) {
            self.standby.void(RELAY_LOST);
        }
    }

    /// Has the file keep what there is. What was given up is off the disk first:
    /// only then is "no lease" a promise, on which the active need not wait for the
    /// lease's end (F6).
    pub(super) fn keep_lease(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if self.lease_file.error.as_ref().is_some_and(|(_, at)| now.saturating_sub(*at) < TICK) {
            return;
        }
        let lease = self.standby.kept().map(|(until, relay)| (until, relay.to_owned()));
        if self.lease_file.ordered.as_ref() != Some(&lease) && self.lease_file.under_way == 0 {
            self.lease_file.ordered = Some(lease.clone());
            self.lease_file.under_way += 1;
            out.push(Effect::KeepLease(lease));
        }
    }

    pub(super) fn lease_kept(&mut self, now: Duration, result: Result<Option<Lease>, String>, out: &mut Vec<Effect>) {
        self.lease_file.under_way = self.lease_file.under_way.saturating_sub(1);
        match result {
            Ok(kept) => {
                self.lease_file.error = None;
                if kept.is_none() && self.standby.kept().is_none() {
                    self.standby.forgotten();
                }
            }
            Err(error) => {
                // Tried again after a moment.
                self.lease_file.ordered = None;
                if self.is_news(now, &error) {
                    out.push(Effect::Warn(error.clone()));
                }
                self.lease_file.error = Some((error, now));
            }
        }
    }

    /// Whether the lease is given up, off the disk as well.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub(super) fn lease_is_dropped(&self) -> Result<bool, Failure> {
        match &self.lease_file.error {
            Some((error, _)) => Err(Failure::new(crate::exit::Exit::CannotWrite, error.clone())),
            None => Ok(self.lease_file.is_empty()),
        }
    }

    /// One look at the protection; does nothing unless this node is active in a pair,
    /// nor while something is being done: what was seen before counts no more.
    pub(super) fn protect(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let late = || Err(Failure::new(crate::exit::Exit::Deadline, "did not end in time"));
        self.await_orders(now, out);
        if self.orders.as_ref().is_some_and(|orders| now >= orders.by && !orders.saves()) {
            self.order_ended(now, late(), out);
        }
        if self.fence.running.is_some_and(|(_, by)| now >= by) {
            self.fence_ended(now, &late(), out);
        }
        if self.orders.is_some() || self.run.as_ref().is_some_and(|run| !run.is_waiting()) {
            return;
        }
        let Some(mut active) = self.active.take() else {
            self.unprotected(now, "");
            return;
        };
        let s = &self.state;
        let serves = s.mode == Mode::Ap && s.role == Role::Active && !s.fenced && !self.is_leaving();
        if !serves || !self.started {
            self.active = Some(active);
            self.unprotected(now, "not serving");
            return;
        }
        let before = active.clone();
        let (orders, fence) = self.step(now, &mut active);
        if active.grant().is_none() || active.grant() != self.grant.as_deref() {
            // A grant ends here and now, whatever the orders take; a new one begins when
            // they have been obeyed.
            self.grant = None;
        }
        self.active = Some(active);
        if fence {
            self.fence_start(now, out);
        }
        self.obey(now, before, orders.into(), out);
    }

    /// A write that lands after it was given up would say, after a restart, what is not so.
    fn await_orders(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if let Some(orders) = self.orders.as_mut().filter(|orders| orders.saves() && now >= orders.by) {
            orders.by = now + TICK;
            self.tell_news(now, NOT_WRITTEN, out);
        }
    }

    /// What the active's half makes of it, and whether the fence command is all that
    /// is missing.
    fn step(&mut self, now: Duration, active: &mut Active) -> (Vec<Order>, bool) {
        let fence_missing = self.fence_missing();
        let view = View {
            db: self.known.db.as_ref().ok().filter(|db| !db.read_only).map(|db| DbView {
                at: self.known.seen_at(Look::Database),
                semi_sync: db.semi_sync,
                clients: db.semi_sync_clients,
                waiting: db.semi_sync_waiting,
                acknowledged: db.semi_sync_acknowledged,
                binlog_pos: db.binlog_pos.clone(),
            }),
            asked: self.known.heard.asked,
            peer: self.known.peer(),
            gateway: self.known.gateway,
            epoch: self.state.epoch,
            fence_missing,
        };
        // Only silence calls for the fence, and only once nothing else is missing.
        let free = View { fence_missing: false, ..view.clone() };
        let fence =
            fence_missing && view.peer.is_none() && active.clone().step(now, &free).contains(&Order::Solo(true));
        (active.step(now, &view), fence)
    }

    /// Obeys orders until one takes time.
    fn obey(&mut self, now: Duration, before: Active, mut orders: VecDeque<Order>, out: &mut Vec<Effect>) {
        while let Some(order) = orders.pop_front() {
            let (act, save) = match &order {
                Order::Say(text) => {
                    self.tell("protection", text, out);
                    continue;
                }
                Order::Leave(why) => {
                    self.orders = None;
                    self.publish_protection(now);
                    self.supersede(now, &format!("this node leaves: {why}"), out);
                    if let Some(looking) = self.looking.take() {
                        self.inbox.put_back(looking.cause);
                    }
                    let plan = leave(&self.state, why);
                    self.begin(now, &Cause::Look, plan, why.clone(), out);
                    return;
                }
                Order::SemiSync(on) => (semi_sync(*on), None),
                Order::Solo(solo) => match self.changed(&Change::Solo(*solo), "") {
                    Some(state) => (Act::Save(state.clone()), Some(state)),
                    None => continue,
                },
                Order::Granted(relay) => match self.changed(&Change::Granted(relay.clone()), "") {
                    Some(state) => (Act::Save(state.clone()), Some(state)),
                    None => continue,
                },
            };
            let by = now + self.deadline(&act);
            let ticket = Some(self.send(act, out));
            self.orders = Some(Orders { before, order, rest: orders, ticket, save, by });
            return;
        }
        self.publish_protection(now);
    }

    pub(super) fn order_ended(&mut self, now: Duration, result: Result<String, Failure>, out: &mut Vec<Effect>) {
        let Some(orders) = self.orders.take() else { return };
        if orders.saves() {
            self.disk.written(result.is_ok());
        }
        match result {
            Ok(_) => {
                if let Some(state) = orders.save {
                    self.state = *state;
                }
                self.obey(now, orders.before, orders.rest, out);
            }
            Err(failure) => {
                // Not obeyed, so not so: decided again at the next look, nothing granted.
                self.active = Some(orders.before);
                let what = match &orders.order {
                    Order::SemiSync(true) => "failed to switch semi-sync on",
                    Order::SemiSync(false) => "failed to switch semi-sync off",
                    _ => "failed to write state.toml",
                };
                let text = format!("{what}: {failure}; tried again");
                self.tell_news(now, &text, out);
                self.publish_protection(now);
            }
        }
    }

    /// The state after a change; `None` if it changes nothing.
    pub(super) fn changed(&self, change: &Change, why: &str) -> Option<Box<crate::state::State>> {
        let after = change.apply(&self.state, why);
        (after != self.state).then(|| Box::new(after))
    }

    fn publish_protection(&mut self, now: Duration) {
        let Some(active) = &self.active else { return };
        let word = if active.protected() { "PROTECTED" } else { "UNPROTECTED" };
        let (protected, text) = (active.protected(), format!("{word}: {}", active.why().0));
        self.grant = active.grant().map(str::to_owned);
        self.see_protection(now, protected, text);
    }

    /// What a node that is not an active at work says: a standby is as good as its lease.
    fn unprotected(&mut self, now: Duration, why: &str) {
        self.grant = None;
        let standby = self.state.mode == Mode::Ap && self.state.role == Role::Standby;
        let (protected, text) = match (standby, why) {
            (true, _) => match self.standby.lease(now, &self.known.relay) {
                Ok(()) => (true, "PROTECTED: holds a lease".into()),
                Err(evidence) => (false, format!("UNPROTECTED: {evidence}")),
            },
            (false, "") => (false, format!("UNPROTECTED: mode {}", self.state.mode)),
            (false, why) => (false, format!("UNPROTECTED: {why}")),
        };
        self.see_protection(now, protected, text);
    }

    fn see_protection(&mut self, now: Duration, protected: bool, text: String) {
        if protected != self.protected {
            self.protected_since = now;
        }
        (self.protected, self.protection) = (protected, text);
    }

    /// Whether going on alone on silence must wait for the command: for its end, and
    /// for its success where that is required.
    fn fence_missing(&self) -> bool {
        if self.site.config.fence.command.is_empty() {
            return false;
        }
        self.fence.running.is_some()
            || self.fence.ended.is_none_or(|(_, well)| !well && self.site.config.fence.required)
    }

    /// The peer speaks: what was done to it is over.
    fn fence_forget(&mut self) {
        if self.fence.running.is_none() {
            self.fence.ended = None;
        }
    }

    /// Runs the command, unless it runs or failed a moment ago.
    fn fence_start(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let lately = |at: Duration| now.saturating_sub(at) < FENCE_AGAIN;
        if self.fence.running.is_none() && !self.fence.ended.is_some_and(|(at, _)| lately(at)) {
            let act = Act::Fence(self.site.fence_command());
            let by = now + self.deadline(&act);
            self.fence.running = Some((self.send(act, out), by));
        }
    }

    pub(super) fn fence_ended(&mut self, now: Duration, result: &Result<String, Failure>, out: &mut Vec<Effect>) {
        self.fence = Fence { running: None, ended: Some((now, result.is_ok())) };
        self.tell_fence(result, out);
    }

    /// Into the history: what the fence command came to.
    pub(super) fn tell_fence(&self, result: &Result<String, Failure>, out: &mut Vec<Effect>) {
        let command = self.site.fence_command().join(" ");
        let text = match result {
            Ok(_) => format!("done: {command}"),
            Err(failure) => format!("failed: {command}: {failure}"),
        };
        self.tell("fence", &text, out);
    }
}
