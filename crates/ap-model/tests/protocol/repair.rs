//! How faults end.

use ap_core::message::Message;
use ap_core::mode::{Fault, Service};

use super::clock::NOW;
use super::node::Power;
use super::twist::Twist;
use super::world::World;

/// The end of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    Thaw(usize),
    Heal,
    Flow,
    Power(usize),
    Notify(usize),
    /// The database of a standby is started again by hand.
    Database(usize),
    /// API, NIC or keepalived.
    Service(usize),
}

impl World {
    pub fn repair(&mut self, repair: Repair) {
        match repair {
            Repair::Thaw(n) => {
                let node = &mut self.nodes[n];
                (node.power, node.paused) = (Power::On, false);
                let held = std::mem::take(&mut node.held);
                if self.rules.twist == Some(Twist::Unaware) {
                    node.agent.iter_mut().for_each(|agent| agent.overlook(NOW));
                }
                self.nodes[1 - n].deaf = 0;
                self.queue.extend(held.into_iter().map(|input| (n, input)));
                self.rest();
            }
            Repair::Heal => self.heal(),
            Repair::Flow => self.stalled = false,
            Repair::Power(n) => {
                self.nodes[n].power = Power::On;
                self.nodes[n].remember(n, self.rules.twist);
            }
            Repair::Notify(n) => self.nodes[n].remember(n, self.rules.twist),
            Repair::Service(n) => {
                self.nodes[n].ill = false;
                self.keepalived_looks(n);
            }
            Repair::Database(n) => {
                self.nodes[n].db.start();
                self.nodes[n].fifo.push(Message::Started(Service::Database));
                self.set_fault(n, Fault::Db, false);
            }
        }
    }
}
