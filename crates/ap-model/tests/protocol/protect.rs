//! Mirrors `ap_core::agent`, `session.rs`: one look of the active's half, and
//! what it orders.

use ap_core::mode::{Mode, Role};
use ap_core::observed::Gateway;
use ap_core::plan::{Plan, leave};
use ap_core::protection::{Active, Order, Phase};
use ap_core::state::Intention;

use super::clock::{NOW, TICK, timing};
use super::said::number;
use super::world::{Without, World};

impl World {
    /// Mirrors `Agent::protect`: one look, and the orders up to a number of them.
    pub fn protect(&mut self, n: usize, orders: usize) {
        let clients = self.clients(n);
        let node = &mut self.nodes[n];
        let leaving = node.state.fenced || matches!(node.state.intention, Some(Intention::Leave { .. }));
        if node.state.mode != Mode::Ap || node.state.role != Role::Active || leaving || !node.started {
            node.grant = 0;
            return;
        }
        let heard = self.shown(n);
        let node = &mut self.nodes[n];
        if self.without == Without::Gap {
            for ticks in (1..u32::from(node.stepped)).rev() {
                node.step(NOW - TICK * ticks, clients, heard.as_ref(), node.gateway);
            }
        }
        let mut gateway = node.gateway;
        if self.without == Without::Isolation && gateway == Gateway::Silent {
            // Silent counts at the end only.
            let mut blind = node.clone();
            let orders = blind.step(NOW, clients, heard.as_ref(), Gateway::Answers);
            if !orders.contains(&Order::Solo(true)) {
                gateway = Gateway::Answers;
            }
        }
        let wanted = node.step(NOW, clients, heard.as_ref(), gateway);
        node.stepped = 0;
        let granted = node.active.as_ref().and_then(Active::grant).map_or(0, number);
        if granted == 0 || granted != node.grant {
            node.grant = 0;
        }
        for order in wanted.into_iter().take(orders) {
            self.obey(n, &order);
        }
        let node = &mut self.nodes[n];
        node.grant = match node.active.as_ref().map(Active::phase) {
            Some(Phase::Opening { relay, .. }) if self.without == Without::Whole => number(relay),
            _ => node.active.as_ref().and_then(Active::grant).map_or(0, number),
        };
    }

    fn obey(&mut self, n: usize, order: &Order) {
        let node = &mut self.nodes[n];
        match order {
            Order::Solo(solo) => node.state.solo = *solo,
            Order::Granted(relay) => node.state.granted.clone_from(relay),
            Order::SemiSync(on) => self.semi_sync(n, *on),
            Order::Leave(_) => {
                let Plan::Act { steps, .. } = leave(&node.state, "") else { return };
                self.queue(n, steps);
            }
            Order::Say(_) => {}
        }
    }

    /// Replication from both threads stopped: the relay log is deleted.
    pub fn begin_replication(&mut self, n: usize) {
        let db = &mut self.nodes[n].db;
        db.begin_replication();
        if self.without == Without::Relay {
            db.number = 1;
        }
        db.acks = if self.cut { 0 } else { db.received() };
    }

    /// What the active is shown of the peer's last answer.
    fn shown(&self, n: usize) -> Option<ap_core::answer::Answer> {
        let mut said = self.nodes[n].heard.clone()?;
        if self.without == Without::HeardPromoting && said.promoting {
            (said.promoting, said.lease) = (false, true);
        }
        if self.without == Without::Resting && said.mode == Mode::M {
            said.epoch = 0;
        }
        Some(said.answer())
    }

    /// The protection's half of an active that begins now.
    pub fn new_active(&self, solo: bool) -> Active {
        let mut timing = timing();
        match self.without {
            Without::Silence => timing.lease = std::time::Duration::ZERO,
            Without::Blink => timing.takeover = timing.lease,
            _ => {}
        }
        Active::new(timing, NOW, solo)
    }

    pub fn semi_sync(&mut self, n: usize, on: bool) {
        let db = &mut self.nodes[n].db;
        db.semi = on;
        if !on {
            self.acknowledged |= db.waiting;
            db.waiting = 0;
        }
    }
}
