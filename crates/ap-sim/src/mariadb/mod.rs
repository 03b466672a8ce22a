//! A MariaDB as far as the pair depends on it: transactions with names, the binary
//! log, the relay log and what makes it vanish, commits that wait. It understands the
//! statements of `ap_core::sql` by their text.

mod replica;
mod semi_sync;
mod sessions;
mod status;
#[cfg(test)]
mod tests;
mod trx;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ap_core::gtid::Gtid;

pub use semi_sync::{FOREVER, Released, SemiSync, Waiting};
pub use sessions::{Holds, Session};
pub use trx::{Content, Position, Trx};

/// InnoDB has written by then that a commit has ended.
const FLUSHED: Duration = Duration::from_secs(1);
/// Commits that are written together.
const GROUP: usize = 3;

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
    /// The master's side of semi-sync.
    pub semi_sync: SemiSync,
    /// This replica acknowledges, from the next start of its IO thread on.
    pub semi_sync_replica: bool,
    /// The binary log.
    pub log: Vec<Trx>,
    /// The last number of each domain and server in it.
    logged: BTreeMap<(u32, u32), u64>,
    /// The last of each domain in it.
    binlog_pos: Position,
    /// Sessions of others that hold something.
    pub sessions: Vec<Session>,
    /// When the last of the own commits ended, and how many ended since.
    flushed: (Duration, usize),
    /// Where crash recovery would truncate.
    tail: Option<usize>,
    slave_pos: Position,
    /// Replication is configured.
    pub replica: bool,
    /// The IO thread.
    pub io: Io,
    /// Received and not applied.
    pub relay: VecDeque<Trx>,
    sql_thread: u64,
    io_error: String,
    sql_error: String,
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
            semi_sync: SemiSync::default(),
            semi_sync_replica: false,
            log: Vec::new(),
            logged: BTreeMap::new(),
            binlog_pos: Position::default(),
            sessions: Vec::new(),
            flushed: (Duration::ZERO, 0),
            tail: None,
            slave_pos: Position::default(),
            replica: false,
            io: Io::No,
            relay: VecDeque::new(),
            sql_thread: 0,
            io_error: String::new(),
            sql_error: String::new(),
        }
    }

    /// The process dies, by a signal or with its machine. What waited was told to
    /// nobody; what ended a moment ago may be in the binary log only
    /// (docs/FACTS.md#recovery-truncates-acknowledged).
    pub fn dies(&mut self, now: Duration) {
        if !self.up {
            return;
        }
        let waiting = self.semi_sync.waiting.front().filter(|_| !self.semi_sync.is_after_commit());
        let end = waiting.map_or(self.log.len(), |it| it.at);
        let own = self.log[..end].iter().rev().take_while(|trx| trx.gtid.server == self.id);
        self.tail = Some(end - own.take(self.unflushed(now)).count());
        self.ends();
    }

    fn unflushed(&self, now: Duration) -> usize {
        if now.saturating_sub(self.flushed.0) < FLUSHED { self.flushed.1 } else { 0 }
    }

    /// The process ends in the ordinary way: what waited is committed, and told so
    /// (docs/FACTS.md#semi-sync-shutdown-commits).
    pub fn stops(&mut self) -> Vec<Waiting> {
        let told = self.semi_sync.waiting.drain(..).collect();
        self.tail = None;
        self.ends();
        told
    }

    fn ends(&mut self) {
        self.semi_sync = SemiSync::default();
        self.sessions.clear();
        (self.up, self.hangs, self.locked) = (false, false, false);
        (self.io, self.sql_thread) = (Io::No, 0);
        self.relay.clear();
    }

    /// The process starts. Returns the transactions that recovery took out.
    ///
    /// # Errors
    /// Recovery refuses to take out what cannot be rolled back, and the process ends.
    pub fn starts(&mut self, truncating: bool) -> Result<Vec<Trx>, ()> {
        let from = if truncating { self.truncates_from()? } else { None };
        self.tail = None;
        self.up = true;
        self.starts += 1;
        (self.read_only, self.semi_sync_replica) = (true, false);
        self.io_error.clear();
        self.sql_error.clear();
        let Some(from) = from else { return Ok(Vec::new()) };
        let gone = self.log.split_off(from);
        self.recount();
        Ok(gone)
    }

    /// Where recovery truncates (docs/FACTS.md#recovery-truncates): from the first that
    /// can be rolled back, if everything behind it can (docs/FACTS.md#recovery-refuses-ddl).
    fn truncates_from(&self) -> Result<Option<usize>, ()> {
        let tail = self.tail.unwrap_or(self.log.len());
        let rolls_back = |trx: &Trx| trx.content.rolls_back();
        let Some(from) = self.log[tail..].iter().position(rolls_back).map(|at| tail + at) else { return Ok(None) };
        if self.log[from..].iter().all(rolls_back) { Ok(Some(from)) } else { Err(()) }
    }

    /// Whether it does what it is asked.
    pub fn answers(&self) -> bool {
        self.up && !self.hangs
    }

    /// Whether clients may write.
    pub fn writable(&self) -> bool {
        self.up && !self.read_only
    }

    /// Whether a commit of a client can begin.
    pub fn takes_commits(&self) -> bool {
        !self.read_only && !self.locked && !self.is_read_locked()
    }

    /// A commit: whether it waits. What no client asks for waits for nobody.
    pub fn commit(&mut self, now: Duration, domain: u32, content: Content, key: Option<usize>) -> bool {
        // docs/FACTS.md#own-numbers-count-on
        let seq = self.binlog_pos.seq(domain).max(self.slave_pos.seq(domain)) + 1;
        self.append(Trx { key, content, gtid: Gtid { domain, server: self.id, seq } });
        let at = self.log.len() - 1;
        let waits = key.filter(|_| self.semi_sync.waits());
        self.semi_sync.waiting.extend(waits.map(|key| Waiting { at, key }));
        if waits.is_none() || self.semi_sync.is_after_commit() {
            self.ended(now, 1);
        }
        waits.is_some()
    }

    fn append(&mut self, trx: Trx) {
        self.log.push(trx);
        self.counts(trx.gtid);
    }

    /// docs/FACTS.md#binlog-state
    fn counts(&mut self, gtid: Gtid) {
        self.logged.insert((gtid.domain, gtid.server), gtid.seq);
        self.binlog_pos.moves_to(gtid);
    }

    fn recount(&mut self) {
        self.logged.clear();
        self.binlog_pos = Position::default();
        for at in 0..self.log.len() {
            self.counts(self.log[at].gtid);
        }
    }

    /// A replica has everything before this place: what need not wait any more.
    pub fn received(&mut self, now: Duration, upto: usize) -> Vec<Waiting> {
        let told = self.semi_sync.acknowledge(upto, self.log.len());
        self.told(now, told)
    }

    /// So many semi-sync replicas are connected, see [`SemiSync::connected`].
    pub fn connected(&mut self, now: Duration, clients: u32, stranger: bool) -> Vec<Waiting> {
        let told = self.semi_sync.connected(clients, stranger);
        self.told(now, told)
    }

    /// This has waited for the timeout, see [`SemiSync::gives_up`].
    pub fn gives_up(&mut self, now: Duration, key: usize) -> Vec<Waiting> {
        let told = self.semi_sync.gives_up(key);
        self.told(now, told)
    }

    fn told(&mut self, now: Duration, told: Vec<Waiting>) -> Vec<Waiting> {
        self.ended(now, told.len());
        told
    }

    fn ended(&mut self, now: Duration, count: usize) {
        if count > 0 {
            self.flushed = (now, (self.unflushed(now) + count).min(GROUP));
        }
    }

    /// One statement. Returns what clients are told because of it.
    pub fn run(&mut self, now: Duration, text: &str) -> Vec<Waiting> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let on = value == "ON";
        if let Some(variable) = name.strip_prefix("SET GLOBAL rpl_semi_sync_master_") {
            let told = self.semi_sync.set(variable, value);
            return self.told(now, told);
        }
        match name {
            "SET GLOBAL read_only" => (self.read_only, self.locked) = (on, false),
            "SET GLOBAL rpl_semi_sync_slave_enabled" => self.semi_sync_replica = on,
            "SET GLOBAL gtid_slave_pos" => {
                self.slave_pos = self.current_pos();
                // A commit of InnoDB's, in `mysql.gtid_slave_pos`: what was before it is as durable.
                self.flushed.1 = 0;
            }
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
            "FLUSH USER_RESOURCES" => drop(self.commit(now, 0, Content::Maintenance, None)),
            "KILL CONNECTION" | "KILL QUERY" => {
                let told = self.semi_sync.kill(name == "KILL CONNECTION");
                return self.told(now, told);
            }
            _ => {}
        }
        Vec::new()
    }

    /// Takes over another server's data.
    pub fn copy(&mut self, of: &Self) {
        self.log.clone_from(&of.log);
        self.recount();
        self.slave_pos = self.binlog_pos.clone();
        self.tail = None;
        self.replica = false;
    }

    /// Names the process.
    pub fn process(&self) -> Option<String> {
        self.up.then(|| format!("{}p{}", self.id, self.starts))
    }
}
