//! What the threads of the service know together.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use ap_core::answer::{Answer, Report};
use ap_core::config::{Config, Host};
use ap_core::event::Brief;
use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::{DbStatus, Gateway};
use ap_core::protection::{Standby, Timing};
use ap_core::state::{Intention, State};
use ap_host::store::Store;

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
    /// When that look at it began (time since boot).
    pub db_seen: Duration,
    /// Names the own relay log, empty when none.
    pub relay: String,
    /// The peer.
    pub heard: Heard,
    /// The way out.
    pub gateway: Gateway,
    /// There has been a way out since this program started.
    way_out: bool,
    /// The standby's half of the protection.
    pub standby: Standby,
    /// Relay log for which the active grants now.
    pub grant: Option<String>,
    /// Each acknowledged write is on both nodes; and since when and why.
    pub protected: bool,
    /// For people.
    pub protection: String,
    /// Since when `protected` is what it is (time since boot).
    pub protected_since: Duration,
    /// What happened last.
    pub event: Option<Brief>,
    /// Fingerprint of the configuration.
    pub config: String,
}

/// The facts behind their lock. Never held over I/O.
#[derive(Debug)]
pub struct Shared {
    facts: Mutex<Facts>,
    lease: Mutex<()>,
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
                vrrp: store.vrrp(),
                doing: String::new(),
                db: Err("not looked at yet".into()),
                db_seen: Duration::ZERO,
                relay: String::new(),
                heard: Heard { asked: Duration::ZERO, answer: Err("not asked yet".into()) },
                gateway: Gateway::Silent,
                way_out: false,
                standby,
                grant: None,
                protected: false,
                protection: "UNPROTECTED: just started".into(),
                protected_since: ap_host::boottime(),
                event: None,
                config: config.fingerprint(),
            }),
            lease: Mutex::new(()),
        }
    }

    /// Held while the lease changes and goes to its file: the file never brings
    /// back, after a restart, a lease that was given up.
    pub fn lease(&self) -> MutexGuard<'_, ()> {
        self.lease.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The facts. A thread that panicked while holding them would have ended the
    /// process (panic = abort), so a poisoned lock is as good as any.
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Facts {
    /// Takes in a look at the database that began at `seen`, unless a later one
    /// is known: two threads look, and the slower may have begun earlier. Whether it was taken.
    pub fn see_db(&mut self, seen: Duration, db: Result<DbStatus, String>) -> bool {
        let newer = seen >= self.db_seen;
        if newer {
            (self.db_seen, self.db) = (seen, db);
        }
        newer
    }

    /// Takes in a look at the gateway. A default route that has vanished is a way
    /// out that is silent, not a network that never had one.
    pub fn see_gateway(&mut self, seen: Gateway) -> Gateway {
        self.way_out |= seen != Gateway::None;
        self.gateway = if seen == Gateway::None && self.way_out { Gateway::Silent } else { seen };
        self.gateway
    }

    /// Takes in whether each acknowledged write is on both nodes, and why.
    pub fn see_protection(&mut self, protected: bool, text: String) {
        if protected != self.protected {
            self.protected_since = ap_host::boottime();
        }
        (self.protected, self.protection) = (protected, text);
    }

    /// What this node says of itself. What lies in files is for the caller to add.
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
            switchover: s.switching_over(),
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
            report: self.report(now),
        }
    }

    fn report(&self, now: Duration) -> Report {
        let db = self.db.as_ref().ok();
        let replica = db.and_then(|db| db.replica.as_ref());
        let standby = self.state.mode == Mode::Ap && self.state.role == Role::Standby;
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Report {
            config: self.config.clone(),
            server_id: db.map_or(0, |db| db.server_id),
            behind: replica.and_then(|replica| replica.behind),
            replication_error: replica
                .map(|replica| [replica.io_error.as_str(), &replica.sql_error].join(" ").trim().to_owned())
                .unwrap_or_default(),
            semi_sync: db.is_some_and(|db| if standby { db.semi_sync_replica } else { db.semi_sync }),
            waiting: db.map_or(0, |db| db.semi_sync_waiting),
            lease_ms: if standby { millis(self.standby.left(now)) } else { 0 },
            protected_ms: millis(now.saturating_sub(self.protected_since)),
            event: self.event.clone(),
            ..Report::default()
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
