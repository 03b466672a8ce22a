//! Waiting until everything received is applied: in slices, so that it gives way and
//! tells how far it is.

use std::time::Duration;

use super::Agent;
use super::acts::Then;
use super::effect::{Act, Effect, Failure, Look};
use super::run::Run;
use crate::exit::Exit;
use crate::gtid::GtidPos;

/// Draining is looked at this often, to give way and to show progress.
const SLICE: Duration = Duration::from_millis(200);
/// How often it is told how much is left to drain.
const TOLD: Duration = Duration::from_secs(1);

impl Agent {
    pub(super) fn drain(&mut self, now: Duration, run: &mut Run, out: &mut Vec<Effect>) -> Option<Result<(), Failure>> {
        let replica = self.known.db.as_ref().ok().and_then(|db| db.replica.as_ref());
        let Some(target) = replica.map(|replica| replica.io_pos.clone()) else {
            return Some(Err(Failure::new(Exit::Unavailable, "replication is not configured")));
        };
        self.drain_slice(now, run, target, now, out)
    }

    pub(super) fn drain_slice(
        &mut self,
        now: Duration,
        run: &mut Run,
        target: GtidPos,
        told: Duration,
        out: &mut Vec<Effect>,
    ) -> Option<Result<(), Failure>> {
        let act = Act::WaitApplied { position: target.clone(), slice: SLICE };
        self.order(now, run, act, Then::Drain { target, told }, out);
        None
    }

    /// Between two slices: whether it can still come to an end.
    pub(super) fn drain_on(
        &mut self,
        now: Duration,
        run: &mut Run,
        (target, mut told, since): (GtidPos, Duration, Duration),
        out: &mut Vec<Effect>,
    ) -> Option<Result<(), Failure>> {
        if self.inbox.vip_is_gone() {
            return Some(Err(vip_is_gone()));
        }
        if !self.want(now, Look::Database, since, out) {
            return None;
        }
        let db = match &self.known.db {
            Ok(db) => db,
            Err(error) => return Some(Err(Failure::new(Exit::Unavailable, error.clone()))),
        };
        let Some(replica) = &db.replica else {
            let text = "replication was removed while the relay log was drained";
            return Some(Err(Failure::new(Exit::Unavailable, text)));
        };
        if !replica.sql {
            return Some(Err(Failure::refused(
                format!("the SQL thread stopped while the relay log was drained: {}", replica.sql_error),
                "bring the active back; or `ap-mode set s --force` accepts the loss of what was not applied",
            )));
        }
        if now.saturating_sub(told) >= TOLD {
            told = now;
            let left = target.ahead_of(&db.slave_pos);
            out.push(Effect::Log(format!("draining the relay log: {left} transactions left")));
        }
        self.drain_slice(now, run, target, told, out)
    }
}

/// A drain gives way.
pub(super) fn vip_is_gone() -> Failure {
    Failure::new(Exit::Unavailable, "the VIP has moved on while the relay log was drained")
}
