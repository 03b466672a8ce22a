//! The standby's half: holding a lease.

use std::time::Duration;

use super::Timing;
use crate::answer::Answer;

/// What a standby knows of its right to promote. In memory only: a restart of
/// the program is a lease lost, never one invented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standby {
    timing: Timing,
    /// End of the lease and the relay log it was granted for.
    lease: Option<(Duration, String)>,
    /// When the question under way was sent.
    asking: Option<Duration>,
    /// Relay log named by an active that has fenced itself.
    word: Option<String>,
    /// Why there is no lease.
    evidence: String,
}

impl Standby {
    /// A standby that knows nothing yet.
    pub fn new(timing: Timing) -> Self {
        Self { timing, lease: None, asking: None, word: None, evidence: "the active was not asked yet".into() }
    }

    /// A lease kept over a restart of the program within one boot. The question
    /// that was under way is lost, and with it any grant it would have brought.
    pub fn resume(&mut self, until: Duration, relay: String) {
        self.lease = Some((until, relay));
    }

    /// The lease, for keeping: its end and the relay log it is for.
    pub fn kept(&self) -> Option<(Duration, &str)> {
        self.lease.as_ref().map(|(until, relay)| (*until, relay.as_str()))
    }

    /// A question is about to be sent.
    pub fn asking(&mut self, now: Duration) {
        self.asking = Some(now);
    }

    /// The answer to the question under way. `relay` names the own relay log now.
    pub fn answered(&mut self, answer: &Answer, relay: &str) {
        let Some(asked) = self.asking.take() else { return };
        let granted = !relay.is_empty() && answer.grant.as_deref() == Some(relay);
        self.word = (granted && answer.fenced).then(|| relay.to_owned());
        if granted && answer.serves() {
            self.lease = Some((asked + self.timing.lease, relay.to_owned()));
        } else if !answer.serves() {
            self.evidence = format!("{} does not serve (mode {}, role {})", answer.host, answer.mode, answer.role);
        } else if answer.solo {
            self.evidence = format!("{} acknowledges alone", answer.host);
        } else if answer.grant.is_some() {
            self.evidence =
                "the relay log here is not the one the active granted for: it was lost or begun anew".into();
        } else {
            self.evidence = format!("{} does not grant: no session is whole", answer.host);
        }
    }

    /// No answer came.
    pub fn silence(&mut self) {
        self.asking = None;
        self.word = None;
    }

    /// The lease is given up, and with it the question under way: promotion was
    /// refused or abandoned, or the node stops.
    pub fn void(&mut self, why: &str) {
        self.lease = None;
        self.asking = None;
        self.word = None;
        self.evidence = why.to_owned();
    }

    /// Whether there is a lease for another relay log than the one there is now:
    /// it can allow nothing any more, and an active that asks should not wait for its end.
    pub fn lost(&self, relay: &str) -> bool {
        self.lease.as_ref().is_some_and(|(_, of)| of != relay)
    }

    /// Whether this standby, with that relay log, may promote now.
    ///
    /// # Errors
    /// Why not.
    pub fn lease(&self, now: Duration, relay: &str) -> Result<(), String> {
        if relay.is_empty() {
            return Err("there is no running relay log".into());
        }
        if self.word.as_deref() == Some(relay) {
            return Ok(());
        }
        match &self.lease {
            Some((until, of)) if of == relay && now < *until => Ok(()),
            Some((_, of)) if of != relay => Err("the relay log was lost or begun anew since the active granted".into()),
            Some((until, _)) => Err(format!("the last one ended {} s ago", now.saturating_sub(*until).as_secs())),
            None => Err(self.evidence.clone()),
        }
    }

    /// What is left of the lease.
    pub fn left(&self, now: Duration) -> Duration {
        self.lease.as_ref().map_or(Duration::ZERO, |(until, _)| until.saturating_sub(now))
    }

    /// What the active is told: a lease is alive or a question is under way
    /// whose answer could become one. `false` is a promise.
    pub fn claims(&self, now: Duration) -> bool {
        self.asking.is_some() || self.left(now) > Duration::ZERO
    }
}
