//! The pair as a whole, and how time passes for it.

use ap_core::observed::Gateway;
use ap_core::state::Intention;
use ap_core::step::Step;

use super::clock::{NOW, TICK};
use super::database::Writes;
use super::network::Flight;
use super::node::Node;

/// The safeguard that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Without {
    Nothing,
    /// A grant waits for the session to be whole.
    Whole,
    /// *No lease* is a promise: a question under way counts, too.
    Promise,
    /// *Promoting*: the active stalls.
    Promoting,
    /// Going on alone waits for the end of any lease.
    Silence,
    /// A gap in the active's own running begins the silence anew.
    Gap,
    /// Another relay log voids the lease.
    Relay,
    /// A promotion waits until all that was received is applied.
    Drain,
    /// SIGKILL for the database of an active that leaves.
    Fence,
    /// The older epoch leaves.
    Epoch,
    /// The lease is looked at and claimed in one.
    Claim,
    /// A gap during the promotion needs a lease at its end.
    Pulse,
    /// The gateway is probed after the peer was found silent.
    FreshGateway,
    /// Silence after *promoting* says nothing.
    HeardPromoting,
    /// Silence after having been cut off from the gateway says nothing.
    Isolation,
    /// Silence after a gap as long as VRRP's own says nothing.
    Blink,
    /// Silence after a restart says nothing.
    Restart,
    /// A higher epoch counts even in `m`.
    Resting,
    /// The epoch followed is written down before it is counted on from.
    Followed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub nodes: [Node; 2],
    pub flights: [Flight; 2],
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
    /// Faults may strike at the moments that are documented as limits.
    pub limits: bool,
    /// Ticks for which nobody could write, while that is counted.
    pub down: u8,
    /// A node was made writable without all that was acknowledged.
    pub stale_writable: bool,
    pub without: Without,
}

impl World {
    pub fn tick(&mut self, late: Option<usize>) {
        for n in [0, 1] {
            let advert = self.nodes[1 - n].advertises() && self.linked();
            let truth = self.gateway[n];
            let node = &mut self.nodes[n];
            node.deaf = if advert { 0 } else { (node.deaf + 1).min(2) };
            node.gateway_stale = if node.gateway == truth { 0 } else { (node.gateway_stale + 1).min(2) };
            if node.runs() || self.without == Without::Pulse {
                node.standby.pulse(NOW);
            }
            if node.paused {
                continue;
            }
            if late == Some(n) {
                // Its clock stands still; what is counted in true time does not.
                if self.flights[n] == Flight::Done {
                    self.flights[n] = Flight::Idle;
                }
                continue;
            }
            node.age();
            if node.active.is_some() {
                node.stepped = (node.stepped + 1).min(8);
            }
            self.flights[n].age(TICK);
        }
        if late.is_some() {
            self.lag -= 1;
        }
    }

    /// A promotion was decided on, and nothing of it done.
    pub fn lingers(&self, n: usize) -> bool {
        matches!(self.nodes[n].steps.first(), Some(Step::Intend(Intention::Promote { .. })))
    }

    /// What must happen within a tick has happened.
    pub fn may_tick(&self, slow: bool) -> bool {
        if (0..2).any(|n| self.next_for(n) != 0 || self.acknowledges(n)) {
            return false;
        }
        (0..2).filter(|n| self.nodes[*n].runs()).all(|n| {
            let node = &self.nodes[n];
            let waits = matches!(node.steps.first(), Some(Step::Drain)) && !self.can_run(n);
            let busy = !node.steps.is_empty();
            (self.flights[n].may_tick() || (self.flights[n] == Flight::Idle && !self.curious(n)))
                && node.gateway_stale < 2
                && (!busy || waits || (slow && self.lingers(n)))
                && (busy || (node.event.is_none() && (node.active.is_none() || node.stepped == 0)))
        })
    }
}
