//! For the model checker: time passes by making everything known older, so that
//! the states of a pair are finitely many however long it runs.

use std::time::Duration;

use super::{Active, Phase, Standby};

impl Active {
    /// `by` passes, and words for people are forgotten. Times older than the
    /// oldest that matters become equal.
    pub fn age(&mut self, by: Duration) {
        let older = |time: &mut Duration| *time = time.saturating_sub(by);
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
        [&mut self.ran, &mut self.moved].into_iter().for_each(older);
        self.suspect.iter_mut().for_each(older);
        self.why.clear();
        self.changed = Duration::ZERO;
    }
}

impl Standby {
    /// See [`Active::age`].
    pub fn age(&mut self, by: Duration) {
        let older = |time: &mut Duration| *time = time.saturating_sub(by);
        older(&mut self.claimed);
        self.lease.iter_mut().for_each(|(until, _)| older(until));
        self.asking.iter_mut().for_each(older);
        self.hold.iter_mut().for_each(|hold| older(&mut hold.ran));
        self.evidence.clear();
    }
}
