//! A database that lives in memory, for the tests of every crate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use ap_core::gtid::GtidPos;
use ap_core::observed::{DbStatus, Replica};
use ap_core::sql::Sql;

use crate::database::Database;

/// Follows the statements of `ap_core::sql`; clones share one server.
#[derive(Debug, Clone, Default)]
pub struct FakeDb(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    status: DbStatus,
    down: Option<String>,
    lagging: bool,
    threads: u64,
    calls: Vec<String>,
    failing: Vec<(String, String)>,
    answers: BTreeMap<String, Vec<(String, String)>>,
}

impl FakeDb {
    /// A server in this state.
    pub fn new(status: DbStatus) -> Self {
        let fake = Self::default();
        fake.inner().status = status;
        fake
    }

    /// Changes the server behind the toolkit's back.
    pub fn change(&self, change: impl FnOnce(&mut DbStatus)) {
        change(&mut self.inner().status);
    }

    /// The server does not answer, for this reason; or does again.
    pub fn set_down(&self, why: Option<&str>) {
        self.inner().down = why.map(str::to_owned);
    }

    /// What was received is not applied, or is.
    pub fn set_lagging(&self, on: bool) {
        self.inner().lagging = on;
    }

    /// From now on statements that begin so fail with this reason.
    pub fn fail(&self, begin: &str, why: &str) {
        self.inner().failing.push((begin.into(), why.into()));
    }

    /// Statements succeed again.
    pub fn heal(&self) {
        self.inner().failing.clear();
    }

    /// What a query returns.
    pub fn answer(&self, sql: &str, rows: &[(&str, &str)]) {
        let rows = rows.iter().map(|&(a, b)| (a.to_owned(), b.to_owned())).collect();
        self.inner().answers.insert(sql.into(), rows);
    }

    /// The statements run so far, in order, passwords as `***`.
    pub fn calls(&self) -> Vec<String> {
        self.inner().calls.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn reach(&self) -> Result<()> {
        match &self.down {
            Some(why) => bail!("failed to connect to the database: {why}"),
            None => Ok(()),
        }
    }

    fn apply(&mut self, text: &str) {
        let on = text.ends_with("=ON");
        let status = &mut self.status;
        let received = status.slave_pos.clone();
        let start = |replica: &mut Replica, io: bool, sql: bool| {
            // As the real one: starting from both threads stopped drops the relay log.
            if replica.io == "No" && !replica.sql {
                replica.io_pos = received.clone();
            }
            if io {
                replica.io = "Yes".into();
            }
            replica.sql |= sql;
        };
        match text.split_once('=').map_or(text, |(name, _)| name) {
            "SET GLOBAL read_only" => status.read_only = on,
            "SET GLOBAL rpl_semi_sync_master_enabled" => {
                status.semi_sync = on;
                if !on {
                    status.semi_sync_waiting = 0;
                }
            }
            "SET GLOBAL rpl_semi_sync_slave_enabled" => status.semi_sync_replica = on,
            "RESET SLAVE ALL" => {
                status.replica = None;
                status.sql_thread = 0;
            }
            "CHANGE MASTER TO MASTER_HOST" => {
                let host = text.split('\'').nth(1).unwrap_or_default().to_owned();
                let io_pos = status.slave_pos.clone();
                status.replica = Some(Replica { master_host: host, io: "No".into(), io_pos, ..Replica::default() });
            }
            other => {
                if let Some(replica) = &mut status.replica {
                    let applied = replica.sql;
                    match other {
                        "STOP ALL SLAVES" => (replica.io, replica.sql) = ("No".into(), false),
                        "STOP SLAVE IO_THREAD" => replica.io = "No".into(),
                        "START SLAVE" => start(replica, true, true),
                        "START SLAVE IO_THREAD" => start(replica, true, false),
                        "START SLAVE SQL_THREAD" => start(replica, false, true),
                        _ => {}
                    }
                    // Each start is another thread.
                    self.threads += u64::from(!applied && replica.sql);
                    status.sql_thread = if replica.sql { self.threads } else { 0 };
                }
            }
        }
    }
}

impl Database for FakeDb {
    fn status(&mut self) -> Result<DbStatus> {
        let inner = self.inner();
        inner.reach()?;
        Ok(inner.status.clone())
    }

    fn replica(&mut self) -> Result<Option<Replica>> {
        self.status().map(|status| status.replica)
    }

    fn run(&mut self, statements: &[Sql], _deadline: Duration) -> Result<()> {
        let mut inner = self.inner();
        inner.reach()?;
        for sql in statements {
            inner.calls.push(sql.to_string());
            if let Some((_, why)) = inner.failing.iter().find(|(begin, _)| sql.text().starts_with(begin)) {
                bail!("failed to run '{sql}': {why}");
            }
            inner.apply(sql.text());
        }
        Ok(())
    }

    fn query_one(&mut self, sql: &str) -> Result<Option<String>> {
        Ok(self.query_pairs(sql)?.into_iter().next().map(|(value, _)| value))
    }

    fn query_pairs(&mut self, sql: &str) -> Result<Vec<(String, String)>> {
        let inner = self.inner();
        inner.reach()?;
        Ok(inner.answers.get(sql).cloned().unwrap_or_default())
    }

    fn wait_pos(&mut self, pos: &GtidPos, _slice: Duration) -> Result<bool> {
        let mut inner = self.inner();
        inner.reach()?;
        let lagging = inner.lagging;
        let status = &mut inner.status;
        if let Some(replica) = status.replica.as_ref().filter(|replica| replica.sql && !lagging) {
            status.slave_pos = status.slave_pos.join(&replica.io_pos);
        }
        Ok(status.slave_pos.covers(pos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ap_core::sql;

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn a_promotion_can_be_played() {
        let fake = FakeDb::new(DbStatus { read_only: true, ..DbStatus::default() });
        let mut db = fake.clone();
        db.run(&sql::change_master("10.0.0.1", 3306, "repl", "secret"), SOON).unwrap();
        db.run(&sql::start_replication(), SOON).unwrap();
        let received: GtidPos = "0-1-5".parse().unwrap();
        fake.change(|status| status.replica.as_mut().unwrap().io_pos = received.clone());
        db.run(&sql::stop_io(), SOON).unwrap();
        fake.set_lagging(true);
        assert!(!db.wait_pos(&received, SOON).unwrap());
        fake.set_lagging(false);
        assert!(db.wait_pos(&received, SOON).unwrap());
        db.run(&sql::stop_replication(), SOON).unwrap();
        db.run(&sql::read_only(false), SOON).unwrap();
        let status = db.status().unwrap();
        assert!(status.replica.is_none() && !status.read_only && status.slave_pos == received);
        assert!(!fake.calls().join("\n").contains("secret"));
    }

    #[test]
    fn the_relay_log_is_dropped_as_the_real_one_does() {
        let fake = FakeDb::default();
        let mut db = fake.clone();
        db.run(&sql::change_master("10.0.0.1", 3306, "repl", "secret"), SOON).unwrap();
        db.run(&sql::start_replication(), SOON).unwrap();
        fake.change(|status| status.replica.as_mut().unwrap().io_pos = "0-1-5".parse().unwrap());
        db.run(&[Sql::plain("STOP ALL SLAVES"), Sql::plain("START SLAVE")], SOON).unwrap();
        assert!(db.replica().unwrap().unwrap().io_pos.is_empty());
    }
}
