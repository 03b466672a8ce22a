//! The machine's services: units that start and end, their hooks, and keepalived.

use std::time::Duration;

use ap_core::message::Message;
use ap_core::mode::{Fault, Service, Vrrp};

use crate::world::{Due, MOMENT, World};

/// Three adverts of 100 ms, and the skew.
pub const ROUND: Duration = Duration::from_millis(400);

/// The unit file of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnitFile {
    pub masked: bool,
    pub enabled: bool,
}

impl UnitFile {
    pub fn word(self) -> &'static str {
        match (self.masked, self.enabled) {
            (true, _) => "masked",
            (_, true) => "enabled",
            _ => "disabled",
        }
    }
}

pub fn index(service: Service) -> usize {
    match service {
        Service::Database => 0,
        Service::Api => 1,
        Service::Keepalived => 2,
    }
}

impl World {
    pub fn up(&self, service: Service) -> bool {
        match service {
            Service::Database => self.db.up,
            Service::Api => self.api,
            Service::Keepalived => self.keepalived,
        }
    }

    pub fn runs(&self) -> [bool; 3] {
        [self.db.up, self.api, self.keepalived]
    }

    /// The words of the unit files: the start unit, then the services.
    pub fn files(&self) -> [&'static str; 4] {
        self.unit_files.map(UnitFile::word)
    }

    /// A line is written into the FIFO, which outlives the program.
    pub fn line(&mut self, message: Message) {
        self.later(MOMENT, Due::Line(message));
    }

    /// Starts or ends a process, with what its hooks do.
    pub fn run(&mut self, service: Service, on: bool, clean: bool) {
        if self.up(service) == on {
            return;
        }
        match service {
            Service::Database => self.db.run(on),
            Service::Api => self.api = on,
            Service::Keepalived => self.keepalived_runs(on, clean),
        }
        if on {
            self.line(Message::Started(service));
            return;
        }
        match service {
            Service::Database if !clean => self.set_fault(Fault::Db, true),
            Service::Api if !clean => self.set_fault(Fault::Api, true),
            _ => {}
        }
        self.line(Message::Stopped { service, clean });
    }

    fn keepalived_runs(&mut self, on: bool, clean: bool) {
        self.keepalived = on;
        if on {
            self.speak(if self.bad() { Vrrp::Fault } else { Vrrp::Backup });
            return;
        }
        self.keepalived_ended = self.now;
        self.said = None;
        // Killed, it leaves the VIP where it is.
        if clean {
            self.vip = false;
            self.line(Message::Vrrp(Vrrp::Stop));
        }
    }

    pub fn set_fault(&mut self, fault: Fault, on: bool) {
        self.faults.retain(|set| *set != fault);
        if on {
            self.faults.push(fault);
        }
        self.keepalived_looks();
    }

    fn bad(&self) -> bool {
        !self.nic || !self.faults.is_empty()
    }

    fn speak(&mut self, word: Vrrp) {
        self.said = Some(word);
        self.vip = word == Vrrp::Master;
        self.line(Message::Vrrp(word));
    }

    /// keepalived reads its track files.
    pub fn keepalived_looks(&mut self) {
        if self.keepalived && (self.said == Some(Vrrp::Fault)) != self.bad() {
            self.speak(if self.bad() { Vrrp::Fault } else { Vrrp::Backup });
        }
    }

    /// VRRP decides, if this keepalived takes part.
    pub fn elect(&mut self, word: Vrrp) {
        if self.keepalived && !self.bad() && self.said != Some(word) {
            self.speak(word);
        }
    }

    /// The election is held, and the peer makes up its mind.
    pub fn round(&mut self) {
        self.keepalived_looks();
        self.peer_moves();
        let free = self.adverts_blocked || self.peer.as_ref().is_none_or(|peer| !peer.vip);
        self.elect(if free { Vrrp::Master } else { Vrrp::Backup });
    }
}
