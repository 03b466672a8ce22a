//! The standby's half: holding a lease, and promoting on it.

use std::time::Duration;

use super::Timing;
use crate::answer::Answer;
use crate::observed::Gateway;

/// What a standby knows of its right to promote. In memory only: a restart of
/// the program is a lease lost, never one invented.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Standby {
    timing: Timing,
    /// End of the lease and the relay log it was granted for.
    pub(super) lease: Option<(Duration, String)>,
    /// Latest end of any lease held, given up or not. Until then there is no
    /// promise: the file that keeps the lease for a restart of this program may
    /// still name one that was given up.
    pub(super) claimed: Duration,
    /// Epoch of the active that granted it.
    epoch: u64,
    /// When the question under way was sent.
    pub(super) asking: Option<Duration>,
    /// Relay log named by an active that has fenced itself.
    word: Option<String>,
    /// A promotion under way.
    pub(super) hold: Option<Hold>,
    /// Why there is no lease.
    pub(super) evidence: String,
}

/// A promotion under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Hold {
    /// The relay log that is drained.
    relay: String,
    /// Last time this program is known to have run.
    pub(super) ran: Duration,
    /// It did not run for a while since: the active may have met silence.
    broken: bool,
}

impl Standby {
    /// A standby that knows nothing yet.
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            lease: None,
            claimed: Duration::ZERO,
            epoch: 0,
            asking: None,
            word: None,
            hold: None,
            evidence: "the active was not asked yet".into(),
        }
    }

    /// A lease kept over a restart of the program within one boot. The question
    /// that was under way is lost, and with it any grant it would have brought.
    pub fn resume(&mut self, until: Duration, relay: String) {
        self.claimed = self.claimed.max(until);
        self.lease = Some((until, relay));
    }

    /// The lease, for keeping: its end and the relay log it is for.
    pub fn kept(&self) -> Option<(Duration, &str)> {
        self.lease.as_ref().map(|(until, relay)| (*until, relay.as_str()))
    }

    /// A question is about to be sent. Without a relay log it can bring no lease, so
    /// it is no claim either: an active whose standby has lost its database hears
    /// "no lease" even if the two always ask each other at the same moment (F6).
    pub fn asking(&mut self, now: Duration, relay: &str) {
        self.asking = (!relay.is_empty()).then_some(now);
    }

    /// The answer to the question under way. `relay` names the own relay log now.
    pub fn answered(&mut self, answer: &Answer, relay: &str) {
        let Some(asked) = self.asking.take() else { return };
        self.word(Some(answer), relay);
        if granted(answer, relay) && answer.serves() {
            let until = asked + self.timing.lease;
            self.claimed = self.claimed.max(until);
            self.lease = Some((until, relay.to_owned()));
            self.epoch = answer.epoch;
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

    /// What any other question brought, on which no lease is granted.
    /// The word of a fenced active has no end of its own, and an operator may have
    /// taken it back since (`set s` there): it is as good as the latest answer.
    pub fn word(&mut self, answer: Option<&Answer>, relay: &str) {
        let word = answer.is_some_and(|answer| answer.fenced && granted(answer, relay));
        self.word = word.then(|| relay.to_owned());
    }

    /// The lease is given up, and with it the question under way: promotion was
    /// refused or abandoned, or the node stops.
    pub fn void(&mut self, why: &str) {
        self.lease = None;
        self.asking = None;
        self.word = None;
        self.hold = None;
        self.evidence = why.to_owned();
    }

    /// The file that keeps the lease holds none any more: not even a restart of
    /// this program brings back what was given up, so "no lease" is a promise from
    /// here on, and an active that asks need not wait for the lease's end (F6).
    pub fn forgotten(&mut self) {
        self.claimed = Duration::ZERO;
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

    /// What the active is told: a lease is alive, or a question is under way
    /// whose answer could become one, or a promotion is. `false` is a promise.
    pub fn claims(&self, now: Duration) -> bool {
        self.asking.is_some() || self.hold.is_some() || now < self.claimed
    }

    /// Claims a promotion and looks at the lease, in one. From here on the peer is
    /// told that this node promotes itself, whatever the lease is: the planner
    /// may find the word of a fenced active instead. Refusing must [`Self::release`].
    ///
    /// Without this, a lease that ends between the look and the intention's way to
    /// the disk would be followed by a promise, and the promise by two writers.
    ///
    /// # Errors
    /// Why there is no lease.
    pub fn begin(&mut self, now: Duration, relay: &str) -> Result<(), String> {
        if self.hold.as_ref().is_none_or(|hold| hold.relay != relay) {
            self.hold = Some(Hold { relay: relay.to_owned(), ran: now, broken: false });
        }
        self.lease(now, relay)
    }

    /// The promotion was refused before it changed anything.
    pub fn release(&mut self) {
        self.hold = None;
    }

    /// Whether a promotion is claimed.
    pub fn promoting(&self) -> bool {
        self.hold.is_some()
    }

    /// This program runs. To be called several times within D/2.
    pub fn pulse(&mut self, now: Duration) {
        let longest = self.timing.gap / 2;
        if let Some(hold) = &mut self.hold {
            hold.broken |= now.saturating_sub(hold.ran) > longest;
            hold.ran = now;
        }
    }

    /// The last look before the point of no return; `peer`, `relay` and `gateway`
    /// must be fresh. A drain may have outlasted the lease: that is well as long
    /// as this program ran all the while, because an active that asks hears
    /// *promoting* and stalls. After a gap only a lease alive, or the word of a
    /// fenced active, tells that the active has not gone on alone meanwhile.
    ///
    /// # Errors
    /// Why the promotion must be abandoned.
    pub fn confirm(
        &mut self,
        now: Duration,
        relay: &str,
        epoch: u64,
        peer: Option<&Answer>,
        gateway: Gateway,
    ) -> Result<(), String> {
        self.pulse(now);
        let Some(hold) = &self.hold else { return Err("no promotion was begun".into()) };
        if relay != hold.relay {
            return Err("the relay log was lost or begun anew while it was drained".into());
        }
        match peer {
            // Its word names this relay log; that its epoch is followed may not be written yet.
            Some(peer) if peer.fenced && peer.grant.as_deref() == Some(relay) => return Ok(()),
            Some(peer) if peer.epoch > epoch => {
                return Err(format!("{} has epoch {}, this node {epoch}", peer.host, peer.epoch));
            }
            Some(peer) if peer.serves() && peer.solo => return Err(format!("{} went on alone meanwhile", peer.host)),
            Some(_) => {}
            None if gateway == Gateway::Silent => {
                return Err("neither the peer nor the gateway answers: this node is cut off".into());
            }
            None => {}
        }
        // Counting on from the epoch written down here would arrive at the active's
        // own, and neither node would know the other for the newer one.
        if self.epoch > epoch {
            return Err(format!("the lease is of epoch {}, and here epoch {epoch} is still followed", self.epoch));
        }
        if hold.broken {
            self.lease(now, relay).map_err(|evidence| {
                format!("this program did not run for a while during the promotion, and no lease: {evidence}")
            })?;
        }
        Ok(())
    }
}

/// Whether the answer grants for that relay log.
fn granted(answer: &Answer, relay: &str) -> bool {
    !relay.is_empty() && answer.grant.as_deref() == Some(relay)
}
