//! The peer: a script that says what it is, and takes over when it may.

use std::time::Duration;

use ap_core::answer::{Answer, Report};
use ap_core::gtid::{GtidPos, GtidState};
use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::Gateway;

use crate::world::World;

/// The peer's relay log.
pub const RELAY: &str = "peer-relay";

/// A peer that is well: the active holds the VIP, the standby replicates.
pub fn answer(mode: Mode, role: Role, epoch: u64) -> Answer {
    let serves = mode != Mode::M && role == Role::Active;
    let standby = mode == Mode::Ap && role == Role::Standby;
    let vrrp = if serves { Vrrp::Master } else { Vrrp::Backup };
    Answer {
        host: "host2".into(),
        codename: "ap".into(),
        version: String::new(),
        mode,
        role,
        epoch,
        solo: false,
        fenced: false,
        switchover: false,
        promoting: false,
        grant: None,
        lease: false,
        relay: if standby { RELAY.into() } else { String::new() },
        vrrp: (mode != Mode::M).then_some(vrrp),
        vip: serves,
        gateway: Gateway::Answers,
        writable: (mode != Mode::M).then_some(serves),
        db_version: String::new(),
        binlog_pos: GtidPos::default(),
        slave_pos: GtidPos::default(),
        io_pos: GtidPos::default(),
        binlog_state: GtidState::default(),
        user_tables: 0,
        replicating: standby,
        doing: String::new(),
        since: String::new(),
        who: String::new(),
        why: String::new(),
        protected: false,
        protection: String::new(),
        report: Report::default(),
    }
}

/// Whether it is the standby of a pair.
pub fn stands_by(peer: &Answer) -> bool {
    peer.mode == Mode::Ap && peer.role == Role::Standby
}

impl World {
    /// What the peer answers now: the script, and what follows from this node.
    pub fn peer_says(&self) -> Option<Answer> {
        let mut answer = self.peer.clone().filter(|_| !self.unreachable)?;
        let told = self.told.as_ref();
        if stands_by(&answer) {
            answer.replicating &= self.link && self.db.up;
            if answer.replicating {
                (answer.io_pos, answer.slave_pos) = (self.db.binlog_pos(), self.db.binlog_pos());
            }
            let leased = self.peer_leased();
            answer.lease |= leased;
            answer.protected = leased && self.peer_tells_protected;
        } else if answer.serves() && !answer.solo && answer.mode == Mode::Ap && answer.grant.is_none() {
            // It grants to a standby that receives and applies.
            let relay = told.map(|told| told.relay.clone()).filter(|relay| !relay.is_empty());
            answer.grant = relay.filter(|_| self.link && self.db.io && self.db.sql());
        }
        if !self.forked {
            answer.binlog_state = self.db.binlog_state();
        }
        Some(answer)
    }

    /// Whether the peer may hold a lease: this node grants, or did within its length.
    pub fn peer_leased(&self) -> bool {
        let grants = self.told.as_ref().is_some_and(|told| told.grant.is_some() && !told.fenced);
        grants || self.now < self.lease_end()
    }

    /// This node grants no more. Only a standby, seen or not, has made a lease of it.
    pub fn grant_ends(&mut self) {
        if self.peer.as_ref().is_none_or(stands_by) {
            self.grant_ended = Some(self.now);
        }
    }

    /// When the last lease that this node gave has surely ended.
    pub fn lease_end(&self) -> Duration {
        self.grant_ended.map_or(Duration::ZERO, |ended| ended + self.site.config.pair.lease.get())
    }

    /// An ambitious peer takes over as soon as it may, and pairs again with whoever
    /// says that it was meant so.
    pub fn peer_moves(&mut self) {
        let Some(told) = self.told.clone().filter(|_| self.ambitious) else { return };
        let leased = self.peer_leased();
        let Some(peer) = &mut self.peer else { return };
        let word = told.fenced && told.grant.as_deref() == Some(RELAY);
        if stands_by(peer) && (word || (leased && !self.vip)) {
            *peer = answer(Mode::S, Role::Active, told.epoch + 1);
        } else if told.switchover && told.mode == Mode::Ap && told.role == Role::Standby && peer.mode == Mode::S {
            peer.mode = Mode::Ap;
        }
    }
}
