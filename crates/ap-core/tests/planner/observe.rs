//! The world as the planner sees it.

use ap_core::observed::{DbStatus, Gateway, Observed, Replica, UnitState, Units};
use ap_core::plan::Cause;

use crate::world::{RELAY, World};

impl World {
    pub fn observe(&self, cause: &Cause) -> Observed {
        let unit = |active: bool, file: &str| UnitState {
            active: if active { "active" } else { "inactive" }.into(),
            file: file.into(),
            main_pid: 0,
        };
        let [start, database, api, keepalived] = self.files;
        let thread = |on: bool| if on { "Yes" } else { "No" };
        let replica = self.replica.then(|| Replica { io: thread(self.io).into(), sql: self.sql, ..Replica::default() });
        let relay = if self.sql { RELAY } else { "" };
        Observed {
            state: self.state.clone(),
            vrrp: self.word,
            vip: self.vip,
            units: Ok(Units {
                start: unit(false, start),
                database: unit(self.runs[0], database),
                api: unit(self.runs[1], api),
                keepalived: unit(self.runs[2], keepalived),
            }),
            db: if self.runs[0] {
                Ok(DbStatus { read_only: self.read_only, semi_sync: self.semi_sync, replica, ..DbStatus::default() })
            } else {
                Err("down".into())
            },
            api: if self.runs[1] { Ok(()) } else { Err("down".into()) },
            peer: self.peer.clone().ok_or_else(|| "silent".into()),
            gateway: if self.gateway { Gateway::Answers } else { Gateway::Silent },
            shutting_down: false,
            lease: if self.lease > 0 && !relay.is_empty() { Ok(()) } else { Err("no lease".into()) },
            relay: relay.into(),
            started: self.started,
            refused_lately: self.refused > 0 && *cause == Cause::Look,
            vrrp_blocked: self.blocked,
            cut_off: self.cut_off >= 2,
            faults: self.faults.clone(),
        }
    }
}
