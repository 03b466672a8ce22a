//! Replication, drain, read-only.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use ap_core::gtid::GtidPos;
use ap_core::mode::{Mode, Role};
use ap_core::observed::{DbStatus, Replica};
use ap_core::protection::Phase;
use ap_core::sql::{self, Sql};
use ap_net::Unreachable;

use super::refused;
use crate::node::Node;

/// One statement about replication; stopping the IO thread against a vanished
/// host takes 2 s unless the host is unreachable (facts).
const REPLICATION: Duration = Duration::from_secs(10);
/// `read_only` waits for commits under way; in a session these end when the
/// standby acknowledges.
const READ_ONLY: Duration = Duration::from_secs(5);
/// Draining is looked at this often, to give way and to show progress.
const SLICE: Duration = Duration::from_millis(200);

impl Node {
    fn run_sql(&mut self, statements: &[Sql], deadline: Duration) -> Result<()> {
        self.db.run(statements, deadline)
    }

    /// The database, now, for everybody to know.
    pub fn status(&mut self) -> Result<DbStatus> {
        let seen = ap_host::boottime();
        let status = self.db.status()?;
        self.shared.facts().see_db(seen, Ok(status.clone()));
        Ok(status)
    }

    fn replica(&mut self) -> Result<Replica> {
        self.status()?.replica.context("replication is not configured")
    }

    /// After this the old active can get no acknowledgement from here. A silent
    /// peer is made unreachable for the moment, because MariaDB dials it.
    pub fn stop_receiving(&mut self) -> Result<()> {
        let silent = self.shared.facts().heard.answer.is_err();
        let _unreachable = if silent { Some(Unreachable::new(&ap_net::Kernel, self.peer.address)?) } else { None };
        self.run_sql(&sql::stop_io(), REPLICATION)
    }

    /// Everything received is applied, by GTID: with parallel appliers the file
    /// positions never meet. However far behind: slower, never lossy.
    pub fn drain(&mut self) -> Result<()> {
        let target: GtidPos = self.replica()?.io_pos;
        let mut told = ap_host::boottime();
        loop {
            if self.db.wait_pos(&target, SLICE)? {
                return Ok(());
            }
            crate::serve::alive();
            let now = ap_host::boottime();
            if self.moved_on(now) {
                bail!("the VIP has moved on while the relay log was drained");
            }
            let status = self.status()?;
            let replica = status.replica.context("replication was removed while the relay log was drained")?;
            if !replica.sql {
                return Err(refused(
                    format!("the SQL thread stopped while the relay log was drained: {}", replica.sql_error),
                    "bring the active back; or `ap-mode set s --force` accepts the loss of what was not applied",
                ));
            }
            if now.saturating_sub(told) >= Duration::from_secs(1) {
                told = now;
                log::info!("draining the relay log: {} transactions left", target.ahead_of(&status.slave_pos));
            }
        }
    }

    /// The last look before the point of no return: at the database and the gateway
    /// as they are now, not as they were before the drain. So with the peer, once the
    /// lease is over; while one is alive, the active cannot have gone on alone, and a
    /// vanished one costs its whole deadline.
    pub fn confirm(&mut self) -> Result<()> {
        self.look_at_db();
        let leased = {
            let facts = self.shared.facts();
            facts.standby.lease(ap_host::boottime(), &facts.relay).is_ok()
        };
        if !leased {
            self.look_at_peer(false);
        }
        let gateway = self.look_at_gateway();
        let mut facts = self.shared.facts();
        let (relay, epoch) = (facts.relay.clone(), facts.state.epoch);
        let peer = facts.heard.answer.clone().ok();
        facts
            .standby
            .confirm(ap_host::boottime(), &relay, epoch, peer.as_ref(), gateway)
            .map_err(|evidence| refused(evidence, "bring the active back, then let this node catch up"))
    }

    /// Replication off and forgotten; fine when there is none.
    pub fn end_replication(&mut self) -> Result<()> {
        if self.status()?.replica.is_some() {
            self.keep_relay_logs();
            self.run_sql(&sql::stop_replication(), REPLICATION)?;
        }
        self.run_sql(&sql::semi_sync_slave(false), REPLICATION)
    }

    /// A first transaction, unless there is one.
    pub fn begin_history(&mut self) -> Result<()> {
        if self.status()?.binlog_state.is_empty() { self.run_sql(&sql::begin_history(), REPLICATION) } else { Ok(()) }
    }

    /// Semi-sync on the active's side.
    pub fn semi_sync(&mut self, on: bool) -> Result<()> {
        self.run_sql(&sql::semi_sync_master(on), REPLICATION)
    }

    /// Writable or not.
    pub fn read_only(&mut self, on: bool) -> Result<()> {
        self.run_sql(&sql::read_only(on), READ_ONLY)?;
        if let Ok(db) = &mut self.shared.facts().db {
            db.read_only = on;
        }
        Ok(())
    }

    /// Replicates from the peer, anew, acknowledging what arrives.
    pub fn follow(&mut self) -> Result<()> {
        self.keep_relay_logs();
        let mut statements = sql::change_master(
            &self.peer.address.to_string(),
            self.config.database.port,
            &self.credentials.replication_user,
            &self.credentials.replication_password,
        );
        statements.extend(sql::semi_sync_slave(true));
        statements.extend(sql::start_replication());
        self.run_sql(&statements, REPLICATION)
    }

    /// Replicates again from where it stood.
    pub fn resume_replication(&mut self) -> Result<()> {
        self.keep_relay_logs();
        let mut statements = sql::semi_sync_slave(true);
        statements.extend(sql::start_replication());
        self.run_sql(&statements, REPLICATION)
    }

    /// Waits until no lease can be alive, then acknowledges alone.
    pub fn go_solo(&mut self) -> Result<()> {
        let state = self.state();
        if state.mode != Mode::Ap || state.role != Role::Active || state.solo {
            return Ok(());
        }
        let deadline = self.config.pair.lease.get() + self.config.pair.gap.get() + Duration::from_secs(5);
        if let Some(active) = &mut self.active {
            active.want_solo(ap_host::boottime());
        }
        let result = self.wait_until(deadline, "no lease can be alive any more", |node| {
            node.protect();
            Ok(node.active.as_ref().is_some_and(|active| matches!(active.phase(), Phase::Solo { .. })))
        });
        if result.is_err()
            && let Some(active) = &mut self.active
        {
            active.want_pair();
        }
        result
    }
}
