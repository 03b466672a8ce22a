//! A MariaDB: what it logs, receives, acknowledges and forgets, as measured
//! (docs/FACTS.md). Writes are bits of a set, in the order of their numbers.

use std::sync::LazyLock;

use ap_core::gtid::GtidPos;

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
    /// Binary log; survives everything.
    pub log: Writes,
    /// Logged, and the client waits for the standby's acknowledgement.
    pub waiting: Writes,
    /// Was waiting when the server was killed: what a start as SLAVE truncates.
    pub tail: Writes,
    /// Acknowledged by a replica so far.
    pub acknowledged: Writes,
    pub replica: Option<Replica>,
    /// Received and not applied.
    pub relay: Writes,
    /// Number of the relay log, and how many there have been.
    pub number: u8,
    pub numbers: u8,
    /// Acknowledgements on their way to the active.
    pub acks: Writes,
}

impl Db {
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

    /// Number of the relay log in use, 0 for none.
    pub fn relay_log(&self) -> u8 {
        if self.up && self.replica.is_some_and(|replica| replica.sql) { self.number } else { 0 }
    }

    /// SIGKILL, or the power. A relay log is deleted when replication starts again.
    pub fn crash(&mut self) {
        if self.up {
            self.tail = self.waiting;
        }
        self.up = false;
        self.waiting = 0;
        self.semi = false;
        self.lose_relay_log();
        if let Some(replica) = &mut self.replica {
            (replica.io, replica.sql) = (false, false);
        }
    }

    pub fn lose_relay_log(&mut self) {
        self.relay = 0;
        self.number = 0;
    }

    /// Starts replication from both threads stopped.
    pub fn begin_replication(&mut self) {
        self.lose_relay_log();
        self.numbers += 1;
        self.number = self.numbers;
        self.replica = Some(Replica { io: true, sql: true });
    }

    pub fn start(&mut self) {
        if !self.up {
            (self.up, self.read_only) = (true, true);
        }
    }

    /// Applies the next received write.
    pub fn apply(&mut self) {
        let next = self.relay & self.relay.wrapping_neg();
        self.relay &= !next;
        self.log |= next;
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
