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
            let until = asked + self.timing.lease;
            self.claimed = self.claimed.max(until);
            self.lease = Some((until, relay.to_owned()));
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

    /// The lease is given up: promotion was refused or abandoned.
    pub fn void(&mut self, why: &str) {
        self.lease = None;
        self.word = None;
        self.hold = None;
        self.evidence = why.to_owned();
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
            Some(peer) if peer.epoch > epoch => {
                return Err(format!("{} has epoch {}, this node {epoch}", peer.host, peer.epoch));
            }
            Some(peer) if peer.serves() && peer.solo => return Err(format!("{} went on alone meanwhile", peer.host)),
            // As at the beginning: adverts do not get through, or the VIP went back.
            Some(peer) if peer.serves() && peer.vip => {
                return Err(format!("{} is active and holds the VIP", peer.host));
            }
            Some(peer) if peer.fenced && peer.grant.as_deref() == Some(relay) => return Ok(()),
            Some(_) => {}
            None if gateway == Gateway::Silent => {
                return Err("neither the peer nor the gateway answers: this node is cut off".into());
            }
            None => {}
        }
        if hold.broken {
            self.lease(now, relay).map_err(|evidence| {
                format!("this program did not run for a while during the promotion, and no lease: {evidence}")
            })?;
        }
        Ok(())
    }
}
