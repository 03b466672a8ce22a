//! What the toolkit asks of a database.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use ap_core::gtid::GtidPos;
use ap_core::observed::{DbStatus, Replica};
use ap_core::sql::Sql;

/// The local database, as far as this toolkit needs it.
///
/// # Errors
/// Every method fails when the server does not answer in time; then the chain of
/// causes holds an [`std::io::Error`] of kind `TimedOut`. What the server itself
/// refused is a [`ServerError`] in the chain.
pub trait Database: Send {
    /// Everything at once. Refuses servers that are not supported, by name.
    fn status(&mut self) -> Result<DbStatus>;

    /// The replica side alone, cheap enough for polling. `None`: no replication is configured.
    fn replica(&mut self) -> Result<Option<Replica>>;

    /// Runs statements in order in one session, all of them within `deadline`.
    /// Stops at the first that fails. A `SET GLOBAL` or replication statement that
    /// hangs is ended on the server too, so that it does not take effect later.
    fn run(&mut self, statements: &[Sql], deadline: Duration) -> Result<()>;

    /// First column of the first row; `None` when there is no row or it is NULL.
    fn query_one(&mut self, sql: &str) -> Result<Option<String>>;

    /// First two columns of all rows, NULL as an empty text.
    fn query_pairs(&mut self, sql: &str) -> Result<Vec<(String, String)>>;

    /// Waits until everything up to `pos` is applied, `slice` at most. `Ok(false)`:
    /// not yet; the caller looks around and asks again.
    fn wait_pos(&mut self, pos: &GtidPos, slice: Duration) -> Result<bool>;
}

/// The server answered, with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// MariaDB's error number: 1040 too many connections, 1045 access denied, ...
    pub code: u16,
    /// Its words, passwords taken out.
    pub message: String,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MariaDB error {}: {}", self.code, self.message)
    }
}

impl std::error::Error for ServerError {}
