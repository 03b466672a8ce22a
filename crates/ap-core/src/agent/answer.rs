//! *What are you?*: what this node says of itself, as of now.

use std::time::Duration;

use super::{Agent, Effect};
use crate::answer::{Answer, Report};
use crate::mode::{Mode, Role};
use crate::state::Intention;
use crate::verdict::Verdict;

/// What passes by itself in an answer is told anew after this.
const EVERY: Duration = Duration::from_millis(100);

impl Agent {
    /// What this node says of itself.
    pub fn answer(&self, now: Duration) -> Answer {
        let s = &self.state;
        let known = &self.known;
        let db = known.db.as_ref().ok();
        let replica = db.and_then(|db| db.replica.as_ref());
        let promoting = matches!(s.intention, Some(Intention::Promote { .. })) || self.standby.promoting();
        Answer {
            host: self.site.own.name.clone(),
            codename: self.site.config.codename.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            mode: s.mode,
            role: s.role,
            epoch: s.epoch,
            solo: s.solo,
            fenced: s.fenced,
            switchover: s.switching_over(),
            promoting,
            grant: if s.fenced { s.granted.clone() } else { self.grant.clone() },
            // A question that decides on a promotion may bring a fenced active's word.
            lease: self.standby.claims(now) || self.asks_to_promote(),
            relay: known.relay.clone(),
            vrrp: self.inbox.vrrp(),
            vip: known.vip,
            gateway: known.gateway,
            writable: db.map(|db| !db.read_only),
            db_version: db.map(|db| db.version.clone()).unwrap_or_default(),
            binlog_pos: db.map(|db| db.binlog_pos.clone()).unwrap_or_default(),
            slave_pos: db.map(|db| db.slave_pos.clone()).unwrap_or_default(),
            io_pos: replica.map(|replica| replica.io_pos.clone()).unwrap_or_default(),
            binlog_state: db.map(|db| db.binlog_state.clone()).unwrap_or_default(),
            user_tables: db.map_or(0, |db| db.user_tables),
            replicating: replica.is_some_and(|replica| replica.receives() && replica.sql),
            doing: self.run.as_ref().map_or("", super::Run::line).to_owned(),
            since: s.since.clone(),
            who: s.who.clone(),
            why: s.why.clone(),
            protected: self.protected,
            protection: self.protection.clone(),
            report: self.report(now),
        }
    }

    fn report(&self, now: Duration) -> Report {
        let db = self.known.db.as_ref().ok();
        let replica = db.and_then(|db| db.replica.as_ref());
        let standby = self.state.mode == Mode::Ap && self.state.role == Role::Standby;
        let check = &self.site.config.check;
        let stale = 3 * check.interval.get() + check.timeout.get();
        let mut report = Report {
            started: self.started,
            config: self.config.clone(),
            server_id: db.map_or(0, |db| db.server_id),
            behind: replica.and_then(|replica| replica.behind),
            replication_error: replica
                .map(|replica| [replica.io_error.as_str(), &replica.sql_error].join(" ").trim().to_owned())
                .unwrap_or_default(),
            semi_sync: db.is_some_and(|db| if standby { db.semi_sync_replica } else { db.semi_sync }),
            waiting: db.map_or(0, |db| db.semi_sync_waiting),
            lease_ms: if standby { millis(self.standby.left(now)) } else { 0 },
            protected_ms: millis(now.saturating_sub(self.protected_since)),
            event: self.event.clone(),
            ..Report::default()
        };
        for (name, (verdict, at)) in &self.known.checks {
            if now.saturating_sub(*at) <= stale {
                report.checks.insert(name.clone(), verdict.clone());
            }
        }
        // The end of a unit is known before its check runs again.
        for fault in &self.known.faults {
            if let Some(verdict) = report.checks.get_mut(fault.as_str()) {
                *verdict = Verdict::bad("its unit has ended");
            }
        }
        report
    }

    /// Has the peer told what is new, before anything that is ordered because of it.
    pub(super) fn publish(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let answer = Box::new(self.answer(now));
        let known = self
            .published
            .as_ref()
            .is_some_and(|(published, at)| now.saturating_sub(*at) < EVERY && timeless(published) == timeless(&answer));
        if !known {
            self.published = Some((answer.clone(), now));
            out.push(Effect::Publish(answer));
        }
    }
}

/// Without what passes by itself.
fn timeless(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    (answer.report.lease_ms, answer.report.protected_ms) = (0, 0);
    answer
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
