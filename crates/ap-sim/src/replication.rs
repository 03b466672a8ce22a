//! Replication between the two databases: connections, what is under way, lag.

use std::time::Duration;

use crate::mariadb::{Io, Trx, Waiting};
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
    /// Semi-sync replicas of this host.
    pub fn clients(&self, n: usize) -> u32 {
        u32::from(self.dumps[n].as_ref().is_some_and(|dump| dump.semi))
    }

    /// The database starts or ends.
    pub fn database_runs(&mut self, n: usize, on: bool, clean: bool) {
        let now = self.now;
        if on {
            let truncating = self.nodes[n].truncates;
            let gone = self.nodes[n].db.starts(truncating);
            if !gone.is_empty() {
                self.tell(n, || format!("recovery takes out {} transactions", gone.len()));
                self.recount(n);
            }
            return;
        }
        let told = if clean { self.nodes[n].db.stops() } else { Vec::new() };
        self.nodes[n].db.dies(now);
        self.acknowledges(n, &told);
        self.hangs_up(n);
    }

    /// The process is gone, and the other side hears of it if its machine is there.
    pub fn hangs_up(&mut self, n: usize) {
        let other = 1 - n;
        self.conns[n] = None;
        self.dumps[n] = None;
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
        self.dumps[n].take_if(|dump| dump.id == id);
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
                let alive = self.connects(n) && master.runs() && master.db.answers();
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

    fn connect(&mut self, n: usize) {
        let m = 1 - n;
        let (node, master) = (&self.nodes[n], &self.nodes[m]);
        if !(self.connects(n) && master.runs() && master.db.answers() && node.db.answers()) {
            return;
        }
        let wanted = node.db.wanted();
        match master.db.place(wanted) {
            Err(()) => self.nodes[n].db.refused(),
            Ok(next) => {
                let semi = node.db.semi_sync_replica;
                let process = master.db.starts;
                self.connections += 1;
                let id = self.connections;
                self.nodes[n].db.io = Io::Yes;
                self.conns[n] = Some(Conn { id, next, semi, shipping: false, heard: self.now, process });
                self.dumps[m] = Some(Dump { id, semi });
                // What it has need not be waited for.
                let after = self.latency();
                self.later(m, after, Due::Ack(id, next));
                self.ship(m);
            }
        }
    }

    /// The master sends what it has.
    pub fn ship(&mut self, m: usize) {
        let to = 1 - m;
        let len = self.nodes[m].db.log.len();
        let running = self.nodes[m].runs() && self.nodes[m].db.answers();
        let after = self.latency() + self.disk_takes(m);
        let Some(conn) = &mut self.conns[to] else { return };
        if conn.shipping || conn.next >= len || !running {
            return;
        }
        conn.shipping = true;
        let id = conn.id;
        self.later(to, after, Due::Ship(id, len));
    }

    /// A part of the binary log has come.
    pub fn shipped(&mut self, n: usize, id: u64, upto: usize) {
        let m = 1 - n;
        if self.conns[n].as_ref().is_none_or(|conn| conn.id != id) {
            return;
        }
        if !self.passes(m) || self.nodes[n].db.hangs || self.nodes[n].is_stuck() {
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
        let part: Vec<Trx> = self.nodes[m].db.log.get(from..upto).unwrap_or_default().to_vec();
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
        self.acknowledges(m, &told);
    }

    /// Clients are told that these are done.
    pub fn acknowledges(&mut self, n: usize, told: &[Waiting]) {
        for waiting in told {
            self.acknowledged(n, waiting.key);
        }
    }

    /// Has the SQL thread go on.
    pub fn kick(&mut self, n: usize) {
        let after = match self.nodes[n].lags {
            true => self.between(50, 400),
            false => Duration::from_micros(self.rng.u64(100..1500)),
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
        if db.hangs || stuck {
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
            self.nodes[n].db.pretends = text.ends_with("=ON");
            return;
        }
        if self.twisted(Twist::StaysWritable) && text == "SET GLOBAL read_only=ON" {
            return;
        }
        let before = (self.nodes[n].db.io, self.nodes[n].db.sql());
        self.nodes[n].db.run(now, text);
        match text {
            "SET GLOBAL read_only=OFF" => self.made_writable(n),
            "SET GLOBAL rpl_semi_sync_master_enabled=OFF" => {
                let all = self.nodes[n].db.log.len();
                let told = self.nodes[n].db.received(now, all);
                self.acknowledges(n, &told);
            }
            _ => {}
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
        let quick = self.nodes[n].unreachable || self.connects(n) && self.nodes[1 - n].runs();
        if quick { self.between(5, 20) } else { ms(1000) }
    }
}
