//! What the agent has seen of the world, how old that is, and what it is looking at.

use std::collections::BTreeMap;
use std::time::Duration;

use super::effect::Look;
use super::input::Seen;
use crate::answer::Answer;
use crate::mode::Fault;
use crate::observed::{DbStatus, Gateway, Units};
use crate::verdict::Verdict;

/// What was last heard of the peer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Heard {
    /// When that question was sent (time since boot).
    pub asked: Duration,
    /// The answer to it, or why there was none.
    pub answer: Result<Box<Answer>, String>,
}

/// The world as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Known {
    /// The database.
    pub db: Result<Box<DbStatus>, String>,
    /// Names the own relay log, empty when there is none.
    pub relay: String,
    /// The peer.
    pub heard: Heard,
    /// The way out.
    pub gateway: Gateway,
    /// There has been a way out since this program started.
    way_out: bool,
    /// Whether the VIP is here.
    pub vip: bool,
    /// systemd's units.
    pub units: Result<Box<Units>, String>,
    /// The machine is going down.
    pub shutting_down: bool,
    /// Since when systemd does not answer.
    pub units_silent: Option<Duration>,
    /// Track files that are set.
    pub faults: Vec<Fault>,
    /// The API.
    pub api: Result<(), String>,
    /// What the checks found last, and when.
    pub checks: BTreeMap<String, (Verdict, Duration)>,
    /// When the latest look began whose result is in (time since boot).
    pub(super) at: BTreeMap<Look, Duration>,
    /// Looks under way, and when each began (time since boot).
    pub(super) looking: BTreeMap<Look, Duration>,
}

impl Known {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            db: Err("not looked at yet".into()),
            relay: String::new(),
            heard: Heard { asked: Duration::ZERO, answer: Err("not asked yet".into()) },
            gateway: Gateway::Silent,
            way_out: false,
            vip: false,
            units: Err("not asked".into()),
            shutting_down: false,
            units_silent: None,
            faults: Vec::new(),
            api: Ok(()),
            checks: BTreeMap::new(),
            at: BTreeMap::new(),
            looking: BTreeMap::new(),
        }
    }

    /// When the latest look at it began; zero: never.
    pub fn seen_at(&self, look: Look) -> Duration {
        self.at.get(&look).copied().unwrap_or(Duration::ZERO)
    }

    /// Whether it was looked at since, that moment included.
    pub fn is_fresh(&self, look: Look, since: Duration) -> bool {
        self.at.get(&look).is_some_and(|at| *at >= since)
    }

    /// The peer's answer, if it gave one.
    pub fn peer(&self) -> Option<&Answer> {
        self.heard.answer.as_deref().ok()
    }

    /// Takes in what a look that began at `at` found, unless a later one is known.
    /// Whether it was taken.
    pub fn see(&mut self, at: Duration, seen: Seen) -> bool {
        let looks = looks_of(&seen);
        for look in looks {
            if self.looking.get(look).is_some_and(|begun| *begun <= at) {
                self.looking.remove(look);
            }
        }
        if looks.iter().all(|look| self.at.get(look).is_some_and(|known| *known > at)) {
            return false;
        }
        for look in looks {
            self.at.insert(*look, at);
        }
        self.take(at, seen);
        true
    }

    fn take(&mut self, at: Duration, seen: Seen) {
        match seen {
            Seen::Database { status, process } => {
                self.relay = status.as_ref().ok().and_then(|status| relay(process, status)).unwrap_or_default();
                self.db = status;
            }
            // A default route that has vanished is a way out that is silent, not a
            // network that never had one.
            Seen::Gateway(seen) => {
                self.way_out |= seen != Gateway::None;
                self.gateway = if seen == Gateway::None && self.way_out { Gateway::Silent } else { seen };
            }
            Seen::Units { units, shutting_down } => {
                self.units_silent = units.is_err().then_some(at);
                self.shutting_down = shutting_down;
                self.units = units;
            }
            Seen::Vip(here) => self.vip = here,
            Seen::Faults(set) => self.faults = set,
            Seen::Api(health) => self.api = health,
            Seen::Checks(checks) => self.checks = checks,
        }
    }

    /// Nobody answers the looks that have been under way for too long. Whether one at the
    /// database is among them.
    pub fn give_up_looks(&mut self, now: Duration, database: Duration) -> bool {
        let late: Vec<(Look, Duration)> = self
            .looking
            .iter()
            .filter(|(look, at)| now.saturating_sub(**at) > longest(**look, database))
            .map(|(look, at)| (*look, *at))
            .collect();
        let gave_up_database = late.iter().any(|(look, _)| *look == Look::Database);
        for (look, at) in late {
            let why = || format!("no answer within {} s", longest(look, database).as_secs());
            let seen = match look {
                Look::Database => Seen::Database { status: Err(why()), process: None },
                Look::Gateway => Seen::Gateway(Gateway::Silent),
                Look::Units { .. } => Seen::Units { units: Err(why()), shutting_down: false },
                Look::Api => Seen::Api(Err(why())),
                Look::Vip => Seen::Vip(self.vip),
                Look::Faults => Seen::Faults(self.faults.clone()),
                Look::Checks => Seen::Checks(self.checks.clone()),
            };
            self.looking.remove(&look);
            self.at.insert(look, at);
            // Silent since now: the next look is some time off.
            self.take(now, seen);
        }
        gave_up_database
    }
}

/// Looks that this is an answer to. Both ways of asking systemd see the same.
fn looks_of(seen: &Seen) -> &'static [Look] {
    match seen {
        Seen::Database { .. } => &[Look::Database],
        Seen::Gateway(_) => &[Look::Gateway],
        Seen::Units { .. } => &[Look::Units { patient: false }, Look::Units { patient: true }],
        Seen::Vip(_) => &[Look::Vip],
        Seen::Faults(_) => &[Look::Faults],
        Seen::Api(_) => &[Look::Api],
        Seen::Checks(_) => &[Look::Checks],
    }
}

/// How long a look may be under way. Adapters give up earlier, by themselves: at the
/// database after what the configuration gives it.
fn longest(look: Look, database: Duration) -> Duration {
    Duration::from_secs(match look {
        Look::Vip | Look::Faults | Look::Checks | Look::Gateway => 1,
        Look::Units { patient: false } => 2,
        Look::Database => return database + Duration::from_secs(4),
        Look::Api => 7,
        Look::Units { patient: true } => 15,
    })
}

/// Names a relay log, so that one which may have lost events has another name.
///
/// A server that was restarted, or whose replication was started from both threads
/// stopped, throws its relay log away (docs/FACTS.md#relay-log-deleted-by-start,
/// docs/FACTS.md#relay-log-deleted-by-restart). The first shows in the server's
/// process, the second in its SQL thread. A restart of this program changes neither.
fn relay(process: Option<String>, status: &DbStatus) -> Option<String> {
    let applies = status.sql_thread != 0 && status.replica.as_ref().is_some_and(|replica| replica.sql);
    process.filter(|_| applies).map(|process| format!("{process}-{}", status.sql_thread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_look_counts_whichever_ends_first() {
        let mut known = Known::new();
        assert!(known.see(Duration::from_secs(2), Seen::Vip(true)));
        assert!(!known.see(Duration::from_secs(1), Seen::Vip(false)));
        assert!(known.vip);
    }

    #[test]
    fn a_default_route_that_vanished_is_silence() {
        let mut known = Known::new();
        known.see(Duration::from_secs(1), Seen::Gateway(Gateway::None));
        assert_eq!(known.gateway, Gateway::None);
        known.see(Duration::from_secs(2), Seen::Gateway(Gateway::Answers));
        known.see(Duration::from_secs(3), Seen::Gateway(Gateway::None));
        assert_eq!(known.gateway, Gateway::Silent);
    }
}
