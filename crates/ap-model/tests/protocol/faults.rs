//! What goes wrong, and how it is mended.

use std::time::Duration;

use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::Gateway;
use ap_core::protection::View;
use ap_core::step::Step;

use super::clock::NOW;
use super::network::Flight;
use super::node::Power;
use super::world::{Repair, Without, World};

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
            Self::Service(n) | Self::Backup(n) => on(n) && w.nodes[n].vrrp == Some(Vrrp::Master),
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

    fn kill_notify(&mut self, n: usize) {
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

    pub fn repair(&mut self, repair: Repair) {
        match repair {
            Repair::Thaw(n) => {
                (self.nodes[n].power, self.nodes[n].paused) = (Power::On, false);
                self.nodes[1 - n].deaf = 0;
                if self.without != Without::Pulse {
                    self.nodes[n].standby.pulse(NOW);
                }
            }
            Repair::Heal => self.heal(),
            Repair::Flow => self.stalled = false,
            Repair::Power(n) => {
                self.nodes[n].power = Power::On;
                // Of what was begun only a leaving is finished after a reboot.
                let node = &mut self.nodes[n];
                if node.promotes() {
                    node.state.intention = None;
                }
                self.start_notify(n);
            }
            Repair::Notify(n) => self.start_notify(n),
            Repair::Database(n) => {
                self.nodes[n].db.start();
                if self.nodes[n].vrrp == Some(Vrrp::Fault) {
                    self.nodes[n].vrrp = Some(Vrrp::Backup);
                }
            }
        }
    }

    fn start_notify(&mut self, n: usize) {
        let node = &self.nodes[n];
        let active =
            (node.state.mode == Mode::Ap && node.state.role == Role::Active).then(|| self.new_active(node.state.solo));
        let node = &mut self.nodes[n];
        node.remember();
        node.active = active;
        self.flights[n] = Flight::Idle;
        self.probe(n);
        if self.without == Without::Restart {
            self.trust(n);
        }
    }

    /// As if the peer had just said that it is still a standby.
    fn trust(&mut self, n: usize) {
        let answer = super::node::Node::new(Role::Standby).says().answer();
        let view = View {
            db: None,
            asked: NOW + Duration::from_millis(1),
            peer: Some(&answer),
            gateway: Gateway::Answers,
            epoch: 1,
            fence_missing: false,
        };
        self.nodes[n].active.iter_mut().for_each(|active| drop(active.step(NOW, &view)));
    }

    /// The documented limits: a freeze or a loss of the promoted standby between
    /// its last look and the moment the old active knows, while that one runs on.
    fn critical(&self, n: usize) -> bool {
        let (node, other) = (&self.nodes[n], &self.nodes[1 - n]);
        let promoted =
            node.state.mode == Mode::S || (node.promotes() && !node.steps.iter().any(|step| *step == Step::Confirm));
        let knows = other.state.mode == Mode::M
            || other.heard.as_ref().is_some_and(|said| said.promoting || said.epoch > other.state.epoch);
        let runs = other.runs() && other.active.is_some() && other.gateway == Gateway::Answers;
        promoted && runs && !knows
    }
}
