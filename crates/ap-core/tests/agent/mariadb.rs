//! A MariaDB that understands the statements of `ap_core::sql` by their text, and
//! does with positions and relay logs what the real one does.

use std::collections::BTreeMap;

use ap_core::gtid::{GtidPos, GtidState};
use ap_core::observed::{DbStatus, Replica};
use ap_core::sql::Sql;

/// `server_id` of this node, and of its peer.
pub const OWN: u32 = 1;
pub const PEER: u32 = 2;

/// What the server cannot know, and a rule needs.
#[derive(Debug, Clone, Copy)]
pub struct Around {
    /// Somebody sends again what a relay log loses.
    pub sent_again: bool,
    /// An operator forced it, or the node is in `m`: what only the relay log has may go.
    pub may_lose: bool,
    /// The peer can be reached as a master.
    pub master: bool,
    /// Clients reach this server.
    pub clients: bool,
}

#[derive(Debug, Clone)]
pub struct Server {
    pub up: bool,
    /// Does not answer, though it runs.
    pub hangs: bool,
    /// Starts so far; names the process.
    starts: u32,
    /// SQL threads started so far.
    threads: u64,
    pub read_only: bool,
    pub semi_sync: bool,
    pub semi_sync_replica: bool,
    /// Replicas connected in semi-sync.
    pub replicas: u32,
    /// Replication is configured.
    pub replica: bool,
    pub io: bool,
    sql_thread: u64,
    pub sql_error: String,
    /// Nothing that was received is applied.
    pub lags: bool,
    received: u64,
    applied: u64,
    /// Last number in the own binary log, and those of each server in it.
    written: u64,
    last: u32,
    logged: BTreeMap<u32, u64>,
    acknowledged: u64,
}

impl Server {
    pub fn new() -> Self {
        Self {
            up: false,
            hangs: false,
            starts: 0,
            threads: 0,
            read_only: true,
            semi_sync: false,
            semi_sync_replica: false,
            replicas: 0,
            replica: false,
            io: false,
            sql_thread: 0,
            sql_error: String::new(),
            lags: false,
            received: 0,
            applied: 0,
            written: 0,
            last: OWN,
            logged: BTreeMap::new(),
            acknowledged: 0,
        }
    }

    /// Starts or ends the process. Either way the relay log is gone.
    pub fn run(&mut self, on: bool) {
        self.up = on;
        self.starts += u32::from(on);
        (self.read_only, self.semi_sync, self.semi_sync_replica) = (true, false, false);
        (self.io, self.sql_thread, self.received) = (false, 0, self.applied);
        self.sql_error.clear();
    }

    pub fn process(&self) -> Option<String> {
        self.up.then(|| format!("p{}", self.starts))
    }

    pub fn writable(&self) -> bool {
        self.up && !self.read_only
    }

    pub fn sql(&self) -> bool {
        self.sql_thread != 0
    }

    /// Everything received is applied.
    pub fn drained(&self) -> bool {
        self.applied == self.received
    }

    /// Threads started or stopped by hand: nobody asks what that loses.
    pub fn threads_by_hand(&mut self, io: bool, sql: bool) {
        if (io || sql) && !self.io && !self.sql() {
            self.received = self.applied;
        }
        self.io = io;
        self.sql_runs(sql);
    }

    fn sql_runs(&mut self, on: bool) {
        if on && !self.sql() {
            self.threads += 1;
            self.sql_thread = self.threads;
        } else if !on {
            self.sql_thread = 0;
        }
    }

    /// Some commits have passed, here or at the master. While this server receives,
    /// the last of them is always under way: who drops a relay log undrained loses it.
    pub fn lives(&mut self, around: Around) {
        if self.writable() && around.clients && !self.waits(around) {
            self.written += 1;
            self.last = OWN;
            self.logged.insert(OWN, self.written);
            self.acknowledged += u64::from(self.semi_sync);
        }
        if self.up && self.io && around.master && self.replica {
            self.received = self.received.max(self.written) + 1;
            if self.sql() && !self.lags {
                self.apply(self.received - 1);
            }
        }
    }

    fn apply(&mut self, to: u64) {
        if to > self.applied {
            self.applied = to;
            self.written = self.written.max(to);
            self.last = PEER;
            self.logged.insert(PEER, to);
        }
    }

    /// Commits wait for an acknowledgement that does not come.
    pub fn waits(&self, around: Around) -> bool {
        self.writable() && around.clients && self.semi_sync && self.replicas == 0
    }

    /// `MASTER_GTID_WAIT`: whether everything up to there is applied.
    pub fn wait(&mut self, position: &GtidPos) -> bool {
        if self.sql() && !self.lags {
            self.apply(self.received);
        }
        pos(PEER, self.applied).covers(position)
    }

    pub fn status(&self, around: Around) -> DbStatus {
        let io = match self.io {
            true if around.master => "Yes",
            true => "Connecting",
            false => "No",
        };
        let replica = || Replica {
            master_host: "192.0.2.12".into(),
            io: io.into(),
            sql: self.sql(),
            master_log: if io == "Yes" { "bin.000001".into() } else { String::new() },
            io_pos: pos(PEER, self.received),
            io_error: String::new(),
            sql_error: self.sql_error.clone(),
            behind: Some(0),
        };
        DbStatus {
            version: "10.11.6-MariaDB".into(),
            server_id: OWN,
            read_only: self.read_only,
            log_bin: true,
            binlog_pos: pos(self.last, self.written),
            slave_pos: pos(PEER, self.applied),
            binlog_state: self.binlog_state(),
            semi_sync: self.semi_sync,
            semi_sync_clients: self.replicas,
            semi_sync_waiting: u32::from(self.waits(around)),
            semi_sync_acknowledged: self.acknowledged,
            semi_sync_replica: self.semi_sync_replica,
            pid_file: "/run/mysqld/mysqld.pid".into(),
            sql_thread: self.sql_thread,
            user_tables: 0,
            replica: self.replica.then(replica),
        }
    }

    pub fn binlog_pos(&self) -> GtidPos {
        pos(self.last, self.written)
    }

    pub fn binlog_state(&self) -> GtidState {
        let list: Vec<String> = self.logged.iter().map(|(server, seq)| format!("0-{server}-{seq}")).collect();
        list.join(",").parse().unwrap()
    }

    /// One statement, by its text. What it must not do is asserted here.
    pub fn run_sql(&mut self, sql: &Sql, around: Around) {
        let text = sql.text();
        let on = text.ends_with("=ON");
        match text.split_once('=').map_or(text, |(name, _)| name) {
            "SET GLOBAL read_only" => self.read_only = on,
            "SET GLOBAL rpl_semi_sync_master_enabled" => self.semi_sync = on,
            "SET GLOBAL rpl_semi_sync_slave_enabled" => self.semi_sync_replica = on,
            "SET GLOBAL gtid_slave_pos" => {
                assert!(!self.io && !self.sql(), "gtid_slave_pos is set while replication runs");
                self.applied = self.applied.max(self.written);
                self.received = self.applied;
            }
            "STOP SLAVE IO_THREAD" => self.io = false,
            "STOP ALL SLAVES" => {
                // What follows throws the relay log away, whatever it is.
                let kept = !self.sql() || self.drained() || around.may_lose || around.sent_again;
                assert!(kept, "G2: a relay log was thrown away undrained");
                self.io = false;
                self.sql_runs(false);
            }
            "RESET SLAVE ALL" => {
                assert!(!self.io && !self.sql(), "RESET SLAVE ALL while replication runs");
                (self.replica, self.received) = (false, self.applied);
            }
            "CHANGE MASTER TO MASTER_HOST" => {
                assert!(text.contains("MASTER_USE_GTID=slave_pos"), "follows without a position: {sql}");
                (self.replica, self.received) = (true, self.applied);
            }
            "START SLAVE" => {
                if !self.io && !self.sql() {
                    let kept = self.drained() || around.may_lose || around.sent_again;
                    assert!(kept, "G2: started from both stopped, with nobody to send it again");
                    self.received = self.applied;
                }
                self.io = true;
                self.sql_runs(true);
            }
            "FLUSH USER_RESOURCES" => {
                self.written += 1;
                self.last = OWN;
                self.logged.insert(OWN, self.written);
            }
            _ => unreachable!("not simulated: {sql}"),
        }
    }
}

fn pos(server: u32, seq: u64) -> GtidPos {
    if seq == 0 { GtidPos::default() } else { format!("0-{server}-{seq}").parse().unwrap() }
}
