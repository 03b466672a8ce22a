//! A MariaDB as far as the pair depends on it: transactions with names, the binary
//! log, the relay log and what makes it vanish, commits that wait. It understands the
//! statements of `ap_core::sql` by their text.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ap_core::gtid::{GtidPos, GtidState};
use ap_core::observed::{DbStatus, Replica};

/// A transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trx {
    /// Names what a client wrote; `None`: a transaction of the pair's own.
    pub key: Option<usize>,
    /// Who wrote it first.
    pub server: u32,
    /// Its number within the domain.
    pub seq: u64,
}

/// The IO thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Io {
    /// Stopped.
    No,
    /// Looks for its master.
    Connecting,
    /// Receives.
    Yes,
}

/// A commit that waits for its acknowledgement.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// Its place in the binary log.
    pub at: usize,
    /// What the client wrote.
    pub key: usize,
}

/// A server with its data directory.
#[derive(Debug, Clone)]
pub struct Server {
    /// `server_id`.
    pub id: u32,
    /// The process lives.
    pub up: bool,
    /// It lives and does nothing (SIGSTOP).
    pub hangs: bool,
    /// Starts so far; names the process.
    pub starts: u32,
    threads: u64,
    /// `read_only`.
    pub read_only: bool,
    /// `read_only` was asked for and waits: no new commit begins.
    pub locked: bool,
    /// Commits wait for a replica.
    pub semi_sync: bool,
    /// It says that they do, and they do not ([`crate::Twist::NoSemiSync`]).
    pub pretends: bool,
    /// This replica acknowledges, from the next start of its IO thread on.
    pub semi_sync_replica: bool,
    /// The binary log.
    pub log: Vec<Trx>,
    /// The last number of each server in it.
    logged: BTreeMap<u32, u64>,
    /// Commits that wait.
    pub waiting: VecDeque<Waiting>,
    /// When the last of the own commits ended, and how many ended since.
    flushed: (Duration, usize),
    /// Where crash recovery would truncate.
    tail: Option<usize>,
    slave_pos: Option<Trx>,
    /// Replication is configured.
    pub replica: bool,
    /// The IO thread.
    pub io: Io,
    /// Received and not applied.
    pub relay: VecDeque<Trx>,
    sql_thread: u64,
    io_error: String,
    sql_error: String,
    acknowledged: u64,
}

impl Server {
    /// A server that has never run.
    pub fn new(id: u32) -> Self {
        Self {
            id,
            up: false,
            hangs: false,
            starts: 0,
            threads: 0,
            read_only: true,
            locked: false,
            semi_sync: false,
            pretends: false,
            semi_sync_replica: false,
            log: Vec::new(),
            logged: BTreeMap::new(),
            waiting: VecDeque::new(),
            flushed: (Duration::ZERO, 0),
            tail: None,
            slave_pos: None,
            replica: false,
            io: Io::No,
            relay: VecDeque::new(),
            sql_thread: 0,
            io_error: String::new(),
            sql_error: String::new(),
            acknowledged: 0,
        }
    }

    /// The process dies, by a signal or with its machine. What waited was told to
    /// nobody; what ended a moment ago may be in the binary log only
    /// (docs/FACTS.md#recovery-truncates-acknowledged).
    pub fn dies(&mut self, now: Duration) {
        if !self.up {
            return;
        }
        let lately = now.saturating_sub(self.flushed.0) < Duration::from_millis(30);
        let unflushed = if lately { self.flushed.1 } else { 0 };
        let from = self.waiting.front().map_or(self.log.len(), |it| it.at).saturating_sub(unflushed);
        self.tail = Some(from.min(self.log.len()));
        self.ends();
    }

    /// The process ends in the ordinary way: what waited is committed, and told so.
    pub fn stops(&mut self) -> Vec<Waiting> {
        let told = self.waiting.drain(..).collect();
        self.tail = None;
        self.ends();
        told
    }

    fn ends(&mut self) {
        self.waiting.clear();
        (self.up, self.hangs, self.locked) = (false, false, false);
        (self.io, self.sql_thread) = (Io::No, 0);
        self.relay.clear();
    }

    /// The process starts. Returns the transactions that recovery took out.
    pub fn starts(&mut self, truncating: bool) -> Vec<Trx> {
        self.up = true;
        self.starts += 1;
        (self.read_only, self.semi_sync, self.semi_sync_replica) = (true, false, false);
        self.pretends = false;
        self.io_error.clear();
        self.sql_error.clear();
        match self.tail.take() {
            Some(from) if truncating => {
                let gone = self.log.split_off(from);
                self.count();
                gone
            }
            _ => Vec::new(),
        }
    }

    /// Whether it does what it is asked.
    pub fn answers(&self) -> bool {
        self.up && !self.hangs
    }

    /// Whether clients may write.
    pub fn writable(&self) -> bool {
        self.up && !self.read_only
    }

    /// A commit: whether it waits.
    pub fn commit(&mut self, now: Duration, key: Option<usize>) -> bool {
        let seq = self.log.last().map_or(0, |it| it.seq).max(self.slave_pos.map_or(0, |it| it.seq)) + 1;
        self.append(Trx { key, server: self.id, seq });
        let at = self.log.len() - 1;
        match key {
            Some(key) if self.semi_sync => self.waiting.push_back(Waiting { at, key }),
            _ => self.ended(now, 1),
        }
        self.semi_sync && key.is_some()
    }

    fn append(&mut self, trx: Trx) {
        self.log.push(trx);
        self.logged.insert(trx.server, trx.seq);
    }

    fn count(&mut self) {
        self.logged = self.log.iter().map(|trx| (trx.server, trx.seq)).collect();
    }

    /// The replica has everything before this place: what need not wait any more.
    pub fn received(&mut self, now: Duration, upto: usize) -> Vec<Waiting> {
        let mut told = Vec::new();
        while self.waiting.front().is_some_and(|it| it.at < upto) {
            told.extend(self.waiting.pop_front());
        }
        self.acknowledged += told.len() as u64;
        self.ended(now, told.len());
        told
    }

    fn ended(&mut self, now: Duration, count: usize) {
        if count > 0 {
            let more = if now.saturating_sub(self.flushed.0) < Duration::from_millis(30) { self.flushed.1 } else { 0 };
            self.flushed = (now, (more + count).min(3));
        }
    }

    /// The SQL thread runs.
    pub fn sql(&self) -> bool {
        self.sql_thread != 0
    }

    fn sql_runs(&mut self, on: bool) {
        if on && !self.sql() {
            self.threads += 1;
            self.sql_thread = self.threads;
        } else if !on {
            self.sql_thread = 0;
        }
    }

    /// Applies the next transaction, and returns it.
    pub fn apply(&mut self) -> Option<Trx> {
        let next = *self.relay.front()?;
        if self.log.last().is_some_and(|last| last.seq >= next.seq) {
            self.sql_error = format!("1950: out of order: 0-{}-{}", next.server, next.seq);
            self.sql_runs(false);
            return None;
        }
        self.relay.pop_front();
        self.append(next);
        self.slave_pos = Some(next);
        Some(next)
    }

    /// Everything up to this position is applied.
    pub fn applied(&self, position: &GtidPos) -> bool {
        pos(self.slave_pos).covers(position)
    }

    /// What the IO thread asks its master for.
    pub fn wanted(&self) -> Option<Trx> {
        self.relay.back().copied().or(self.slave_pos)
    }

    /// The place in this log behind what a replica has.
    ///
    /// # Errors
    /// It is not in this log.
    pub fn place(&self, wanted: Option<Trx>) -> Result<usize, ()> {
        let Some(wanted) = wanted else { return Ok(0) };
        let same = |it: &Trx| (it.server, it.seq) == (wanted.server, wanted.seq);
        self.log.iter().rposition(same).map(|at| at + 1).ok_or(())
    }

    /// The master does not have what was asked for.
    pub fn refused(&mut self) {
        self.io = Io::No;
        self.io_error = "1236: not in the master's binary log".into();
    }

    fn begins_anew(&mut self) {
        if self.io == Io::No && !self.sql() {
            self.relay.clear();
        }
    }

    /// One statement.
    pub fn run(&mut self, now: Duration, text: &str) {
        let on = text.ends_with("=ON");
        match text.split_once('=').map_or(text, |(name, _)| name) {
            "SET GLOBAL read_only" => (self.read_only, self.locked) = (on, false),
            "SET GLOBAL rpl_semi_sync_master_enabled" => self.semi_sync = on,
            "SET GLOBAL rpl_semi_sync_slave_enabled" => self.semi_sync_replica = on,
            "SET GLOBAL gtid_slave_pos" => self.slave_pos = self.current_pos().or(self.log.last().copied()),
            "STOP SLAVE IO_THREAD" => self.io = Io::No,
            "STOP ALL SLAVES" | "STOP SLAVE" => {
                self.io = Io::No;
                self.sql_runs(false);
            }
            "RESET SLAVE ALL" => {
                self.replica = false;
                self.relay.clear();
            }
            "CHANGE MASTER TO MASTER_HOST" => {
                self.replica = true;
                self.relay.clear();
            }
            "START SLAVE" => {
                self.begins_anew();
                self.start_io();
                self.sql_error.clear();
                self.sql_runs(true);
            }
            "FLUSH USER_RESOURCES" => drop(self.commit(now, None)),
            _ => {}
        }
    }

    fn start_io(&mut self) {
        if self.io == Io::No {
            self.io = Io::Connecting;
            self.io_error.clear();
        }
    }

    /// The later of what was applied and what this server wrote last.
    fn current_pos(&self) -> Option<Trx> {
        let own = self.log.iter().rev().find(|it| it.server == self.id).copied();
        match (self.slave_pos, own) {
            (Some(applied), Some(own)) if own.seq <= applied.seq => Some(applied),
            (applied, own) => own.or(applied),
        }
    }

    /// Takes over another server's data.
    pub fn copy(&mut self, of: &Self) {
        self.log.clone_from(&of.log);
        self.count();
        self.slave_pos = of.log.last().copied();
        self.tail = None;
        self.replica = false;
    }

    /// Names the process.
    pub fn process(&self) -> Option<String> {
        self.up.then(|| format!("{}p{}", self.id, self.starts))
    }

    /// What it says of itself.
    pub fn status(&self, clients: u32) -> DbStatus {
        let state: Vec<String> = self.logged.iter().map(|(server, seq)| format!("0-{server}-{seq}")).collect();
        let io = match self.io {
            Io::No => "No",
            Io::Connecting => "Connecting",
            Io::Yes => "Yes",
        };
        let replica = || Replica {
            master_host: "192.0.2.1".into(),
            io: io.into(),
            sql: self.sql(),
            master_log: if self.io == Io::Yes { "bin.000001".into() } else { String::new() },
            io_pos: pos(self.wanted()),
            io_error: self.io_error.clone(),
            sql_error: self.sql_error.clone(),
            behind: Some(0),
        };
        DbStatus {
            version: "10.11.19-MariaDB".into(),
            server_id: self.id,
            read_only: self.read_only,
            log_bin: true,
            binlog_pos: pos(self.log.last().copied()),
            slave_pos: pos(self.slave_pos),
            binlog_state: state.join(",").parse::<GtidState>().unwrap_or_default(),
            semi_sync: self.semi_sync || self.pretends,
            semi_sync_clients: clients,
            semi_sync_waiting: u32::try_from(self.waiting.len()).unwrap_or(u32::MAX),
            semi_sync_acknowledged: self.acknowledged,
            semi_sync_replica: self.semi_sync_replica,
            pid_file: "/run/mysqld/mysqld.pid".into(),
            sql_thread: self.sql_thread,
            user_tables: 0,
            replica: self.replica.then(replica),
        }
    }
}

fn pos(last: Option<Trx>) -> GtidPos {
    last.and_then(|it| format!("0-{}-{}", it.server, it.seq).parse().ok()).unwrap_or_default()
}
