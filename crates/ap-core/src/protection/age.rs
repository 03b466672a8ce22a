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

/// For the model checker (crates/ap-model).
#[cfg(feature = "model")]
impl Active {
    /// See `Agent::forget`.
    pub fn forget(&mut self, now: Duration) {
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
    }

    /// When it last changed, once the peer was asked since.
    pub fn forget_change(&mut self, asked: Duration) {
        if self.changed < asked {
            self.changed = Duration::ZERO;
        }
    }

    /// Whether it matters when the last question was sent.
    pub fn counts_questions(&self) -> bool {
        let phase = match &self.phase {
            Phase::Solo { .. } | Phase::Whole { .. } => false,
            Phase::Opening { target, .. } => target.is_some(),
            Phase::Revoking { .. } => true,
        };
        phase || self.suspect.is_some()
    }

    /// Forgets its suspicion: shows what that is for.
    pub fn trust(&mut self) {
        self.suspect = None;
    }

    /// Takes it that it has run until now: shows what it is for to know better.
    pub fn overlook(&mut self, now: Duration) {
        self.ran = now;
    }
}

#[cfg(feature = "model")]
impl Standby {
    /// See `Agent::forget`. What has ended is as good as over for long.
    pub fn forget(&mut self, now: Duration) {
        let ended = |until: &mut Duration| {
            if *until <= now {
                *until = Duration::ZERO;
            }
        };
        ended(&mut self.claimed);
        self.lease.iter_mut().for_each(|(until, _)| ended(until));
        self.evidence.clear();
    }
    /// Takes it that it has run until now: shows what it is for to know better.
    pub fn overlook(&mut self, now: Duration) {
        self.hold.iter_mut().for_each(|hold| hold.ran = now);
    }
}
