//! The active's half: sessions, grants, and going on alone.

use std::time::Duration;

use super::{CLOSE, REOPEN, Timing};
use crate::answer::Answer;
use crate::gtid::GtidPos;
use crate::mode::{Mode, Role};
use crate::observed::Gateway;

/// Where the active stands with its standby.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Acknowledges alone; semi-sync is off.
    Solo {
        /// When semi-sync went off.
        since: Duration,
    },
    /// Semi-sync was ordered on; the standby has not yet received all of before.
    Opening {
        /// When the order to switch on had been obeyed.
        on: Option<Duration>,
        /// Position to be received, known once semi-sync is seen on, and when it was taken.
        target: Option<(GtidPos, Duration)>,
        /// The standby's relay log.
        relay: String,
        /// When this began.
        since: Duration,
    },
    /// Everything acknowledged is on the standby; leases are granted.
    Whole {
        /// The standby's relay log.
        relay: String,
    },
    /// Commits may wait and nothing is granted any more.
    Revoking {
        /// When granting stopped.
        since: Duration,
        /// Beginning of the unbroken silence.
        silent: Duration,
    },
}

/// What the own database says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DbView {
    /// When this look at it began.
    pub at: Duration,
    /// Semi-sync is on.
    pub semi_sync: bool,
    /// Semi-sync replicas connected.
    pub clients: u32,
    /// Commits that wait.
    pub waiting: u32,
    /// Commits acknowledged so far; any number that moves when one is.
    pub acknowledged: u64,
    /// Own position.
    pub binlog_pos: GtidPos,
}

/// What the active sees at one moment.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// The own database; `None` when it does not answer.
    pub db: Option<DbView>,
    /// When the last question that has come to an end was sent.
    pub asked: Duration,
    /// The answer to it; `None` when it was met by silence.
    pub peer: Option<&'a Answer>,
    /// The way out.
    pub gateway: Gateway,
    /// Own epoch.
    pub epoch: u64,
    /// A required fence command has not yet succeeded.
    pub fence_missing: bool,
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Order {
    /// Write `solo` into the state, durably, before what follows.
    Solo(bool),
    /// Write the name of the relay log that holds everything acknowledged.
    Granted(Option<String>),
    /// Switch semi-sync.
    SemiSync(bool),
    /// The peer was promoted: leave.
    Leave(String),
    /// Tell the operator.
    Say(String),
}

/// The active's memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Active {
    pub(super) timing: Timing,
    pub(super) phase: Phase,
    /// Last time `step` ran.
    pub(super) ran: Duration,
    /// Last time an acknowledgement was seen, or nothing waited.
    pub(super) moved: Duration,
    acknowledged: u64,
    /// Since this moment the standby may have been promoted unseen, and have
    /// acknowledged, and have died: silence proves nothing until it has answered
    /// a later question.
    pub(super) suspect: Option<Duration>,
    /// An operator wants to go on alone.
    wanted_solo: bool,
    pub(super) why: String,
    pub(super) changed: Duration,
}

impl Active {
    /// At the program's start or on becoming active. Not solo means: a grant may
    /// have been given just now, and the standby may have been promoted while
    /// nobody here listened.
    pub fn new(timing: Timing, now: Duration, solo: bool) -> Self {
        let phase = if solo { Phase::Solo { since: now } } else { Phase::Revoking { since: now, silent: now } };
        Self {
            timing,
            phase,
            ran: now,
            moved: now,
            acknowledged: 0,
            suspect: (!solo).then_some(now),
            wanted_solo: false,
            why: if solo { "alone".into() } else { "no session yet".into() },
            changed: now,
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Relay log for which a lease is granted now.
    pub fn grant(&self) -> Option<&str> {
        match &self.phase {
            Phase::Whole { relay } => Some(relay),
            _ => None,
        }
    }

    /// Whether each acknowledged write is on both nodes.
    pub fn protected(&self) -> bool {
        matches!(self.phase, Phase::Whole { .. })
    }

    /// Why it is so, and since when (time since boot).
    pub fn why(&self) -> (&str, Duration) {
        (&self.why, self.changed)
    }

    /// An operator takes the node out of the pair: stop granting, go alone when
    /// allowed. That the standby was not promoted unseen is then the operator's word.
    pub fn want_solo(&mut self, now: Duration) {
        self.wanted_solo = true;
        if !matches!(self.phase, Phase::Solo { .. } | Phase::Revoking { .. }) {
            self.revoke(now, "an operator takes this node out of the pair");
        }
    }

    /// The wish is over, granted or not.
    pub fn want_pair(&mut self) {
        self.wanted_solo = false;
    }

    /// One look. To be called often; a gap longer than D counts as frozen.
    pub fn step(&mut self, now: Duration, view: &View<'_>) -> Vec<Order> {
        let gap = now.saturating_sub(self.ran);
        self.ran = now;
        let said = if gap > self.timing.gap { self.after_gap(now, gap) } else { None };
        self.suspicion(now, gap, view);
        // Whether or not it still serves: one that was promoted, and was put into `m`
        // since, truly holds no lease, and that is no promise: it has acknowledged.
        if let Some(peer) = view.peer
            && peer.epoch > view.epoch
        {
            return vec![Order::Leave(format!(
                "{} was promoted: epoch {} against {} here",
                peer.host, peer.epoch, view.epoch
            ))];
        }
        if let Some(db) = &view.db
            && (db.waiting == 0 || db.acknowledged != self.acknowledged)
        {
            self.acknowledged = db.acknowledged;
            self.moved = now;
        }
        let orders = match self.phase.clone() {
            Phase::Solo { since } => self.solo(now, since, view),
            Phase::Opening { on, target, relay, since } => self.opening(now, on, target, relay, since, view),
            Phase::Whole { relay } => self.whole(now, &relay, view),
            Phase::Revoking { since, silent } => self.revoking(now, since, silent, view),
        };
        said.into_iter().chain(orders).collect()
    }

    /// Whoever did not run cannot say for how long the peer was silent.
    fn after_gap(&mut self, now: Duration, gap: Duration) -> Option<Order> {
        match &mut self.phase {
            Phase::Solo { .. } => None,
            Phase::Revoking { silent, .. } => {
                *silent = now;
                None
            }
            _ => {
                let why = format!("this program did not run for {} ms", gap.as_millis());
                self.revoke(now, &why);
                Some(Order::Say(format!("UNPROTECTED: {why}; commits wait")))
            }
        }
    }

    /// Whether the standby may have been promoted unseen. Granting goes on: that
    /// this node is suspicious only counts once the standby is silent.
    fn suspicion(&mut self, now: Duration, gap: Duration, view: &View<'_>) {
        if gap > self.timing.takeover {
            self.suspect = Some(now);
        }
        match view.peer {
            Some(peer) if peer.promoting => self.suspect = Some(view.asked),
            Some(_) if self.suspect.is_some_and(|since| view.asked > since) => self.suspect = None,
            Some(_) => {}
            // Cut off: the standby may be the one that is not.
            None if view.gateway == Gateway::Silent => self.suspect = Some(now),
            None => {}
        }
    }

    fn enter(&mut self, now: Duration, phase: Phase, why: &str) {
        self.phase = phase;
        self.why = why.to_owned();
        self.changed = now;
        self.moved = now;
    }

    fn revoke(&mut self, now: Duration, why: &str) {
        self.enter(now, Phase::Revoking { since: now, silent: now }, why);
    }

    /// Commits wait and nothing comes back, or the replica is gone.
    fn trouble(&self, now: Duration, db: &DbView) -> Option<&'static str> {
        if db.clients == 0 {
            Some("the standby is not connected")
        } else if db.waiting > 0 && now.saturating_sub(self.moved) >= self.timing.stall {
            Some("the standby does not acknowledge")
        } else {
            None
        }
    }

    fn solo(&mut self, now: Duration, since: Duration, view: &View<'_>) -> Vec<Order> {
        let (Some(db), Some(peer)) = (&view.db, view.peer) else { return Vec::new() };
        let ready = !self.wanted_solo
            && db.clients > 0
            && now.saturating_sub(since) >= REOPEN
            && is_standby(peer)
            && db.binlog_pos.ahead_of(&peer.io_pos) <= CLOSE;
        if !ready {
            return Vec::new();
        }
        let phase = Phase::Opening { on: None, target: None, relay: peer.relay.clone(), since: now };
        self.enter(now, phase, "a session is opening");
        vec![Order::Solo(false), Order::SemiSync(true)]
    }

    fn opening(
        &mut self,
        now: Duration,
        on: Option<Duration>,
        target: Option<(GtidPos, Duration)>,
        relay: String,
        since: Duration,
        view: &View<'_>,
    ) -> Vec<Order> {
        // The order to switch on was obeyed before this next step.
        let on = on.unwrap_or(now);
        self.phase = Phase::Opening { on: Some(on), target: target.clone(), relay: relay.clone(), since };
        let Some(db) = &view.db else { return Vec::new() };
        if now.saturating_sub(since) > self.timing.stall
            && let Some(why) = self.trouble(now, db)
        {
            self.revoke(now, why);
            return Vec::new();
        }
        let Some((position, taken)) = target else {
            // A look that began earlier may show a position from before, or even
            // the ON of an earlier session: what was acknowledged alone in between
            // would be missing from the target.
            if db.at <= on {
                return Vec::new();
            }
            if !db.semi_sync {
                self.phase = Phase::Opening { on: None, target: None, relay, since };
                return vec![Order::SemiSync(true)];
            }
            let target = Some((db.binlog_pos.clone(), now));
            self.phase = Phase::Opening { on: Some(on), target, relay, since };
            return Vec::new();
        };
        let Some(peer) = view.peer else { return Vec::new() };
        // The relay log named at the position's arrival must be the one named later.
        if view.asked <= taken || !is_standby(peer) {
            return Vec::new();
        }
        if peer.relay != relay {
            let target = (db.at > on).then(|| (db.binlog_pos.clone(), now));
            self.phase = Phase::Opening { on: Some(on), target, relay: peer.relay.clone(), since };
            return Vec::new();
        }
        if !peer.io_pos.covers(&position) {
            return Vec::new();
        }
        let word = format!("PROTECTED: {} has everything", peer.host);
        self.enter(now, Phase::Whole { relay: relay.clone() }, "the standby has everything");
        vec![Order::Granted(Some(relay)), Order::Say(word)]
    }

    fn whole(&mut self, now: Duration, relay: &str, view: &View<'_>) -> Vec<Order> {
        let mut why = view.db.as_ref().and_then(|db| self.trouble(now, db)).map(str::to_owned);
        if let Some(peer) = view.peer
            && peer.relay != relay
        {
            why = Some(format!("{} has lost its relay log or begun a new one", peer.host));
        }
        match why {
            None => Vec::new(),
            Some(why) => {
                self.revoke(now, &why);
                vec![Order::Say(format!("UNPROTECTED: {why}; commits wait"))]
            }
        }
    }

    fn revoking(&mut self, now: Duration, since: Duration, silent: Duration, view: &View<'_>) -> Vec<Order> {
        // Without an answering database there is nothing to go on with: fencing is the planner's.
        let Some(db) = &view.db else { return Vec::new() };
        if let Some(peer) = view.peer.filter(|_| view.asked > since) {
            self.phase = Phase::Revoking { since, silent: now };
            if peer.promoting {
                return Vec::new();
            }
            if !self.wanted_solo && db.semi_sync && db.clients > 0 && is_standby(peer) && self.moved > since {
                let phase = Phase::Opening { on: None, target: None, relay: peer.relay.clone(), since: now };
                self.enter(now, phase, "a session is opening");
                return Vec::new();
            }
            if peer.lease {
                return Vec::new();
            }
            return self.go_solo(now, &format!("{} holds no lease", peer.host));
        }
        // Not "silent for T + D": a standby that began to promote at the last
        // moment of its lease, and did not run for D/2 then, answers a question
        // that is sent after that.
        let late = view.asked >= silent.max(since) + self.timing.lease + self.timing.gap;
        let unseen = self.suspect.is_some() && !self.wanted_solo;
        if view.peer.is_none() && late && !unseen && view.gateway != Gateway::Silent && !view.fence_missing {
            return self.go_solo(now, "the standby has been silent for longer than any lease");
        }
        Vec::new()
    }

    fn go_solo(&mut self, now: Duration, evidence: &str) -> Vec<Order> {
        let why = format!("acknowledging alone: {evidence}");
        self.enter(now, Phase::Solo { since: now }, &why);
        self.suspect = None;
        vec![Order::Granted(None), Order::Solo(true), Order::SemiSync(false), Order::Say(format!("UNPROTECTED: {why}"))]
    }
}

/// A node that can be the other end of a session.
fn is_standby(peer: &Answer) -> bool {
    peer.mode == Mode::Ap && peer.role == Role::Standby && peer.replicating && !peer.promoting && !peer.relay.is_empty()
}
