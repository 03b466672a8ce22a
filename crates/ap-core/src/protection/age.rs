//! For the model checker: time passes by making everything known older, so that
//! the states of a pair are finitely many however long it runs. No rule lies here.

use std::time::Duration;

use super::{Active, Phase, REOPEN, Standby};

impl Active {
    /// `by` passes, and it is `now` again. Words for people are forgotten, and so
    /// is how old a thing is once that decides nothing more.
    pub fn age(&mut self, by: Duration, now: Duration) {
        let older = |time: &mut Duration| *time = time.saturating_sub(by);
        let timing = self.timing;
        let past = |time: &mut Duration, age: Duration| {
            if now.saturating_sub(*time) > age {
                *time = Duration::ZERO;
            }
        };
        [&mut self.ran, &mut self.moved].into_iter().for_each(older);
        self.suspect.iter_mut().for_each(older);
        match &mut self.phase {
            Phase::Solo { since } => {
                older(since);
                past(since, REOPEN);
                self.moved = Duration::ZERO;
            }
            Phase::Opening { on, target, since, .. } => {
                older(since);
                past(since, timing.stall);
                past(&mut self.moved, timing.stall);
                on.iter_mut().for_each(older);
                if let Some((_, taken)) = target {
                    *on = Some(Duration::ZERO);
                    older(taken);
                    past(taken, timing.lease);
                }
            }
            Phase::Whole { .. } => past(&mut self.moved, timing.stall),
            Phase::Revoking { since, silent } => {
                older(since);
                older(silent);
            }
        }
        self.why.clear();
        self.changed = Duration::ZERO;
    }

    /// Whether silence would prove nothing.
    pub fn suspects(&self) -> bool {
        self.suspect.is_some()
    }
}

impl Standby {
    /// See [`Active::age`]. What has ended by `now` is as good as never there.
    pub fn age(&mut self, by: Duration, now: Duration) {
        let older = |time: &mut Duration| *time = time.saturating_sub(by);
        older(&mut self.claimed);
        if self.claimed <= now {
            self.claimed = Duration::ZERO;
        }
        self.lease.iter_mut().for_each(|(until, _)| older(until));
        self.lease.take_if(|(until, _)| *until <= now);
        self.asking.iter_mut().for_each(older);
        self.hold.iter_mut().for_each(|hold| older(&mut hold.ran));
        self.evidence.clear();
    }
}
