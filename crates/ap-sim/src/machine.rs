//! The machine as a whole: power, standing still, starving, shutting down, snapshots.

use std::time::Duration;

use ap_core::message::Verb;
use ap_core::mode::Service;

use crate::node::Power;
use crate::twist::Twist;
use crate::world::{Due, World, ms};

/// Longest hand-over of a machine that goes down (`ap-notify`, shutdown).
const HAND_OVER: Duration = Duration::from_secs(20);
/// keepalived ends so long after it was asked to (docs/FACTS.md#stop-says-stop).
const LINGERS: Duration = Duration::from_secs(1);
/// Longest that something is held up by a starved machine.
const LONGEST: Duration = Duration::from_secs(10);
/// Nothing that has little to do gets the processor later than that.
const LATEST: u64 = 1000;

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

    /// The processor is wanted by others (docs/FACTS.md#adverts-under-load).
    pub fn starves(&mut self, n: usize) {
        self.nodes[n].starved = true;
        self.later(n, ms(0), Due::Starve);
    }

    /// `ap-notify` gets none for a while, then some.
    pub fn starves_notify(&mut self, n: usize) {
        if !self.nodes[n].starved {
            return;
        }
        let (late, runs) = (self.lateness(n), self.between(1, 50));
        if !self.nodes[n].paused {
            self.nodes[n].paused = true;
            self.later(n, late, Due::Resume);
        }
        self.later(n, late + runs, Due::Starve);
    }

    /// How much later something that has little to do gets the processor: mostly a moment.
    pub fn lateness(&mut self, n: usize) -> Duration {
        if !self.nodes[n].starved {
            return ms(0);
        }
        let latest = [20, 100, LATEST][self.rng.usize(0..3)];
        self.between(0, latest)
    }

    /// How much longer something takes that has more to do, and gives up by itself.
    pub fn drag(&mut self, n: usize, takes: Duration) -> Duration {
        if self.nodes[n].starved { (takes * self.rng.u32(9..100)).min(LONGEST) } else { ms(0) }
    }

    /// systemd shuts it down: the hook of keepalived hands over first, if there is
    /// something to hand over.
    pub fn goes_down(&mut self, n: usize) {
        self.nodes[n].going_down = true;
        let node = &self.nodes[n];
        if node.keepalived.up && node.in_session() && node.state.intention.is_none() && node.started {
            let id = self.command(n, "shutdown", Verb::Stop, false);
            self.nodes[n].handing_over = Some(id);
        }
        let until = self.now + HAND_OVER;
        self.later(n, ms(10), Due::GoDown(until));
    }

    /// keepalived is stopped first of all, `ap-notify` last.
    pub fn stops_units(&mut self, n: usize, until: Duration) {
        let hands_over = self.nodes[n].handing_over.is_some();
        if (hands_over && self.now < until) || !self.may_fall_silent(n) {
            return self.later(n, ms(50), Due::GoDown(until));
        }
        self.stops(n, Service::Keepalived);
        self.stops(n, Service::Api);
        self.later(n, LINGERS, Due::Halt);
    }

    /// The database was the last.
    pub fn halts(&mut self, n: usize) {
        self.stops(n, Service::Database);
        self.loses_power(n);
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
