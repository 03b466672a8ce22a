//! The pair as a whole, and how time passes for it.

use std::collections::VecDeque;

use ap_core::agent::Input;
use ap_core::mode::Vrrp;
use ap_core::observed::Gateway;

use super::clock::NOW;
use super::database::Writes;
use super::network::Flight;
use super::node::{Node, Power};
use super::twist::Twist;

/// What stays the same in one exploration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rules {
    pub twist: Option<Twist>,
    /// Faults may strike at the moments that are documented as limits.
    pub limits: bool,
    /// Regular questions are answered at once.
    pub talk: bool,
    /// Writing down that a promotion begins may take any time, and so may the drain.
    pub slow: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub nodes: [Node; 2],
    pub flights: [Flight; 2],
    /// Had its tick since time last passed.
    pub woken: [bool; 2],
    /// The link between the two is cut.
    pub cut: bool,
    /// The replica does not receive although it is connected.
    pub stalled: bool,
    /// Each node's way out.
    pub gateway: [Gateway; 2],
    /// What clients were told succeeded.
    pub acknowledged: Writes,
    /// Writes made so far.
    pub writes: u8,
    /// Faults to come, and ticks that one clock may still miss.
    pub faults: u8,
    pub lag: u8,
    /// Answers that may still come late.
    pub late: u8,
    /// Ticks for which nobody could write, while that is counted.
    pub down: u8,
    /// A node was made writable without all that was acknowledged.
    pub stale_writable: bool,
    pub rules: Rules,
    /// What the agents are about to be told; empty between two events.
    pub queue: VecDeque<(usize, Input)>,
}

impl World {
    /// Time passes; one clock may be late.
    pub fn tick(&mut self, late: Option<usize>) {
        self.late = self.late.saturating_sub(self.answers_under_way());
        for n in [0, 1] {
            let advert = self.nodes[1 - n].advertises() && !self.cut;
            let node = &mut self.nodes[n];
            let deaf = node.keepalived == Some(Vrrp::Backup) && !advert;
            node.deaf = if deaf { (node.deaf + 1).min(2) } else { 0 };
            self.woken[n] = false;
            if node.paused || late == Some(n) {
                // Its clock stands still; what is counted in true time does not.
                continue;
            }
            node.age();
            self.flights[n].age();
        }
        if late.is_some() {
            self.lag -= 1;
        }
    }

    /// The agent's own tick.
    pub fn wake(&mut self, n: usize) {
        self.tell(n, Input::Tick);
        self.woken[n] = true;
    }

    /// The FIFO is read, all of it at once.
    pub fn read(&mut self, n: usize) {
        let lines = std::mem::take(&mut self.nodes[n].fifo);
        self.tell(n, Input::Lines(lines));
    }

    /// What must happen within a tick has happened.
    pub fn may_tick(&self) -> bool {
        let prompt = (0..2).all(|n| {
            let node = &self.nodes[n];
            let replicates = self.next_for(n) != 0 || self.acknowledges(n);
            let told = self.woken[n] && node.fifo.is_empty() && self.flights[n].may_tick();
            (told || !node.runs()) && !replicates && !self.may_be_master(n)
        });
        prompt && self.answers_under_way() <= self.late
    }

    /// Answers that will come late if time passes now.
    fn answers_under_way(&self) -> u8 {
        (0..2).map(|n| u8::from(self.nodes[n].runs() && self.flights[n] != Flight::Idle)).sum()
    }

    /// Forgets what nobody will ever decide by, so that states which differ in it
    /// alone are one.
    pub fn forget(&mut self) {
        for n in 0..2 {
            self.nodes[1 - n].db.acks &= self.nodes[n].db.waiting;
            let node = &mut self.nodes[n];
            if let Some(agent) = &mut node.agent {
                agent.blink(NOW);
                agent.forget(NOW);
                if self.rules.twist == Some(Twist::Trusting) {
                    agent.trust();
                }
            }
            if let Some((until, _)) = &mut node.lease
                && *until <= NOW
            {
                *until = std::time::Duration::ZERO;
            }
        }
    }

    /// The next write that replica `n` would receive, 0 for none.
    pub fn next_for(&self, n: usize) -> Writes {
        let (own, source) = (&self.nodes[n], &self.nodes[1 - n]);
        let forked = own.db.received() & !source.db.log != 0;
        let connected = own.power == Power::On && source.power == Power::On && !self.cut;
        if !connected || !own.db.receives() || self.stalled || forked || !source.db.up || source.db.replica.is_some() {
            return 0;
        }
        let missing = source.db.log & !own.db.received();
        missing & missing.wrapping_neg()
    }

    /// Whether an acknowledgement reaches `n` and is waited for.
    pub fn acknowledges(&self, n: usize) -> bool {
        let (own, other) = (&self.nodes[n], &self.nodes[1 - n]);
        let acks = own.db.waiting & other.db.acks;
        own.power == Power::On && own.db.up && acks != 0 && other.db.semi_replica && !self.cut
    }

    /// A client writes.
    pub fn write(&mut self, n: usize) {
        let write = 1 << self.writes;
        self.writes += 1;
        let db = &mut self.nodes[n].db;
        db.log |= write;
        if db.semi {
            db.waiting |= write;
        } else {
            self.acknowledged |= write;
        }
    }

    pub fn receive(&mut self, n: usize) {
        let next = self.next_for(n);
        let db = &mut self.nodes[n].db;
        db.relay |= next;
        db.acks |= next;
    }

    pub fn acknowledge(&mut self, n: usize) {
        let acks = std::mem::take(&mut self.nodes[1 - n].db.acks);
        let db = &mut self.nodes[n].db;
        let done = db.waiting & acks;
        db.waiting &= !done;
        db.acknowledged |= done;
        self.acknowledged |= done;
    }
}
