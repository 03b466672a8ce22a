//! keepalived, and the hooks of the units: what they say, and when.

use ap_core::message::Message;
use ap_core::mode::{Fault, Service, Vrrp};

use super::node::Power;
use super::world::World;

impl World {
    /// keepalived looks at what it tracks.
    pub fn keepalived_looks(&mut self, n: usize) {
        let node = &self.nodes[n];
        let bad = node.ill || !node.faults.is_empty();
        match (node.keepalived, bad) {
            (None, _) | (Some(Vrrp::Fault), true) => {}
            (_, true) => self.speaks(n, Vrrp::Fault),
            (Some(Vrrp::Fault | Vrrp::Stop), false) => self.speaks(n, Vrrp::Backup),
            _ => {}
        }
    }

    /// keepalived changes its mind.
    pub fn speaks(&mut self, n: usize, word: Vrrp) {
        let node = &mut self.nodes[n];
        node.keepalived = Some(word);
        node.vip = word == Vrrp::Master;
        node.deaf = 0;
        node.fifo.push(Message::Vrrp(word));
    }

    /// Whether `n` is about to take the VIP: it has heard no advert for long enough, or
    /// that the other one resigns.
    pub fn may_be_master(&self, n: usize) -> bool {
        let (node, other) = (&self.nodes[n], &self.nodes[1 - n]);
        let resigned = !other.advertises() && other.power == Power::On;
        node.power == Power::On && node.keepalived == Some(Vrrp::Backup) && (node.deaf == 2 || resigned)
    }

    /// Sets or clears a track file.
    pub fn set_fault(&mut self, n: usize, fault: Fault, on: bool) {
        let faults = &mut self.nodes[n].faults;
        if on {
            faults.insert(fault)
        } else {
            faults.remove(&fault)
        };
        self.keepalived_looks(n);
    }

    /// A unit starts.
    pub fn starts(&mut self, n: usize, service: Service) {
        let node = &mut self.nodes[n];
        if node.up(service) {
            return;
        }
        match service {
            Service::Database => node.db.start(),
            Service::Api => node.api = true,
            Service::Keepalived => {
                let bad = node.ill || !node.faults.is_empty();
                self.speaks(n, if bad { Vrrp::Fault } else { Vrrp::Backup });
            }
        }
        self.nodes[n].fifo.push(Message::Started(service));
    }

    /// A unit is stopped in the ordinary way; the hook of the database kills it within
    /// a session.
    pub fn stops(&mut self, n: usize, service: Service) {
        if !self.nodes[n].up(service) {
            return;
        }
        match service {
            Service::Database if self.nodes[n].in_session() => self.nodes[n].db.crash(),
            Service::Database => self.database_stops(n),
            Service::Api => self.nodes[n].api = false,
            Service::Keepalived => {
                let node = &mut self.nodes[n];
                (node.keepalived, node.vip) = (None, false);
                node.fifo.push(Message::Vrrp(Vrrp::Stop));
            }
        }
        self.nodes[n].fifo.push(Message::Stopped { service, clean: true });
    }

    /// An ordinary stop commits what waits, and may say so (docs/FACTS.md#semi-sync-shutdown-commits).
    pub fn database_stops(&mut self, n: usize) {
        let db = &mut self.nodes[n].db;
        self.acknowledged |= std::mem::take(&mut db.waiting);
        db.crash();
    }

    /// The database is killed, and its unit's hook says so.
    pub fn database_dies(&mut self, n: usize) {
        if !self.nodes[n].db.up {
            return;
        }
        self.nodes[n].db.crash();
        self.set_fault(n, Fault::Db, true);
        self.nodes[n].fifo.push(Message::Stopped { service: Service::Database, clean: false });
    }
}
