//! What the threads of the service know together.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use ap_core::answer::Answer;
use ap_core::config::{Config, Host};
use ap_core::mode::Vrrp;
use ap_core::observed::{DbStatus, Gateway};
use ap_core::protection::{Standby, Timing};
use ap_core::state::{Intention, State};

use crate::store::Store;

/// What was last heard of the peer.
#[derive(Debug, Clone)]
pub struct Heard {
    /// When the last question was sent (time since boot).
    pub asked: Duration,
    /// The answer to it, or why there was none.
    pub answer: Result<Answer, String>,
}

/// Everything that more than one thread reads or writes.
#[derive(Debug)]
pub struct Facts {
    /// `state.toml`, as last written.
    pub state: State,
    /// keepalived's last word.
    pub vrrp: Option<Vrrp>,
    /// What is being done.
    pub doing: String,
    /// The database.
    pub db: Result<DbStatus, String>,
    /// When the look at it began (time since boot).
    pub db_at: Duration,
    /// Names the own relay log, empty when none.
    pub relay: String,
    /// The peer.
    pub heard: Heard,
    /// The way out.
    pub gateway: Gateway,
    /// The standby's half of the protection.
    pub standby: Standby,
    /// Relay log for which the active grants now.
    pub grant: Option<String>,
    /// Each acknowledged write is on both nodes; and since when and why.
    pub protected: bool,
    /// For people.
    pub protection: String,
}

/// The facts behind their lock. Never held over I/O.
#[derive(Debug)]
pub struct Shared {
    facts: Mutex<Facts>,
}

impl Shared {
    /// At the service's start.
    pub fn new(config: &Config, store: &Store, state: State) -> Self {
        let mut standby = Standby::new(timing(config));
        if let Some((until, relay)) = store.lease() {
            standby.resume(until, relay);
        }
        Self {
            facts: Mutex::new(Facts {
                state,
                vrrp: store.vrrp().0,
                doing: String::new(),
                db: Err("not looked at yet".into()),
                db_at: Duration::ZERO,
                relay: String::new(),
                heard: Heard { asked: Duration::ZERO, answer: Err("not asked yet".into()) },
                gateway: Gateway::Silent,
                standby,
                grant: None,
                protected: false,
                protection: "UNPROTECTED: just started".into(),
            }),
        }
    }

    /// The facts. A thread that panicked while holding them would have ended the
    /// process (panic = abort), so a poisoned lock is as good as any.
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Facts {
    /// A look at the database that began at `at`.
    pub fn saw_db(&mut self, at: Duration, status: Result<DbStatus, String>) {
        self.db = status;
        self.db_at = at;
    }

    /// What this node says of itself.
    pub fn answer(&self, config: &Config, own: &Host, vip: bool, now: Duration) -> Answer {
        let s = &self.state;
        let db = self.db.as_ref().ok();
        let replica = db.and_then(|db| db.replica.as_ref());
        let promoting = matches!(s.intention, Some(Intention::Promote { .. })) || self.standby.promoting();
        Answer {
            host: own.name.clone(),
            codename: config.codename.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            mode: s.mode,
            role: s.role,
            epoch: s.epoch,
            solo: s.solo,
            fenced: s.fenced,
            promoting,
            grant: if s.fenced { s.granted.clone() } else { self.grant.clone() },
            lease: self.standby.claims(now),
            relay: self.relay.clone(),
            vrrp: self.vrrp,
            vip,
            gateway: self.gateway,
            writable: db.map(|db| !db.read_only),
            db_version: db.map(|db| db.version.clone()).unwrap_or_default(),
            binlog_pos: db.map(|db| db.binlog_pos.clone()).unwrap_or_default(),
            slave_pos: db.map(|db| db.slave_pos.clone()).unwrap_or_default(),
            io_pos: replica.map(|replica| replica.io_pos.clone()).unwrap_or_default(),
            binlog_state: db.map(|db| db.binlog_state.clone()).unwrap_or_default(),
            user_tables: db.map_or(0, |db| db.user_tables),
            replicating: replica.is_some_and(|replica| replica.receives() && replica.sql),
            doing: self.doing.clone(),
            since: s.since.clone(),
            who: s.who.clone(),
            why: s.why.clone(),
            protected: self.protected,
            protection: self.protection.clone(),
        }
    }
}

/// The configured lengths of time.
pub fn timing(config: &Config) -> Timing {
    Timing {
        lease: config.pair.lease.get(),
        gap: config.pair.gap.get(),
        takeover: config.keepalived.advert_interval.get() * 3,
        stall: config.pair.stall.get(),
    }
}
