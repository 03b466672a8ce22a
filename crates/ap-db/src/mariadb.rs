//! The real MariaDB.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use ap_core::gtid::GtidPos;
use ap_core::observed::{DbStatus, Replica};
use ap_core::sql::Sql;
use mysql::prelude::Queryable;
use mysql::{Conn, Row};

use crate::credentials::Credentials;
use crate::database::{Database, ServerError};
use crate::session::{Progress, Sessions, plain};
use crate::status;
use crate::version::check_version;

/// Longest wait for the end of a statement that hung. An answer takes a millisecond;
/// when there is none the server is frozen, and nothing will take effect there either.
const END_TIMEOUT: Duration = Duration::from_millis(200);

/// MariaDB behind its local socket. Connects when first used, and again after
/// the server was restarted.
pub struct MariaDb {
    sessions: Sessions,
    timeout: Duration,
}

impl MariaDb {
    /// A server that may not even run yet. `timeout` is the longest call where no
    /// deadline is given, connecting included.
    pub fn new(socket: &Path, credentials: &Credentials, timeout: Duration) -> Self {
        Self { sessions: Sessions::new(socket, credentials), timeout }
    }

    /// A server that runs: connects, and refuses it by name when it is not supported.
    ///
    /// # Errors
    /// It cannot be reached in time, refuses the account, or is not supported.
    pub fn connect(socket: &Path, credentials: &Credentials, timeout: Duration) -> Result<Self> {
        let mut database = Self::new(socket, credentials, timeout);
        let version = database.query_one("SELECT @@version")?.unwrap_or_default();
        check_version(&version)?;
        Ok(database)
    }

    /// Work of which nothing remains if it fails.
    fn read<T: Send + 'static>(
        &mut self,
        limit: Duration,
        work: impl Fn(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.sessions.with(limit, &Progress::default(), work)
    }

    fn rows(&mut self, sql: &str) -> Result<Vec<Row>> {
        let text = sql.to_owned();
        self.read(self.timeout, move |conn| conn.query(&text).map_err(plain))
            .with_context(|| format!("failed to run '{sql}'"))
    }
}

impl Database for MariaDb {
    fn status(&mut self) -> Result<DbStatus> {
        let (values, replica) = self
            .read(self.timeout, |conn| {
                let values: Option<Row> = conn.query_first(status::QUERY).map_err(plain)?;
                let replicas: Vec<Row> = conn.query(status::REPLICA).map_err(plain)?;
                Ok((values, replicas))
            })
            .context("failed to read the status of the database")?;
        let values = values.ok_or_else(|| anyhow!("the database said nothing of its status"))?;
        let mut status = status::values(&values)?;
        check_version(&status.version)?;
        status.replica = status::replica(&replica)?;
        Ok(status)
    }

    fn replica(&mut self) -> Result<Option<Replica>> {
        status::replica(&self.rows(status::REPLICA)?)
    }

    fn run(&mut self, statements: &[Sql], deadline: Duration) -> Result<()> {
        let progress = Progress::default();
        let (seen, work) = (progress.clone(), statements.to_vec());
        let result = self.sessions.with(deadline, &progress, move |conn| {
            for sql in &work {
                if seen.abandoned() {
                    return Err(anyhow!("given up before '{sql}'"));
                }
                conn.query_drop(sql.text()).map_err(|error| refused(error, sql))?;
            }
            Ok(())
        });
        if progress.abandoned() && progress.connection() != 0 && statements.iter().all(takes_effect_later) {
            // Best effort: what matters to the caller is that the deadline passed.
            if let Err(error) = self.sessions.end(progress.connection(), END_TIMEOUT) {
                log::debug!("a statement that hung may still take effect: {error:#}");
            }
        }
        if statements.iter().any(|sql| sql.text().starts_with("SET SESSION")) {
            self.sessions.close();
        }
        result.with_context(|| {
            let shown: Vec<String> = statements.iter().map(ToString::to_string).collect();
            format!("failed to run '{}'", shown.join("; "))
        })
    }

    fn query_one(&mut self, sql: &str) -> Result<Option<String>> {
        let rows = self.rows(sql)?;
        Ok(rows.first().and_then(|row| status::text(row, 0)))
    }

    fn query_pairs(&mut self, sql: &str) -> Result<Vec<(String, String)>> {
        let rows = self.rows(sql)?;
        let cell = |row: &Row, index| status::text(row, index).unwrap_or_default();
        Ok(rows.iter().map(|row| (cell(row, 0), cell(row, 1))).collect())
    }

    fn wait_pos(&mut self, pos: &GtidPos, slice: Duration) -> Result<bool> {
        let sql = format!("SELECT MASTER_GTID_WAIT('{pos}', {:.3})", slice.as_secs_f64());
        let text = sql.clone();
        let row: Option<Row> = self
            .read(slice + self.timeout, move |conn| conn.query_first(&text).map_err(plain))
            .with_context(|| format!("failed to run '{sql}'"))?;
        match row.and_then(|row| status::text(&row, 0)).as_deref() {
            Some("0") => Ok(true),
            Some("-1") => Ok(false),
            other => Err(anyhow!("'{sql}' returned {}", other.unwrap_or("NULL"))),
        }
    }
}

/// A server's refusal, with the statement's passwords taken out of its words.
fn refused(error: mysql::Error, sql: &Sql) -> anyhow::Error {
    match plain(error).downcast::<ServerError>() {
        Ok(error) => ServerError { message: sql.mask(&error.message), ..error }.into(),
        Err(error) => error,
    }
}

/// Whether a statement left hanging would change the server at some later time.
/// Never true for what can wait for an acknowledgement: ending a commit that
/// waits makes the server call it done.
fn takes_effect_later(sql: &Sql) -> bool {
    ["SET GLOBAL ", "START ", "STOP ", "RESET SLAVE", "CHANGE MASTER "].iter().any(|verb| sql.text().starts_with(verb))
}
