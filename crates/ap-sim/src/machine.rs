//! The machine as a whole: power, standing still, snapshots.

use std::time::Duration;

use crate::node::Power;
use crate::twist::Twist;
use crate::world::{Due, World};

impl World {
    /// The power goes.
    pub fn loses_power(&mut self, n: usize) {
        let now = self.now;
        self.nodes[n].loses_power(now);
        if self.twisted(Twist::ForgetsState) {
            self.nodes[n].state = self.nodes[n].state_at_boot.clone();
        }
        self.operator.gone(n);
        self.hangs_up(n);
    }

    /// The power is back.
    pub fn powers_on(&mut self, n: usize) {
        if self.nodes[n].power != Power::Off {
            return;
        }
        let now = self.now;
        self.nodes[n].boots(now);
        for (from, to, due) in [(2000, 4000, Due::Start), (4000, 7000, Due::Boot), (10, 2000, Due::Check)] {
            let after = self.between(from, to);
            self.later(n, after, due);
        }
    }

    /// It stands still for so long, with its clock and all timers.
    pub fn stuns(&mut self, n: usize, lasts: Duration) {
        (self.nodes[n].power, self.nodes[n].still) = (Power::Stunned, self.now);
        self.postpone(n, lasts);
        let node = &mut self.nodes[n];
        node.keepalived.slept(lasts);
        node.lanes.values_mut().for_each(|free| *free += lasts);
    }

    /// It goes on where it stood.
    pub fn thaws(&mut self, n: usize) {
        if !self.nodes[n].stands_still() {
            return;
        }
        let stunned = self.nodes[n].power == Power::Stunned;
        let stood = self.now.saturating_sub(self.nodes[n].still);
        let now = self.now;
        self.nodes[n].goes_on(now);
        // What was sent to a suspended machine is lost, or waits in a queue of its host; what
        // is lost on a connection is sent again, each time after twice the time
        // (docs/FACTS.md#segments-are-repeated).
        let lost = stunned && self.rng.bool();
        // Whichever of its processes runs first.
        let late = self.between(0, 3);
        for due in std::mem::take(&mut self.nodes[n].held) {
            let after = match &due {
                Due::Ship(..) | Due::Ack(..) if lost => stood.mul_f64(self.rng.f64()),
                Due::Advert(_) | Due::Question(..) if lost => continue,
                Due::Input(..) | Due::Line(_) | Due::Question(..) => late,
                _ => Duration::from_micros(50),
            };
            self.later(n, after, due);
        }
    }

    /// Its data directory is kept as it is.
    pub fn keeps_a_snapshot(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        node.snapshot = Some(Box::new((node.db.clone(), node.state.clone())));
    }

    /// The power goes, and the data directory is put back to what was kept, as a power
    /// failure at that moment would have left it; then the machine boots. From there on
    /// numbers are given out again (docs/FACTS.md#stale-data-counts-on).
    pub fn puts_back(&mut self, n: usize, with_state: bool) {
        let Some(snapshot) = self.nodes[n].snapshot.take() else { return };
        if self.nodes[n].power != Power::Off && !self.may_fall_silent(n) {
            return;
        }
        self.loses_power(n);
        let (now, node) = (self.now, &mut self.nodes[n]);
        let (mut db, state) = *snapshot;
        // No process has the name of one that was.
        db.starts = node.db.starts;
        db.dies(now);
        node.db = db;
        if with_state {
            node.state = state;
        }
        self.recount(n);
        self.powers_on(n);
    }
}
