//! A node and what is around it: units, database, keepalived, files, the peer.
//!
//! Time is a look: whatever runs out, runs out after so many of them.

use std::collections::VecDeque;

use ap_core::answer::Answer;
use ap_core::message::Verb;
use ap_core::mode::{Fault, Mode, Role, Service, Vrrp};
use ap_core::plan::Cause;
use ap_core::state::State;

use crate::peer::answer;

/// Looks that a lease lasts without being renewed.
pub const LEASE: u8 = 3;
/// Looks that a refusal is remembered.
pub const REFUSED: u8 = 5;
/// The relay log of this node, and that of its peer.
pub const RELAY: &str = "own";
const PEER_RELAY: &str = "peer";

/// What comes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Refused,
    Failed,
}

#[derive(Debug, Clone)]
pub struct World {
    // Survives a reboot.
    pub state: State,
    /// Unit files: the start unit, then the services in starting order.
    pub files: [&'static str; 4],
    pub replica: bool,

    // Survives a kill of the program: the run directory and the FIFO.
    pub started: bool,
    pub faults: Vec<Fault>,
    pub word: Option<Vrrp>,
    pub same_boot: bool,
    pub fifo: VecDeque<Cause>,

    // The machine.
    pub runs: [bool; 3],
    pub read_only: bool,
    pub semi_sync: bool,
    pub io: bool,
    pub sql: bool,
    pub vip: bool,
    pub nic: bool,

    // What is around.
    pub peer: Option<Answer>,
    /// The peer takes over as soon as it may.
    pub ambitious: bool,
    pub gateway: bool,
    pub lease: u8,
    pub cut_off: u8,

    // Memory of the program: what it has read from the FIFO, and what it refused.
    pub gone: Vec<Service>,
    pub lost: Option<Vrrp>,
    pub latest: Option<Vrrp>,
    pub refused: u8,
    pub blocked: bool,

    // What a test does to it, and remembers.
    pub kill_after: Option<usize>,
    /// The kill is the machine's.
    pub power_off: bool,
    pub fail_at: Option<usize>,
    /// Everything received is applied.
    pub drained: bool,
    pub forced: bool,
    pub fence_failed: bool,
    pub must_rest: bool,
    pub last: Option<(Verb, Outcome)>,
}

impl World {
    /// A machine on which the toolkit was just installed.
    pub fn fresh() -> Self {
        Self {
            state: State::fresh(),
            files: ["disabled"; 4],
            replica: false,
            started: false,
            faults: vec![Fault::Db, Fault::Api, Fault::Role],
            word: None,
            same_boot: false,
            fifo: VecDeque::new(),
            runs: [false; 3],
            read_only: true,
            semi_sync: false,
            io: false,
            sql: false,
            vip: false,
            nic: true,
            peer: None,
            ambitious: false,
            gateway: true,
            lease: 0,
            cut_off: 0,
            gone: Vec::new(),
            lost: None,
            latest: None,
            refused: 0,
            blocked: false,
            kill_after: None,
            power_off: false,
            fail_at: None,
            drained: true,
            forced: false,
            fence_failed: false,
            must_rest: false,
            last: None,
        }
    }

    pub fn up(&self, service: Service) -> bool {
        self.runs[index(service)]
    }

    pub fn writable(&self) -> bool {
        self.up(Service::Database) && !self.read_only
    }

    pub fn protected(&self) -> bool {
        let s = &self.state;
        s.mode == Mode::Ap && s.role == Role::Active && !s.solo && self.started
    }

    pub fn standby_is_well(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.replicating)
    }

    pub fn peer_serves(&self) -> bool {
        self.peer.as_ref().is_some_and(Answer::serves)
    }

    /// Starts or ends a process, with what that does to the rest.
    pub fn run(&mut self, service: Service, on: bool, clean: bool) {
        if self.up(service) == on {
            return;
        }
        self.runs[index(service)] = on;
        match (service, on) {
            // A restart throws the relay log away: there is nothing left to drain.
            (Service::Database, _) => {
                (self.read_only, self.semi_sync, self.io, self.sql, self.drained) = (true, false, false, false, true);
            }
            (Service::Keepalived, true) => {
                self.word_from_keepalived(if self.bad() { Vrrp::Fault } else { Vrrp::Backup })
            }
            (Service::Keepalived, false) => {
                self.vip = false;
                self.fifo.push_back(Cause::Vrrp(Vrrp::Stop));
            }
            _ => {}
        }
        if !on && !clean {
            match service {
                Service::Database => self.set_fault(Fault::Db, true),
                Service::Api => self.set_fault(Fault::Api, true),
                Service::Keepalived => {}
            }
        }
        if !on {
            self.fifo.push_back(Cause::Gone(service));
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

    /// keepalived's own last word, heard or not.
    pub fn said(&self) -> Option<Vrrp> {
        let unheard = self.fifo.iter().rev().find_map(|cause| match cause {
            Cause::Vrrp(word) => Some(*word),
            _ => None,
        });
        unheard.or(self.word)
    }

    fn word_from_keepalived(&mut self, word: Vrrp) {
        self.vip = word == Vrrp::Master;
        self.fifo.push_back(Cause::Vrrp(word));
    }

    /// keepalived reads its track files.
    pub fn keepalived_looks(&mut self) {
        if self.up(Service::Keepalived) && (self.said() == Some(Vrrp::Fault)) != self.bad() {
            self.word_from_keepalived(if self.bad() { Vrrp::Fault } else { Vrrp::Backup });
        }
    }

    /// VRRP decides, if this keepalived takes part.
    pub fn elect(&mut self, word: Vrrp) {
        if self.up(Service::Keepalived) && !self.bad() && self.said() != Some(word) {
            self.word_from_keepalived(word);
        }
    }

    /// A moment passes: leases, the election, the peer's own mind.
    pub fn tick(&mut self) {
        self.keepalived_looks();
        let standby = self.state.mode == Mode::Ap && self.state.role == Role::Standby;
        let granted = self.peer.as_ref().is_some_and(|peer| peer.serves() && !peer.solo && peer.mode == Mode::Ap);
        self.lease = if standby && granted && self.io && self.sql { LEASE } else { self.lease.saturating_sub(1) };
        self.refused = self.refused.saturating_sub(1);
        self.blocked &= self.peer.as_ref().is_some_and(|peer| peer.serves() && peer.vip);
        self.cut_off = if self.gateway { 0 } else { (self.cut_off + 1).min(2) };
        let lost = self.state.fenced || (self.protected() && self.state.granted.is_some() && !self.vip);
        if self.ambitious && self.standby_is_well() && lost {
            self.peer_takes_over();
        }
        let free = self.peer.as_ref().is_none_or(|peer| !peer.vip);
        self.elect(if free { Vrrp::Master } else { Vrrp::Backup });
    }

    pub fn peer_takes_over(&mut self) {
        let epoch = self.state.epoch + 1;
        self.peer = Some(answer(Mode::S, Role::Active, epoch));
    }

    /// The active's protection: a session is whole, or nothing is acknowledged by two any more.
    pub fn session(&mut self, open: bool) {
        let s = &mut self.state;
        if s.mode != Mode::Ap || s.role != Role::Active || s.fenced || !self.started || !self.runs[0] || self.read_only
        {
            return;
        }
        if open && !self.peer.as_ref().is_some_and(|peer| peer.replicating) {
            return;
        }
        (s.solo, s.granted) = (!open, open.then(|| PEER_RELAY.to_owned()));
        self.semi_sync = open;
    }
}

pub fn index(service: Service) -> usize {
    match service {
        Service::Database => 0,
        Service::Api => 1,
        Service::Keepalived => 2,
    }
}
