//! What must never happen, looked at after every event that could bring it about.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use ap_core::agent::Agent;
use ap_core::answer::Answer;
use ap_core::mode::Mode;
use ap_core::state::{Intention, State};

use crate::mariadb::{Io, Released};
use crate::world::World;

/// An agent has looked at its database by then, and has acted on what it saw.
const DRIFT: Duration = Duration::from_secs(2);

/// Something that must never happen, and has.
#[derive(Debug, Clone)]
pub struct Broken {
    /// Which check.
    pub check: &'static str,
    /// What was seen.
    pub text: String,
    /// When.
    pub at: Duration,
    /// What is known to cause it: there is a story by that name in tests/known.
    pub known: Option<&'static str>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:.4} s: {}", self.check, self.at.as_secs_f64(), self.text)?;
        self.known.iter().try_for_each(|known| write!(f, " (known: {known})"))
    }
}

/// What was acknowledged, and which binary log has it.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    acknowledged: Vec<bool>,
    has: [Vec<bool>; 2],
    /// Acknowledged, not given up by a foretold force, and not in this binary log.
    missing: [BTreeSet<usize>; 2],
    /// Under which epochs each host has served.
    served: [BTreeSet<u64>; 2],
    /// A `--force` on this host has foretold that what the other one acknowledges under
    /// this epoch, or a lower one, is given up.
    overrides: [Option<u64>; 2],
    /// When something was acknowledged last.
    pub last: Duration,
    /// By which host.
    pub last_host: usize,
}

impl Ledger {
    /// Names what a client is about to write.
    pub fn key(&mut self) -> usize {
        self.acknowledged.push(false);
        self.has.iter_mut().for_each(|has| has.push(false));
        self.acknowledged.len() - 1
    }

    /// Whether a client was told that this is done.
    pub fn is_acknowledged(&self, key: usize) -> bool {
        self.acknowledged[key]
    }

    /// A binary log has this.
    pub fn has(&mut self, n: usize, key: usize) {
        self.has[n][key] = true;
        self.missing[n].remove(&key);
    }

    fn acknowledge(&mut self, key: usize) {
        self.acknowledged[key] = true;
        for n in 0..2 {
            if !self.has[n][key] {
                self.missing[n].insert(key);
            }
        }
    }

    /// What this host lacks is given up.
    fn give_up(&mut self, n: usize) {
        let gone = std::mem::take(&mut self.missing[n]);
        self.missing[1 - n].retain(|key| !gone.contains(key));
        gone.iter().for_each(|key| self.acknowledged[*key] = false);
    }
}

impl World {
    /// A client is told that its write is done.
    pub fn acknowledged(&mut self, n: usize, key: usize, released: Released) {
        self.figures.acknowledged += 1;
        self.ledger.last_host = n;
        if self.is_overridden(n) || self.is_overridden(1 - n) {
            self.ledger.last = self.now;
            return;
        }
        self.ledger.acknowledge(key);
        if self.ledger.last > Duration::ZERO {
            let pause = self.now.saturating_sub(self.ledger.last);
            self.figures.longest_pause = self.figures.longest_pause.max(pause);
        }
        self.ledger.last = self.now;
        let (node, other) = (&self.nodes[n], &self.nodes[1 - n]);
        let host = n + 1;
        let received = self.received(1 - n, key);
        let alone = released == Released::Otherwise && !received;
        let grants = node.published.as_ref().is_some_and(|told| told.grant.is_some());
        if alone && other.acknowledges_alone() {
            self.breaks("G1", format!("host{host} acknowledges {key}, and the other host may do so as well"));
        } else if node.published.as_ref().is_some_and(|told| told.fenced) {
            self.breaks("word", format!("host{host} acknowledges {key} after its word that it does not"));
        } else if alone && grants && !self.drifts() {
            self.breaks("grant", format!("host{host} acknowledges {key} alone while it grants"));
        } else if !received {
            // A late acknowledgement of what a promoted standby has received is none the worse
            // for what that one has acknowledged since.
            self.has_all(n, "acknowledges");
        }
    }

    /// Whether somebody has changed what semi-sync does a moment ago, so that no agent
    /// can have seen it.
    fn drifts(&self) -> bool {
        self.drifted.is_some_and(|since| self.now.saturating_sub(since) < DRIFT)
    }

    /// Whether a host has this, applied or not.
    fn received(&self, n: usize, key: usize) -> bool {
        self.ledger.has[n][key] || self.nodes[n].db.relay.iter().any(|trx| trx.key == Some(key))
    }

    /// A host may be written to from here on.
    pub fn made_writable(&mut self, n: usize) {
        if self.is_overridden(1 - n) {
            self.ledger.give_up(n);
        }
        // With semi-sync it acknowledges nothing that its standby does not have.
        if self.nodes[n].db.semi_sync.is_alone() {
            self.has_all(n, "is made writable");
        }
        if self.nodes[n].state.serves() {
            self.serves_under(n);
        }
    }

    /// An operator's `--force` says what is given up, before anything is done.
    pub fn foretold(&mut self, n: usize) {
        self.ledger.overrides[n] = Some(self.nodes[1 - n].state.epoch);
    }

    /// Whether what this host acknowledges is given up: the other one was made to serve by
    /// force, or is about to be, and this one has not heard of it.
    fn is_overridden(&self, n: usize) -> bool {
        let (own, other) = (&self.nodes[n].state, &self.nodes[1 - n].state);
        let under_way = matches!(&other.intention, Some(Intention::Request { request }) if request.force);
        let newer = other.serves() && other.epoch > own.epoch;
        self.ledger.overrides[1 - n].is_some_and(|epoch| own.epoch <= epoch) && (under_way || newer)
    }

    fn has_all(&mut self, n: usize, does: &str) {
        let missing = &self.ledger.missing[n];
        if let Some(first) = missing.first() {
            let text = format!("host{} {does} without {} acknowledged writes: {first}, ...", n + 1, missing.len());
            self.breaks("G2", text);
        }
    }

    /// What a binary log has is counted anew.
    pub fn recount(&mut self, n: usize) {
        let ledger = &mut self.ledger;
        ledger.has[n].fill(false);
        for key in self.nodes[n].db.log.iter().filter_map(|trx| trx.key) {
            ledger.has[n][key] = true;
        }
        ledger.missing[n] =
            (0..ledger.acknowledged.len()).filter(|key| ledger.acknowledged[*key] && !ledger.has[n][*key]).collect();
    }

    /// What is promised is on disk, or off it.
    pub fn promises(&mut self, n: usize, answer: &Answer) {
        let node = &self.nodes[n];
        let clock = node.clock(self.now);
        let alive = node.lease.as_ref().is_some_and(|(until, _)| *until > clock);
        if !answer.lease && alive {
            self.breaks("promise", format!("host{} denies a lease that a restart would bring back", n + 1));
        } else if answer.fenced && !node.state.fenced && !node.published.as_ref().is_some_and(|told| told.fenced) {
            self.breaks("promise", format!("host{} gives its word before it is on disk", n + 1));
        }
    }

    /// A host serves: under an epoch of its own. One that was written down and taken back
    /// before anybody could write counts for nothing.
    pub fn serves_under(&mut self, n: usize) {
        let epoch = self.nodes[n].state.epoch;
        self.ledger.served[n].insert(epoch);
        if self.ledger.served[1 - n].contains(&epoch) {
            self.breaks("epoch", format!("host{} serves under the epoch {epoch} of the other host", n + 1));
        }
    }

    /// What is known to end so.
    pub fn known(&self, check: &str) -> Option<&'static str> {
        let [a, b] = [0, 1].map(|n| &self.nodes[n].state);
        let granted = |s: &State| s.solo && s.granted.is_some();
        match check {
            // It is written down that a node is alone, and that it has granted.
            "grant" if granted(a) || granted(b) => Some("going_on_alone_fails_half_way"),
            // It waits for a standby that is not there, and does not dare to go on alone.
            "G4" if self.nodes.iter().any(|node| !node.listens()) => {
                Some("a_hiccup_of_the_active_while_its_standby_is_dead")
            }
            // It replicates, and acknowledges nothing.
            "liveness" if self.nodes.iter().any(|node| node.db.io == Io::Yes && !node.db.semi_sync_replica) => {
                Some("a_standby_replicates_without_semi_sync")
            }
            // Contents are never compared.
            "same number" => Some("a_number_is_given_out_twice"),
            // What waited was told to clients at this very moment, on a node in m.
            "G2" if self.ledger.last == self.now && (a.mode == Mode::M || b.mode == Mode::M) => {
                Some("a_database_that_could_not_be_killed_is_stopped_in_m")
            }
            _ => None,
        }
    }

    /// Whether the pair serves and is protected.
    pub fn is_whole(&self) -> bool {
        let protected = |n: usize| self.nodes[n].published.as_ref().is_some_and(|told| told.protected);
        let idle = |n: usize| self.nodes[n].agent.as_ref().is_some_and(|agent| !Agent::is_busy(agent));
        let fresh = self.now.saturating_sub(self.ledger.last) < Duration::from_secs(1);
        protected(0) && protected(1) && (idle(0) || idle(1)) && (fresh || self.quiet)
    }

    /// Both servers hold the same transactions, in the same order within each domain.
    pub fn compares(&mut self) {
        let [a, b] = [0, 1].map(|n| {
            let mut log = self.nodes[n].db.log.clone();
            log.sort_by_key(|trx| trx.gtid.domain);
            log
        });
        if a != b {
            let at = a.iter().zip(&b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
            let text = format!("from {at} on: {:?} against {:?}, of {} and {}", a.get(at), b.get(at), a.len(), b.len());
            let twice = a.get(at).map(|trx| trx.gtid) == b.get(at).map(|trx| trx.gtid);
            self.breaks(if twice { "same number" } else { "same" }, text);
        }
    }
}
