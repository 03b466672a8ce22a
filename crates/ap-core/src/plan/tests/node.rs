//! Nodes as the planner sees them, healthy until a test says otherwise.

use crate::answer::{Answer, Report};
use crate::gtid::{GtidPos, GtidState};
use crate::mode::{Mode, Role, Vrrp};
use crate::observed::{DbStatus, Gateway, Observed, Replica, UnitState, Units};
use crate::state::{Intention, State};

/// Names the relay log of every standby here.
pub const RELAY: &str = "relay-1";

/// What a node is: mode, role, and whether it acknowledges alone.
pub fn state(mode: Mode, role: Role, solo: bool) -> State {
    State { mode, role, epoch: 1, solo, who: "operator root".into(), ..State::fresh() }
}

/// A node started and well. The active is MASTER, the standby BACKUP with a lease;
/// in `m` nothing runs.
pub fn node(mode: Mode, role: Role, solo: bool) -> Observed {
    let serves = mode != Mode::M && role == Role::Active;
    let runs = mode != Mode::M;
    let replica = (runs && !serves).then(|| Replica { io: "Yes".into(), sql: true, ..Replica::default() });
    let db =
        DbStatus { read_only: !serves, semi_sync: serves && mode == Mode::Ap && !solo, replica, ..DbStatus::default() };
    Observed {
        state: state(mode, role, solo),
        vrrp: runs.then_some(if serves { Vrrp::Master } else { Vrrp::Backup }),
        vip: serves,
        units: Ok(units(mode)),
        db: if runs { Ok(db) } else { Err("not running".into()) },
        api: Ok(()),
        peer: Ok(peer(mode, role)),
        gateway: Gateway::Answers,
        shutting_down: false,
        lease: if runs && !serves { Ok(()) } else { Err("not a standby".into()) },
        relay: if runs && !serves { RELAY.into() } else { String::new() },
        started: runs,
        refused_lately: false,
        vrrp_blocked: false,
        cut_off: false,
        faults: Vec::new(),
    }
}

/// The other half: standby of an active, active of a standby, at rest beside `m`.
fn peer(mode: Mode, role: Role) -> Answer {
    match (mode, role) {
        (Mode::M, _) => answer(Mode::M, Role::Standby),
        (_, Role::Active) => answer(Mode::Ap, Role::Standby),
        (_, Role::Standby) => answer(Mode::Ap, Role::Active),
    }
}

/// A peer that is well and of the same epoch.
pub fn answer(mode: Mode, role: Role) -> Answer {
    let serves = mode != Mode::M && role == Role::Active;
    Answer {
        host: "b".into(),
        codename: "ap".into(),
        version: String::new(),
        mode,
        role,
        epoch: 1,
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

fn units(mode: Mode) -> Units {
    let unit = |active: &str, file: &str| UnitState { active: active.into(), file: file.into() };
    let service = if mode == Mode::M { unit("inactive", "masked") } else { unit("active", "disabled") };
    let start = match mode {
        Mode::M => unit("inactive", "masked"),
        Mode::S => unit("active", "enabled"),
        Mode::Ap => unit("inactive", "disabled"),
    };
    Units { start, database: service.clone(), api: service.clone(), keepalived: service }
}

impl Observed {
    /// This node, but.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// With the peer changed.
    pub fn peer(self, change: impl FnOnce(&mut Answer)) -> Self {
        self.but(|o| change(o.peer.as_mut().unwrap()))
    }

    /// With a peer that does not answer.
    pub fn alone(self) -> Self {
        self.but(|o| o.peer = Err("no route to host".into()))
    }

    /// With the database changed.
    pub fn db(self, change: impl FnOnce(&mut DbStatus)) -> Self {
        self.but(|o| change(o.db.as_mut().unwrap()))
    }

    /// With the replica side changed.
    pub fn replica(self, change: impl FnOnce(&mut Replica)) -> Self {
        self.db(|db| change(db.replica.as_mut().unwrap()))
    }

    /// With the units changed.
    pub fn units(self, change: impl FnOnce(&mut Units)) -> Self {
        self.but(|o| change(o.units.as_mut().unwrap()))
    }

    /// With something begun.
    pub fn amid(self, intention: Intention) -> Self {
        self.but(|o| o.state.intention = Some(intention))
    }

    /// Stopped, or not started since boot.
    pub fn stopped(self) -> Self {
        self.but(|o| {
            o.started = false;
            o.vrrp = None;
            o.vip = false;
            o.db = Err("not running".into());
            o.lease = Err("not running".into());
            o.relay.clear();
        })
        .units(|units| {
            for unit in [&mut units.database, &mut units.api, &mut units.keepalived] {
                unit.active = "inactive".into();
            }
        })
    }
}
