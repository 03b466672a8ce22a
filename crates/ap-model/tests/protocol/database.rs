//! A MariaDB: what it logs, receives, acknowledges and forgets, as measured
//! (docs/FACTS.md). Writes are bits of a set, in the order of their numbers. It
//! understands the statements of `ap_core::sql` by their text.

use std::sync::LazyLock;

use ap_core::gtid::GtidPos;
use ap_core::observed::{DbStatus, Replica as Seen};

/// A set of writes.
pub type Writes = u8;

/// The replica side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Replica {
    /// The IO thread runs.
    pub io: bool,
    /// The SQL thread runs.
    pub sql: bool,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Db {
    pub up: bool,
    pub read_only: bool,
    /// Semi-sync on the active's side.
    pub semi: bool,
    /// This replica acknowledges.
    pub semi_replica: bool,
    /// Binary log; survives everything.
    pub log: Writes,
    /// Logged, and the client waits for the standby's acknowledgement.
    pub waiting: Writes,
    /// Acknowledged by a replica so far.
    pub acknowledged: Writes,
    pub replica: Option<Replica>,
    /// Received and not applied: it is applied no earlier than somebody waits for it.
    pub relay: Writes,
    /// Number of the relay log, and how many there have been.
    pub number: u8,
    pub numbers: u8,
    /// Acknowledgements on their way to the active.
    pub acks: Writes,
}

impl Db {
    /// A server that runs: one that serves, or one that replicates.
    pub fn new(replicates: bool) -> Self {
        Self {
            up: true,
            read_only: replicates,
            semi: false,
            semi_replica: replicates,
            log: 0,
            waiting: 0,
            acknowledged: 0,
            replica: replicates.then_some(Replica { io: true, sql: true }),
            relay: 0,
            number: u8::from(replicates),
            numbers: u8::from(replicates),
            acks: 0,
        }
    }

    pub fn received(&self) -> Writes {
        self.log | self.relay
    }

    /// Whether it could acknowledge without another node.
    pub fn alone(&self) -> bool {
        self.up && !self.read_only && !self.semi
    }

    pub fn receives(&self) -> bool {
        self.up && self.replica.is_some_and(|replica| replica.io)
    }

    pub fn applies(&self) -> bool {
        self.up && self.replica.is_some_and(|replica| replica.sql)
    }

    /// SIGKILL, or the power. A relay log is deleted when replication starts again.
    pub fn crash(&mut self) {
        self.up = false;
        self.waiting = 0;
        (self.semi, self.semi_replica) = (false, false);
        self.lose_relay_log();
        if let Some(replica) = &mut self.replica {
            (replica.io, replica.sql) = (false, false);
        }
    }

    fn lose_relay_log(&mut self) {
        self.relay = 0;
        self.number = 0;
    }

    pub fn start(&mut self) {
        if !self.up {
            (self.up, self.read_only) = (true, true);
        }
    }

    /// Applies everything that was received.
    pub fn apply(&mut self) {
        self.log |= std::mem::take(&mut self.relay);
    }

    /// Starts replication. From both threads stopped that deletes the relay log.
    pub fn start_replication(&mut self) {
        let Some(replica) = &mut self.replica else { return };
        if !replica.io && !replica.sql {
            (self.relay, self.numbers) = (0, self.numbers + 1);
            self.number = self.numbers;
        }
        (replica.io, replica.sql) = (true, true);
        // What it has need not be waited for.
        self.acks = self.received();
    }

    fn stop_replication(&mut self) {
        self.replica.iter_mut().for_each(|replica| (replica.io, replica.sql) = (false, false));
    }

    /// `STOP SLAVE; START SLAVE`.
    pub fn restart_replication(&mut self) {
        self.stop_replication();
        self.start_replication();
    }

    /// One statement.
    pub fn run(&mut self, text: &str) {
        let on = text.ends_with("=ON");
        match text.split_once('=').map_or(text, |(name, _)| name) {
            "SET GLOBAL read_only" => self.read_only = on,
            "SET GLOBAL rpl_semi_sync_master_enabled" => self.semi = on,
            "SET GLOBAL rpl_semi_sync_slave_enabled" => self.semi_replica = on,
            "STOP SLAVE IO_THREAD" => self.replica.iter_mut().for_each(|replica| replica.io = false),
            "STOP ALL SLAVES" => self.stop_replication(),
            "RESET SLAVE ALL" => {
                self.replica = None;
                self.lose_relay_log();
            }
            "CHANGE MASTER TO MASTER_HOST" => {
                self.replica = Some(Replica { io: false, sql: false });
                self.lose_relay_log();
            }
            "START SLAVE" => self.start_replication(),
            _ => {}
        }
    }

    /// What it says of itself; `clients`: semi-sync replicas.
    pub fn status(&self, clients: u32) -> DbStatus {
        DbStatus {
            read_only: self.read_only,
            log_bin: true,
            binlog_pos: position(self.log),
            slave_pos: position(self.log),
            semi_sync: self.semi,
            semi_sync_clients: clients,
            semi_sync_waiting: self.waiting.count_ones(),
            semi_sync_acknowledged: self.acknowledged.into(),
            semi_sync_replica: self.semi_replica,
            sql_thread: if self.applies() { self.number.into() } else { 0 },
            replica: self.replica.map(|replica| Seen {
                io: if replica.io { "Yes" } else { "No" }.into(),
                sql: replica.sql,
                io_pos: position(self.received()),
                ..Seen::default()
            }),
            ..DbStatus::default()
        }
    }
}

/// The position after so many writes. Numbers count on after a fork, as MariaDB's do.
pub fn position(writes: Writes) -> GtidPos {
    static POSITIONS: LazyLock<Vec<GtidPos>> = LazyLock::new(|| {
        (0..=8)
            .map(|count| if count == 0 { String::new() } else { format!("0-1-{count}") })
            .map(|text| text.parse().unwrap_or_default())
            .collect()
    });
    POSITIONS[writes.count_ones() as usize].clone()
}
