//! Answers of a peer.

use ap_core::answer::{Answer, Report};
use ap_core::gtid::{GtidPos, GtidState};
use ap_core::mode::{Mode, Role};
use ap_core::observed::Gateway;

/// A peer that is well: the active holds the VIP, the standby replicates.
pub fn answer(mode: Mode, role: Role, epoch: u64) -> Answer {
    let serves = mode != Mode::M && role == Role::Active;
    Answer {
        host: "b".into(),
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
        relay: String::new(),
        vrrp: None,
        vip: serves,
        gateway: Gateway::Answers,
        writable: (mode != Mode::M).then_some(serves),
        db_version: String::new(),
        binlog_pos: GtidPos::default(),
        slave_pos: GtidPos::default(),
        io_pos: GtidPos::default(),
        binlog_state: GtidState::default(),
        user_tables: 0,
        replicating: mode == Mode::Ap && role == Role::Standby,
        doing: String::new(),
        since: String::new(),
        who: String::new(),
        why: String::new(),
        protected: false,
        protection: String::new(),
        report: Report::default(),
    }
}
