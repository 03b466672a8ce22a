//! What goes wrong, and how it is mended.

use ap_core::message::Verb;
use ap_core::mode::{Mode, Vrrp};
use ap_core::observed::Gateway;
use ap_core::step::Step;

use super::network::Flight;
use super::node::Power;
use super::observe::request;
use super::repair::Repair;
use super::world::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    PowerOff(usize),
    /// The whole machine stands still, its clock runs.
    Freeze(usize),
    /// So does its clock: a limit.
    Pause(usize),
    /// `KILL` of commits that wait, which MariaDB answers with OK: a limit.
    Kill(usize),
    /// Cut off from the other node and from the gateway.
    Isolate(usize),
    /// The link between the two alone: a limit.
    Cut,
    Gateway,
    /// `ap-notify` is killed.
    Notify(usize),
    /// `ap-notify` is killed between two orders of the protection.
    Orders(usize, usize),
    Database(usize),
    /// `STOP SLAVE; START SLAVE`.
    Replication(usize),
    /// Nothing is received for a while, though both sides are connected.
    Stall,
    /// The SQL thread stops by an error.
    Applier(usize),
    /// API, NIC or keepalived: the VIP goes.
    Service(usize),
    /// Adverts do not get through, and the active keeps the VIP.
    Adverts(usize),
    /// The active has lost the VIP from its interface and its adverts on their
    /// way: the standby becomes MASTER while the active is well.
    Usurped,
    /// The active becomes BACKUP without any fault.
    Backup(usize),
    /// No fault: the end of one, where nothing is mended by itself.
    Mend(Repair),
    /// No fault: an operator types `ap-mode set MODE`.
    Set(usize, Mode),
}

impl Fault {
    pub fn possible(self, w: &World) -> bool {
        let on = |n: usize| w.nodes[n].power == Power::On;
        match self {
            Self::PowerOff(n) | Self::Freeze(n) => on(n) && (w.limits || !w.critical(n)),
            Self::Pause(n) => on(n),
            Self::Kill(n) => w.nodes[n].db.waiting != 0,
            Self::Isolate(_) | Self::Cut => !w.cut,
            Self::Stall => !w.stalled,
            Self::Gateway => w.gateway == [Gateway::Answers; 2],
            Self::Notify(n) => w.nodes[n].runs(),
            Self::Orders(n, _) => w.nodes[n].idle() && w.nodes[n].active.is_some(),
            Self::Database(n) => on(n) && w.nodes[n].db.up,
            Self::Replication(n) | Self::Applier(n) => on(n) && w.nodes[n].db.up && w.nodes[n].db.relay_log() != 0,
            Self::Service(n) => on(n) && matches!(w.nodes[n].vrrp, Some(Vrrp::Master | Vrrp::Backup)),
            Self::Backup(n) => on(n) && w.nodes[n].vrrp == Some(Vrrp::Master),
            Self::Mend(repair) => {
                let mut repairs = Vec::new();
                w.repairs(&mut repairs);
                repairs.contains(&repair)
            }
            Self::Set(n, mode) => {
                let from = if mode == Mode::S { Mode::M } else { Mode::S };
                w.nodes[n].idle() && w.nodes[n].event.is_none() && w.nodes[n].state.mode == from
            }
            Self::Usurped => w.nodes[0].advertises() && Self::Adverts(1).possible(w),
            Self::Adverts(n) => {
                on(n)
                    && w.nodes[n].state.mode == Mode::Ap
                    && w.nodes[n].vrrp == Some(Vrrp::Backup)
                    && w.nodes[n].started
            }
        }
    }

    pub fn strike(self, w: &mut World) {
        match self {
            Self::PowerOff(n) => w.power_off(n),
            Self::Freeze(n) => w.nodes[n].power = Power::Frozen,
            Self::Pause(n) => (w.nodes[n].power, w.nodes[n].paused) = (Power::Frozen, true),
            Self::Kill(n) => {
                w.acknowledged |= w.nodes[n].db.waiting;
                w.nodes[n].db.waiting = 0;
            }
            Self::Isolate(n) => {
                w.cut();
                w.gateway[n] = Gateway::Silent;
            }
            Self::Cut => w.cut(),
            Self::Stall => w.stalled = true,
            Self::Gateway => w.gateway = [Gateway::Silent; 2],
            Self::Notify(n) => w.kill_notify(n),
            Self::Orders(n, orders) => {
                w.protect(n, orders);
                w.kill_notify(n);
            }
            Self::Database(n) => {
                w.nodes[n].db.crash();
                w.lose_service(n);
            }
            Self::Replication(n) => w.begin_replication(n),
            Self::Applier(n) => w.nodes[n].db.replica.iter_mut().for_each(|replica| replica.sql = false),
            Self::Service(n) => w.lose_service(n),
            Self::Adverts(n) => {
                let node = &mut w.nodes[n];
                (node.vrrp, node.event, node.vip) = (Some(Vrrp::Master), Some(Vrrp::Master), true);
            }
            Self::Mend(repair) => w.repair(repair),
            Self::Set(n, mode) => {
                let verb = Verb::Set { mode, role: None, reseed: false };
                w.handle(n, &request(verb), false);
            }
            Self::Usurped => {
                w.nodes[0].vip = false;
                Self::Adverts(1).strike(w);
            }
            Self::Backup(n) => {
                let node = &mut w.nodes[n];
                (node.vrrp, node.event, node.vip) = (Some(Vrrp::Backup), Some(Vrrp::Backup), false);
            }
        }
    }
}

impl World {
    fn lose_service(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        if node.vrrp.is_some() {
            (node.vrrp, node.event, node.vip) = (Some(Vrrp::Fault), Some(Vrrp::Fault), false);
        }
    }

    pub fn kill_notify(&mut self, n: usize) {
        self.nodes[n].forget();
        self.flights[n] = Flight::Idle;
    }

    fn power_off(&mut self, n: usize) {
        self.kill_notify(n);
        let node = &mut self.nodes[n];
        node.db.crash();
        node.power = Power::Off;
        (node.started, node.vrrp, node.event, node.vip, node.kept, node.deaf) = (false, None, None, false, None, 0);
    }

    /// The documented limits: a freeze or a loss of the promoted standby between
    /// its last look and the moment the old active knows, while that one runs on.
    fn critical(&self, n: usize) -> bool {
        let (node, other) = (&self.nodes[n], &self.nodes[1 - n]);
        let promoted = node.state.mode == Mode::S || (node.promotes() && !node.steps.contains(&Step::Confirm));
        let knows = other.state.mode == Mode::M
            || other.heard.as_ref().is_some_and(|said| said.promoting || said.epoch > other.state.epoch);
        let runs = other.runs() && other.active.is_some() && other.gateway == Gateway::Answers;
        promoted && runs && !knows
    }
}
