//! Time passes by making everything known older. No rule lies here.

use std::time::Duration;

#[cfg(feature = "model")]
use super::REOPEN;
use super::{Active, Phase, Standby};

impl Active {
    /// `by` passes, and it is the same moment again.
    pub fn shift(&mut self, by: Duration) {
        let older = |time: &mut Duration| *time = time.saturating_sub(by);
        [&mut self.ran, &mut self.moved, &mut self.changed].into_iter().for_each(older);
        self.suspect.iter_mut().for_each(older);
        match &mut self.phase {
            Phase::Solo { since } => older(since),
            Phase::Opening { on, target, since, .. } => {
                older(since);
                on.iter_mut().for_each(older);
                target.iter_mut().for_each(|(_, taken)| older(taken));
            }
            Phase::Whole { .. } => {}
            Phase::Revoking { since, silent } => {
                older(since);
                older(silent);
            }
        }
    }
}

impl Standby {
    /// `by` passes, and it is the same moment again.
    pub fn shift(&mut self, by: Duration) {
        let older = |time: &mut Duration| *time = time.saturating_sub(by);
        older(&mut self.claimed);
        self.lease.iter_mut().for_each(|(until, _)| older(until));
        self.asking.iter_mut().for_each(older);
        self.hold.iter_mut().for_each(|hold| older(&mut hold.ran));
    }
}

/// For the model checker: so that the states of a pair are finitely many however
/// long it runs.
#[cfg(feature = "model")]
impl Active {
    /// As [`Active::shift`], and it is `now`. Words for people are forgotten, and so
    /// is how old a thing is once that decides nothing more.
    pub fn age(&mut self, by: Duration, now: Duration) {
        self.shift(by);
        let timing = self.timing;
        let past = |time: &mut Duration, age: Duration| {
            if now.saturating_sub(*time) > age {
                *time = Duration::ZERO;
            }
        };
        match &mut self.phase {
            Phase::Solo { since } => {
                past(since, REOPEN);
                self.moved = Duration::ZERO;
            }
            Phase::Opening { on, target, since, .. } => {
                past(since, timing.stall);
                past(&mut self.moved, timing.stall);
                if let Some((_, taken)) = target {
                    *on = Some(Duration::ZERO);
                    past(taken, timing.lease);
                }
            }
            Phase::Whole { .. } => past(&mut self.moved, timing.stall),
            Phase::Revoking { .. } => {}
        }
        self.why.clear();
        self.changed = Duration::ZERO;
    }

    /// Whether silence would prove nothing.
    pub fn suspects(&self) -> bool {
        self.suspect.is_some()
    }
}

#[cfg(feature = "model")]
impl Standby {
    /// As [`Standby::shift`], and it is `now`. What has ended is as good as never there.
    pub fn age(&mut self, by: Duration, now: Duration) {
        self.shift(by);
        if self.claimed <= now {
            self.claimed = Duration::ZERO;
        }
        self.lease.take_if(|(until, _)| *until <= now);
        self.evidence.clear();
    }
}
