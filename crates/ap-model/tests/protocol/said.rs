//! What a node answers.

use ap_core::answer::{Answer, Report};
use ap_core::gtid::GtidState;
use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::Gateway;

use super::database::{Writes, position};

/// What a node answers, as far as anybody decides by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Said {
    pub mode: Mode,
    pub role: Role,
    pub epoch: u64,
    pub solo: bool,
    pub fenced: bool,
    pub promoting: bool,
    pub grant: u8,
    pub lease: bool,
    pub relay: u8,
    pub vrrp: Option<Vrrp>,
    pub vip: bool,
    pub gateway: Gateway,
    pub writable: Option<bool>,
    pub log: Writes,
    pub received: Writes,
    pub replicating: bool,
}

/// A relay log's name; 0 is none.
pub fn name(number: u8) -> String {
    if number == 0 { String::new() } else { format!("r{number}") }
}

pub fn number(name: &str) -> u8 {
    name.strip_prefix('r').and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

impl Said {
    pub fn answer(&self) -> Answer {
        Answer {
            host: String::new(),
            codename: String::new(),
            version: String::new(),
            mode: self.mode,
            role: self.role,
            epoch: self.epoch,
            solo: self.solo,
            fenced: self.fenced,
            switchover: false,
            promoting: self.promoting,
            grant: (self.grant != 0).then(|| name(self.grant)),
            lease: self.lease,
            relay: name(self.relay),
            vrrp: self.vrrp,
            vip: self.vip,
            gateway: self.gateway,
            writable: self.writable,
            db_version: String::new(),
            binlog_pos: position(self.log),
            slave_pos: position(self.log),
            io_pos: position(self.received),
            binlog_state: GtidState::default(),
            user_tables: 0,
            replicating: self.replicating,
            doing: String::new(),
            since: String::new(),
            who: String::new(),
            why: String::new(),
            protected: false,
            protection: String::new(),
            report: Report::default(),
        }
    }
}
