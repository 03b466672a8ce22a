//! How faults end.

use std::time::Duration;

use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::Gateway;
use ap_core::protection::View;

use super::clock::NOW;
use super::network::Flight;
use super::node::Power;
use super::world::{Without, World};

/// The end of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    Thaw(usize),
    Heal,
    Flow,
    Power(usize),
    Notify(usize),
    Database(usize),
    /// API, NIC or keepalived of a node that does not rest.
    Service(usize),
}

impl World {
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
            Repair::Service(n) => self.nodes[n].vrrp = Some(Vrrp::Backup),
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
}
