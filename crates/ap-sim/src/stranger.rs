//! A semi-sync replica that does not belong to the pair: a reporting server, a copy in
//! another place. What it acknowledges need not be on the standby.

use std::time::Duration;

use crate::mariadb::Released;
use crate::world::{Due, World, ms};

/// Pause between two tries to connect.
const RETRY: Duration = Duration::from_secs(1);
/// A packet is sent again.
const AGAIN: Duration = ms(50);

/// A stranger's replica.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stranger {
    /// The master's process that it is connected to.
    process: Option<u32>,
}

impl Stranger {
    /// Whether it is connected.
    pub fn is_connected(self) -> bool {
        self.process.is_some()
    }
}

impl World {
    /// It is set up.
    pub fn stranger_comes(&mut self, n: usize) {
        self.strangers[n] = Some(Stranger::default());
        self.outside(ms(1), Due::Stranger(n));
    }

    /// It is taken away.
    pub fn stranger_goes(&mut self, n: usize) {
        self.strangers[n] = None;
        self.counts_replicas(n);
    }

    /// It connects if it can, or looks again later.
    pub fn stranger_looks(&mut self, n: usize) {
        let Some(stranger) = self.strangers[n] else { return };
        let node = &self.nodes[n];
        if !stranger.is_connected() && node.runs() && node.db.answers() && self.hears(n) {
            self.strangers[n] = Some(Stranger { process: Some(node.db.starts) });
            self.counts_replicas(n);
            self.ships_to_stranger(n);
        }
        self.outside(RETRY, Due::Stranger(n));
    }

    /// The master's process is gone.
    pub fn stranger_hangs_up(&mut self, n: usize) {
        if let Some(stranger) = &mut self.strangers[n] {
            stranger.process = None;
        }
    }

    /// The master sends it what it has, and it acknowledges.
    pub fn ships_to_stranger(&mut self, n: usize) {
        let Some(process) = self.strangers[n].and_then(|it| it.process) else { return };
        let after = self.latency();
        let upto = self.nodes[n].db.log.len();
        self.later(n, after, Due::StrangerAck(process, upto));
    }

    /// It has everything up to there.
    pub fn stranger_acked(&mut self, n: usize, process: u32, upto: usize) {
        if self.strangers[n].is_none_or(|it| it.process != Some(process)) {
            return;
        }
        if self.nodes[n].db.hangs || !self.hears(n) {
            return self.later(n, AGAIN, Due::StrangerAck(process, upto));
        }
        let told = self.nodes[n].db.received(self.now, upto);
        self.acknowledges(n, &told, Released::Otherwise);
    }
}
