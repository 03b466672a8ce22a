//! Clients: writers that go to whoever holds the VIP, and remember each answer.

use std::time::Duration;

use crate::mariadb::{Content, Released, Trx};
use crate::world::{Due, World, ms};

/// A writer gives up after this.
const PATIENCE: Duration = ms(1500);

/// One writer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Writer {
    /// What it wrote and has no answer to, and since when.
    waits: Option<(usize, Duration)>,
}

impl World {
    /// A writer goes on.
    pub fn writes(&mut self, writer: usize) {
        let after = match self.advance(writer) {
            false => ms(25),
            // It takes as long to write as to send.
            true if writer == 0 && self.writes == Content::Large => self.between(2000, 6000),
            true => self.between(20, 120),
        };
        self.outside(after, Due::Write(writer));
    }

    /// Whether it may rest a while.
    fn advance(&mut self, writer: usize) -> bool {
        if let Some((key, since)) = self.writers[writer].waits {
            if !self.ledger.is_acknowledged(key) && self.now.saturating_sub(since) < PATIENCE {
                return false;
            }
            self.writers[writer].waits = None;
        }
        let holders: Vec<usize> = [0, 1].into_iter().filter(|n| self.nodes[*n].has_clients()).collect();
        if self.quiet || holders.is_empty() {
            return true;
        }
        // Where two hold it, the switch sends packets to either.
        let n = holders[self.rng.usize(0..holders.len())];
        let node = &self.nodes[n];
        if !node.runs() || !node.db.answers() || node.is_stuck() || !node.db.takes_commits() {
            return true;
        }
        let key = self.ledger.key();
        let now = self.now;
        let content = if writer == 0 { self.writes } else { Content::Rows };
        let waits = self.nodes[n].db.commit(now, self.domains[writer], content, Some(key));
        if let Some(trx) = self.nodes[n].db.log.last().copied() {
            self.has(n, trx);
        }
        if waits {
            self.writers[writer].waits = Some((key, now));
            self.begins_to_wait(n, key);
        } else {
            self.acknowledged(n, key, Released::Otherwise);
        }
        self.ship(n);
        !waits
    }

    /// A server has this in its binary log from here on.
    pub fn has(&mut self, n: usize, trx: Trx) {
        if let Some(key) = trx.key {
            self.ledger.has(n, key);
        }
    }
}
