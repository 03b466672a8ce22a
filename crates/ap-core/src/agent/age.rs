//! Time passes by making everything known older, so that a search meets the same
//! state again however late it is. No rule lies here.

use std::time::Duration;

use super::Agent;

impl Agent {
    /// `by` passes, and it is the same moment again: every moment that is known moves
    /// back, those to come as well. An agent made older and told the same things does
    /// the same, which a test holds: a moment that is left out here shows there.
    pub fn age(&mut self, by: Duration) {
        let older = |moment: &mut Duration| *moment = moment.saturating_sub(by);
        self.known.heard.asked = self.known.heard.asked.saturating_sub(by);
        self.known.at.values_mut().for_each(older);
        self.known.looking.values_mut().for_each(older);
        self.known.units_silent.iter_mut().for_each(older);
        self.known.checks.values_mut().for_each(|(_, at)| older(at));
        self.inbox.stopped.values_mut().for_each(older);
        for question in &mut self.questions {
            older(&mut question.asked);
            older(&mut question.by);
        }
        self.active.iter_mut().for_each(|active| active.shift(by));
        self.standby.shift(by);
        self.lease_file.age(by);
        self.disk.age(by);
        older(&mut self.undo.1);
        if let Some(orders) = &mut self.orders {
            orders.age(by);
        }
        self.fence.running.iter_mut().for_each(|(_, until)| older(until));
        self.fence.ended.iter_mut().for_each(|(at, _)| older(at));
        self.looking.iter_mut().for_each(|looking| looking.age(by));
        self.run.iter_mut().for_each(|run| run.age(by));
        let due = &mut self.due;
        [&mut due.ask, &mut due.database, &mut due.gateway, &mut due.checks].into_iter().for_each(older);
        [&mut self.protected_since, &mut self.acted, &mut self.ticked].into_iter().for_each(older);
        [&mut self.reconciled, &mut self.refused, &mut self.blocked, &mut self.cut_off]
            .into_iter()
            .flatten()
            .for_each(older);
        self.failing.iter_mut().for_each(|(_, at)| older(at));
        self.published.iter_mut().for_each(|(_, at)| older(at));
    }
}

/// For the model checker (crates/ap-model). No rule lies here.
#[cfg(feature = "model")]
impl Agent {
    /// Forgets what decides nothing any more at `now`, so that states which differ in that
    /// alone are one: words for people, what was published, and how long ago a thing was
    /// that was long enough ago. What it does from here on is the same, which a test holds.
    pub fn forget(&mut self, now: Duration) {
        let over = |moment: &mut Duration| {
            if *moment <= now {
                *moment = Duration::ZERO;
            }
        };
        let since = |moment: Duration| now.saturating_sub(moment);
        let due = &mut self.due;
        [&mut due.ask, &mut due.database, &mut due.gateway, &mut due.checks].into_iter().for_each(over);
        over(&mut self.undo.1);
        self.disk.forget(now);
        self.lease_file.forget(now);
        self.standby.forget(now);
        self.active.iter_mut().for_each(|active| active.forget(now));
        if let Some(run) = &mut self.run {
            run.forget();
        } else {
            self.reconciled.take_if(|at| since(*at) >= super::RECONCILE);
        }
        if self.known.is_fresh(super::Look::Database, self.acted) {
            self.acted = Duration::ZERO;
        }
        self.forget_question();
        self.refused.take_if(|at| since(*at) >= super::looks::REFUSED);
        self.cut_off.iter_mut().filter(|at| since(**at) >= super::CUT_OFF).for_each(|at| *at = Duration::ZERO);
        forget_words(&mut self.state);
        self.protection.clear();
        (self.protected_since, self.ticked) = (Duration::ZERO, Duration::ZERO);
        self.failing.clear();
        (self.event, self.published) = (None, None);
    }

    /// What was seen at this very moment was seen a moment ago: what comes next comes later.
    pub fn blink(&mut self, now: Duration) {
        let ago = now.saturating_sub(Duration::from_nanos(1));
        self.known.at.values_mut().for_each(|at| *at = (*at).min(ago));
        self.known.heard.asked = self.known.heard.asked.min(ago);
        self.acted = self.acted.min(ago);
    }

    /// When the peer was last asked, once nothing compares that with anything.
    fn forget_question(&mut self) {
        let asked = &mut self.known.heard.asked;
        let promoting = self.known.heard.answer.as_ref().is_ok_and(|peer| peer.promoting);
        let last = self.questions.iter().all(|question| question.asked > *asked);
        let idle = last && self.run.is_none() && self.looking.is_none() && self.orders.is_none();
        if let Some(active) = &mut self.active {
            active.forget_change(*asked);
        }
        if idle && !promoting && self.active.as_ref().is_none_or(|active| !active.counts_questions()) {
            *asked = Duration::ZERO;
        }
    }

    /// Its active's half forgets its suspicion: shows what that is for.
    pub fn trust(&mut self) {
        self.active.iter_mut().for_each(crate::protection::Active::trust);
    }

    /// Takes it that it has run until now: shows what it is for to know better.
    pub fn overlook(&mut self, now: Duration) {
        self.active.iter_mut().for_each(|active| active.overlook(now));
        self.standby.overlook(now);
    }
}

/// Without words that only people read.
#[cfg(feature = "model")]
fn forget_words(state: &mut crate::state::State) {
    state.why.clear();
    if let Some(crate::state::Intention::Leave { why }) = &mut state.intention {
        why.clear();
    }
}
