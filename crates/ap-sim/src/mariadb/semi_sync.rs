//! The master's side of semi-sync: its variables, its states, and the commits that wait.
//! As in MariaDB's `sql/semisync_master.cc`.

use std::collections::VecDeque;
use std::time::Duration;

use ap_core::sql::FOREVER_MS;

/// `rpl_semi_sync_master_timeout` as `ap-mode install` leaves it.
pub const FOREVER: Duration = Duration::from_millis(FOREVER_MS);

/// A commit that waits for its acknowledgement.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// Its place in the binary log.
    pub at: usize,
    /// What the client wrote.
    pub key: usize,
}

/// Why a client is told OK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// The standby has acknowledged.
    ByStandby,
    /// Nobody of the pair has.
    Otherwise,
}

/// The master's side of semi-sync, as long as the process lives.
#[derive(Debug, Clone)]
pub struct SemiSync {
    /// `rpl_semi_sync_master_enabled`.
    pub enabled: bool,
    /// It says so, and nothing waits ([`crate::Twist::NoSemiSync`]).
    pub pretends: bool,
    /// `rpl_semi_sync_master_timeout`, of commits that begin to wait from here on.
    pub timeout: Duration,
    /// `Rpl_semi_sync_master_clients`.
    pub clients: u32,
    /// One of them does not belong to the pair.
    pub stranger: bool,
    /// `Rpl_semi_sync_master_yes_tx`.
    pub acknowledged: u64,
    /// Commits that wait.
    pub waiting: VecDeque<Waiting>,
    /// `Rpl_semi_sync_master_status`: OFF after a commit has waited for too long, until
    /// a replica has everything.
    on: bool,
    /// `rpl_semi_sync_master_wait_no_slave`.
    wait_no_slave: bool,
    /// `rpl_semi_sync_master_wait_point=AFTER_COMMIT`: what waits is committed already.
    after_commit: bool,
}

/// As the option file of `ap-mode install` says, after each start
/// (docs/FACTS.md#settings-end-with-the-process).
impl Default for SemiSync {
    fn default() -> Self {
        Self {
            enabled: false,
            pretends: false,
            timeout: FOREVER,
            clients: 0,
            stranger: false,
            acknowledged: 0,
            waiting: VecDeque::new(),
            on: false,
            wait_no_slave: true,
            after_commit: false,
        }
    }
}

impl SemiSync {
    /// Whether a commit that begins now waits (docs/FACTS.md#semi-sync-wait-no-slave).
    pub fn waits(&self) -> bool {
        self.enabled && self.on && (self.clients > 0 || self.wait_no_slave)
    }

    /// Whether a commit may be told OK that the standby does not have
    /// (docs/FACTS.md#semi-sync-second-replica-releases).
    pub fn is_alone(&self) -> bool {
        !self.waits() || self.stranger
    }

    /// Whether what waits is committed already.
    pub fn is_after_commit(&self) -> bool {
        self.after_commit
    }

    /// `SET GLOBAL rpl_semi_sync_master_...`. Returns what is told OK.
    pub fn set(&mut self, variable: &str, value: &str) -> Vec<Waiting> {
        match variable {
            "enabled" if value == "OFF" => {
                self.enabled = false;
                return self.switch_off();
            }
            "enabled" => {
                self.on |= !self.enabled;
                self.enabled = true;
            }
            "timeout" => self.timeout = value.parse().map_or(FOREVER, Duration::from_millis),
            // Nobody who waits is woken for it.
            "wait_no_slave" => self.wait_no_slave = value == "ON",
            "wait_point" => self.after_commit = value == "AFTER_COMMIT",
            _ => {}
        }
        Vec::new()
    }

    /// A replica has everything before this place, of a binary log of that length:
    /// whichever replica that is. Returns what need not wait any more.
    pub fn acknowledge(&mut self, upto: usize, length: usize) -> Vec<Waiting> {
        // docs/FACTS.md#semi-sync-comes-back
        self.on |= self.enabled && upto >= length;
        let mut told = Vec::new();
        while self.waiting.front().is_some_and(|it| it.at < upto) {
            told.extend(self.waiting.pop_front());
        }
        self.acknowledged += told.len() as u64;
        told
    }

    /// So many replicas are connected, one of them perhaps a stranger's. Returns what
    /// need not wait any more (docs/FACTS.md#semi-sync-wait-no-slave-off).
    pub fn connected(&mut self, clients: u32, stranger: bool) -> Vec<Waiting> {
        (self.clients, self.stranger) = (clients, stranger);
        if clients == 0 && !self.wait_no_slave { self.waiting.drain(..).collect() } else { Vec::new() }
    }

    /// This has waited for the timeout. Returns what is told OK: everything
    /// (docs/FACTS.md#semi-sync-timeout-falls-back).
    pub fn gives_up(&mut self, key: usize) -> Vec<Waiting> {
        if self.waiting.iter().any(|it| it.key == key) { self.switch_off() } else { Vec::new() }
    }

    fn switch_off(&mut self) -> Vec<Waiting> {
        self.on = false;
        self.waiting.drain(..).collect()
    }

    /// What has waited longest is killed: its client is told OK
    /// (docs/FACTS.md#semi-sync-kill-query-says-ok) or, with its connection, an error
    /// (docs/FACTS.md#semi-sync-kill-connection-commits). It leads a group commit, and
    /// the rest of the group is told OK in both cases.
    pub fn kill(&mut self, connection: bool) -> Vec<Waiting> {
        if connection {
            self.waiting.pop_front();
        }
        self.waiting.drain(..).collect()
    }
}
