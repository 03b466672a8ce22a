//! Replication between the two databases: connections, what is under way, lag.

use std::time::Duration;

use crate::mariadb::{Content, FOREVER, Io, Position, Released, Trx, Waiting};
use crate::node::Power;
use crate::twist::Twist;
use crate::world::{Due, World, ms};

/// `MASTER_CONNECT_RETRY`.
const RETRY: Duration = Duration::from_secs(1);
/// `slave_net_timeout`.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A packet is sent again.
const AGAIN: Duration = ms(50);

/// The replica's end of a connection.
#[derive(Debug, Clone)]
pub struct Conn {
    id: u64,
    next: usize,
    /// What the replica had of each domain when it connected: that is left out.
    has: Position,
    semi: bool,
    shipping: bool,
    heard: Duration,
    /// The master's process.
    process: u32,
}

/// The master's end.
#[derive(Debug, Clone)]
pub struct Dump {
    id: u64,
    semi: bool,
}

impl World {
    /// The semi-sync replicas of this host are counted
    /// (docs/FACTS.md#semi-sync-clients-count).
    pub fn counts_replicas(&mut self, n: usize) {
        let standby = self.dumps[n].as_ref().is_some_and(|dump| dump.semi);
        let stranger = self.strangers[n].is_some_and(|it| it.is_connected());
        let told = self.nodes[n].db.connected(self.now, u32::from(standby) + u32::from(stranger), stranger);
        self.acknowledges(n, &told, Released::Otherwise);
    }

    /// The database starts: whether it does.
    pub fn database_starts(&mut self, n: usize) -> bool {
        let truncating = self.nodes[n].truncates;
        match self.nodes[n].db.starts(truncating) {
            Ok(gone) if gone.is_empty() => true,
            Ok(gone) => {
                self.tell(n, || format!("recovery takes out {} transactions", gone.len()));
                self.recount(n);
                true
            }
            Err(()) => {
                self.tell(n, || "recovery cannot truncate the binary log: unsafe statement".into());
                false
            }
        }
    }

    /// The database ends.
    pub fn database_ends(&mut self, n: usize, clean: bool) {
        let now = self.now;
        let told = if clean { self.nodes[n].db.stops() } else { Vec::new() };
        self.nodes[n].db.dies(now);
        self.acknowledges(n, &told, Released::Otherwise);
        self.hangs_up(n);
    }

    /// The process is gone, and the other side hears of it if its machine is there.
    pub fn hangs_up(&mut self, n: usize) {
        let other = 1 - n;
        self.conns[n] = None;
        self.dumps[n] = None;
        self.stranger_hangs_up(n);
        let said = self.nodes[n].power == Power::On && self.passes(n);
        if said && self.conns[other].take().is_some() && self.nodes[other].db.io == Io::Yes {
            self.nodes[other].db.io = Io::Connecting;
            self.later(other, RETRY, Due::Io);
        }
        if let Some(dump) = &self.dumps[other] {
            let id = dump.id;
            let after = if said { ms(1) } else { self.between(2000, 8000) };
            self.later(other, after, Due::Gone(id));
        }
    }

    /// The master's side notices that its replica is gone.
    pub fn replica_gone(&mut self, n: usize, id: u64) {
        if self.dumps[n].take_if(|dump| dump.id == id).is_some() {
            self.counts_replicas(n);
        }
    }

    /// The IO thread was started, or looks again.
    pub fn io(&mut self, n: usize) {
        let m = 1 - n;
        match self.nodes[n].db.io {
            Io::No => return,
            Io::Connecting => self.connect(n),
            Io::Yes => {
                let now = self.now;
                let master = &self.nodes[m];
                let alive = self.reaches_master(n) && master.db.answers();
                if let Some(conn) = &mut self.conns[n] {
                    // Another process knows nothing of this connection.
                    if alive && conn.process == master.db.starts {
                        conn.heard = now;
                    } else if alive || now.saturating_sub(conn.heard) >= TIMEOUT {
                        self.conns[n] = None;
                    }
                }
                if self.conns[n].is_none() {
                    self.nodes[n].db.io = Io::Connecting;
                }
            }
        }
        self.later(n, RETRY, Due::Io);
    }

    /// Whether packets pass between this replica and its master's machine.
    fn reaches_master(&self, n: usize) -> bool {
        let master = &self.nodes[1 - n];
        self.connects(n) && master.runs() && !master.stalled
    }

    fn connect(&mut self, n: usize) {
        let m = 1 - n;
        let (node, master) = (&self.nodes[n], &self.nodes[m]);
        if !(self.reaches_master(n) && master.db.answers() && node.db.answers()) {
            return;
        }
        let has = node.db.wanted();
        match master.db.place(&has) {
            Err(()) => self.nodes[n].db.refused(),
            Ok(next) => {
                let semi = node.db.semi_sync_replica;
                let process = master.db.starts;
                self.connections += 1;
                let id = self.connections;
                self.nodes[n].db.io = Io::Yes;
                self.conns[n] = Some(Conn { id, next, has, semi, shipping: false, heard: self.now, process });
                self.dumps[m] = Some(Dump { id, semi });
                self.counts_replicas(m);
                // What it has need not be waited for.
                let after = self.latency();
                self.later(m, after, Due::Ack(id, next));
                self.ship(m);
            }
        }
    }

    /// The master sends what it has.
    pub fn ship(&mut self, m: usize) {
        self.ships_to_stranger(m);
        let to = 1 - m;
        let log = &self.nodes[m].db.log;
        let running = self.nodes[m].runs() && self.nodes[m].db.answers();
        let Some(conn) = self.conns[to].as_mut().filter(|conn| !conn.shipping && running) else { return };
        // A large transaction is a part of its own.
        let is_large = |trx: &Trx| trx.content == Content::Large;
        let (upto, large) = match log.get(conn.next..).unwrap_or_default() {
            [] => return,
            [first, ..] if is_large(first) => (conn.next + 1, true),
            part => (conn.next + part.iter().position(is_large).unwrap_or(part.len()), false),
        };
        conn.shipping = true;
        let id = conn.id;
        let after = if large { self.between(1500, 6000) } else { self.latency() } + self.disk_takes(m);
        self.later(to, after, Due::Ship(id, upto));
    }

    /// A part of the binary log has come.
    pub fn shipped(&mut self, n: usize, id: u64, upto: usize) {
        let m = 1 - n;
        if self.conns[n].as_ref().is_none_or(|conn| conn.id != id) {
            return;
        }
        if !self.passes(m) || self.nodes[m].stalled || self.nodes[n].db.hangs || self.nodes[n].is_stuck() {
            return self.later(n, AGAIN, Due::Ship(id, upto));
        }
        if self.nodes[n].db.io != Io::Yes {
            return;
        }
        let now = self.now;
        let Some(conn) = &mut self.conns[n] else { return };
        let from = conn.next;
        let semi = conn.semi;
        (conn.next, conn.shipping, conn.heard) = (upto.max(from), false, now);
        let part = self.nodes[m].db.log.get(from..upto).unwrap_or_default().iter();
        let part: Vec<Trx> = part.filter(|trx| trx.gtid.seq > conn.has.seq(trx.gtid.domain)).copied().collect();
        let idle = self.nodes[n].db.relay.is_empty();
        self.nodes[n].db.relay.extend(part);
        if idle {
            self.kick(n);
        }
        if semi {
            let after = self.latency() + self.disk_takes(n);
            self.later(m, after, Due::Ack(id, upto));
        }
        self.ship(m);
    }

    /// The standby has everything up to there.
    pub fn acked(&mut self, m: usize, id: u64, upto: usize) {
        if self.dumps[m].as_ref().is_none_or(|dump| dump.id != id || !dump.semi) {
            return;
        }
        if !self.passes(1 - m) || self.nodes[1 - m].unreachable || self.nodes[m].db.hangs {
            return self.later(m, AGAIN, Due::Ack(id, upto));
        }
        let now = self.now;
        let told = self.nodes[m].db.received(now, upto);
        self.acknowledges(m, &told, Released::ByStandby);
    }

    /// Clients are told that these are done.
    pub fn acknowledges(&mut self, n: usize, told: &[Waiting], released: Released) {
        for waiting in told {
            self.acknowledged(n, waiting.key, released);
        }
    }

    /// A client has committed this, and waits: for as long as semi-sync says. The timer
    /// runs while the machine stands still
    /// (docs/FACTS.md#semi-sync-timer-runs-through-freeze).
    pub fn begins_to_wait(&mut self, n: usize, key: usize) {
        let timeout = self.nodes[n].db.semi_sync.timeout;
        if timeout < FOREVER {
            let process = self.nodes[n].db.starts;
            self.later(n, timeout, Due::GiveUp(process, key));
        }
    }

    /// A commit has waited for the timeout.
    pub fn gives_up(&mut self, n: usize, process: u32, key: usize) {
        let db = &self.nodes[n].db;
        if db.hangs {
            return self.later(n, AGAIN, Due::GiveUp(process, key));
        }
        if db.starts == process {
            let told = self.nodes[n].db.gives_up(self.now, key);
            self.acknowledges(n, &told, Released::Otherwise);
        }
    }

    /// Has the SQL thread go on.
    pub fn kick(&mut self, n: usize) {
        let node = &self.nodes[n];
        let large = node.db.relay.front().is_some_and(|next| next.content == Content::Large);
        let after = match (large, node.lags) {
            (true, _) => self.between(500, 3000),
            (false, true) => self.between(50, 400),
            (false, false) => Duration::from_micros(self.rng.u64(100..1500)),
        };
        self.later(n, after, Due::Apply);
    }

    /// The SQL thread applies what is next.
    pub fn applies(&mut self, n: usize) {
        let stuck = self.nodes[n].is_stuck();
        let db = &mut self.nodes[n].db;
        if !db.sql() || !db.up {
            return;
        }
        if db.hangs || stuck || db.is_blocked() {
            return self.later(n, AGAIN, Due::Apply);
        }
        if let Some(trx) = db.apply() {
            self.has(n, trx);
            self.ship(n);
        }
        if !self.nodes[n].db.relay.is_empty() && self.nodes[n].db.sql() {
            self.kick(n);
        }
    }

    /// One statement, with what follows from it.
    pub fn statement(&mut self, n: usize, text: &str) {
        let now = self.now;
        if self.twisted(Twist::NoSemiSync) && text.starts_with("SET GLOBAL rpl_semi_sync_master_enabled") {
            self.nodes[n].db.semi_sync.pretends = text.ends_with("=ON");
            return;
        }
        if self.twisted(Twist::StaysWritable) && text == "SET GLOBAL read_only=ON" {
            return;
        }
        let before = (self.nodes[n].db.io, self.nodes[n].db.sql());
        let told = self.nodes[n].db.run(now, text);
        self.acknowledges(n, &told, Released::Otherwise);
        if text == "SET GLOBAL read_only=OFF" {
            self.made_writable(n);
        }
        let db = &self.nodes[n].db;
        let after = (db.io, db.sql());
        if before.0 != Io::No && after.0 == Io::No {
            self.conns[n] = None;
            let id = self.dumps[1 - n].as_ref().map(|dump| dump.id);
            if let Some(id) = id.filter(|_| self.connects(n)) {
                self.later(1 - n, ms(1), Due::Gone(id));
            }
        }
        if before.0 == Io::No && after.0 == Io::Connecting {
            let wait = self.between(1, 20);
            self.later(n, wait, Due::Io);
        }
        if !before.1 && after.1 {
            self.kick(n);
        }
    }

    /// How long stopping the IO thread takes: it dials a master that has vanished.
    pub fn stop_io_takes(&mut self, n: usize) -> Duration {
        let quick = self.nodes[n].unreachable || self.reaches_master(n);
        if quick { self.between(5, 20) } else { ms(1000) }
    }
}
