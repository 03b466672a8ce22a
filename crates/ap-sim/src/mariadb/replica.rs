//! The replica's side: the relay log, its two threads, and what they ask for.

use ap_core::gtid::{Gtid, GtidPos};

use super::{Io, Position, Server, Trx};

impl Server {
    /// The SQL thread runs.
    pub fn sql(&self) -> bool {
        self.sql_thread != 0
    }

    pub(super) fn sql_runs(&mut self, on: bool) {
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
        if self.binlog_pos.seq(next.gtid.domain) >= next.gtid.seq {
            self.sql_error = format!("1950: out of order: {}", next.gtid);
            self.sql_runs(false);
            return None;
        }
        self.relay.pop_front();
        self.append(next);
        self.slave_pos.moves_to(next.gtid);
        Some(next)
    }

    /// Everything up to this position is applied.
    pub fn applied(&self, position: &GtidPos) -> bool {
        self.slave_pos.shown().covers(position)
    }

    /// What the IO thread asks its master for: what follows on this.
    pub fn wanted(&self) -> Position {
        let mut wanted = self.slave_pos.clone();
        self.relay.iter().for_each(|trx| wanted.moves_to(trx.gtid));
        wanted
    }

    /// The place in this log from which on it is sent to a replica that has this: the
    /// first transaction of any domain that it lacks. Of a domain that is unknown here
    /// nothing is asked: another master may serve it (MariaDB's `sql/sql_repl.cc`).
    ///
    /// # Errors
    /// What it has is not in this log (docs/FACTS.md#master-lacks-position).
    pub fn place(&self, wanted: &Position) -> Result<usize, ()> {
        let mut place = self.log.len();
        for last in self.binlog_pos.iter() {
            let has = wanted.get(last.domain);
            if has == Some(last) {
                continue;
            }
            let lacks = match has {
                Some(has) => self.log.iter().rposition(|trx| trx.gtid == has).map(|at| at + 1),
                None => self.log.iter().position(|trx| trx.gtid.domain == last.domain),
            };
            place = place.min(lacks.ok_or(())?);
        }
        Ok(place)
    }

    /// The master does not have what was asked for.
    pub fn refused(&mut self) {
        self.io = Io::No;
        self.io_error = "1236: not in the master's binary log".into();
    }

    pub(super) fn begins_anew(&mut self) {
        if self.io == Io::No && !self.sql() {
            self.relay.clear();
        }
    }

    pub(super) fn start_io(&mut self) {
        if self.io == Io::No {
            self.io = Io::Connecting;
            self.io_error.clear();
        }
    }

    /// Of each domain the later of what was applied and what this server wrote last
    /// (docs/FACTS.md#current-pos); the end of the binary log if there is neither.
    pub(super) fn current_pos(&self) -> Position {
        let mut current = self.slave_pos.clone();
        let own = self.logged.iter().filter(|((_, server), _)| *server == self.id);
        for ((domain, server), seq) in own {
            if *seq > current.seq(*domain) {
                current.moves_to(Gtid { domain: *domain, server: *server, seq: *seq });
            }
        }
        if current.iter().next().is_some() { current } else { self.binlog_pos.clone() }
    }
}
