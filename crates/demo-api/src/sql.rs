//! One connection to MariaDB, opened again whenever it is lost.

use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, DriverError, Error, Opts, OptsBuilder};

use crate::args::Account;
use crate::model::{NewUser, User};
use crate::store::Failure;

/// ER_DUP_ENTRY.
const DUPLICATE: u16 = 1062;
/// ER_OPTION_PREVENTS_STATEMENT: the server runs with read_only.
const READ_ONLY: u16 = 1290;

/// Longest wait for a lock, in seconds, so that writers of one id do not pile up.
const LOCK_WAIT_SECS: u32 = 5;

/// A connection that may be lost and comes back.
pub struct Link {
    opts: Opts,
    conn: Option<Conn>,
}

impl Link {
    /// Nothing is opened yet. `silence` is the longest the server may leave a
    /// call unanswered.
    pub fn new(account: &Account, silence: Duration) -> Self {
        let locks =
            format!("SET SESSION lock_wait_timeout={LOCK_WAIT_SECS}, innodb_lock_wait_timeout={LOCK_WAIT_SECS}");
        let opts = OptsBuilder::new()
            .socket(Some(account.socket.to_string_lossy()))
            .db_name(Some(&account.database))
            .user(Some(&account.user))
            .pass(account.password.as_ref())
            .tcp_connect_timeout(Some(silence))
            .read_timeout(Some(silence))
            .write_timeout(Some(silence))
            .init(vec![locks]);
        Self { opts: opts.into(), conn: None }
    }

    /// Runs `f`; if a connection kept from before fails, once more on a fresh
    /// one. For what may be repeated only. A connection that saw an error is
    /// not used again.
    pub fn repeatable<T>(&mut self, f: impl Fn(&mut Conn) -> Result<T, Error>) -> Result<T, Failure> {
        if let Some(conn) = &mut self.conn {
            match f(conn) {
                Ok(value) => return Ok(value),
                Err(_) => self.conn = None,
            }
        }
        let mut conn = Conn::new(self.opts.clone()).map_err(not_done)?;
        let value = f(&mut conn).map_err(not_done)?;
        self.conn = Some(conn);
        Ok(value)
    }

    /// Writes a user in a transaction of its own. The transaction is explicit so
    /// that everything before COMMIT is known to have changed nothing, whatever
    /// happens to the connection; only COMMIT can leave the outcome unknown.
    pub fn add(&mut self, user: NewUser) -> Result<User, Failure> {
        self.repeatable(|conn| conn.query_drop("START TRANSACTION"))?;
        // Put back only when the transaction has ended in a known way.
        let Some(mut conn) = self.conn.take() else {
            return Err(Failure::NotDone("no connection".into()));
        };
        let insert = conn.exec_drop("INSERT INTO users (id, name) VALUES (?, ?)", (user.id, &user.name));
        if let Err(e) = insert {
            if conn.query_drop("ROLLBACK").is_ok() {
                self.conn = Some(conn);
            }
            return Err(match e {
                Error::MySqlError(e) if e.code == DUPLICATE => Failure::Duplicate,
                e => not_done(e),
            });
        }
        let picked = i64::try_from(conn.last_insert_id()).unwrap_or_default();
        match conn.query_drop("COMMIT") {
            Ok(()) => {
                self.conn = Some(conn);
                Ok(User { id: user.id.unwrap_or(picked), name: user.name })
            }
            // Refused before anything was written to the binary log.
            Err(Error::MySqlError(e)) if e.code == READ_ONLY => Err(not_done(Error::MySqlError(e))),
            Err(e) => Err(Failure::Unknown(format!("the commit got no answer: {}", reason(&e)))),
        }
    }
}

fn not_done(e: Error) -> Failure {
    Failure::NotDone(reason(&e))
}

/// The error for people; never holds the password.
fn reason(e: &Error) -> String {
    match e {
        Error::MySqlError(e) if e.code == READ_ONLY => "the database is read-only".into(),
        Error::MySqlError(e) => format!("the database says: {} ({})", e.message, e.code),
        Error::IoError(e) => format!("the database does not answer: {e}"),
        Error::DriverError(DriverError::CouldNotConnect(Some((address, cause, _)))) => {
            format!("the database at {address} does not answer: {cause}")
        }
        e => format!("the database does not answer: {e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mysql::MySqlError;

    #[test]
    fn reasons() {
        let server = |code, message: &str| {
            Error::MySqlError(MySqlError { state: "HY000".into(), message: message.into(), code })
        };
        let table = [
            (server(1290, "--read-only"), "the database is read-only"),
            (server(1146, "no table"), "the database says: no table (1146)"),
            (Error::IoError(std::io::Error::other("gone")), "the database does not answer: gone"),
            (
                Error::DriverError(DriverError::CouldNotConnect(Some((
                    "/sock".into(),
                    "refused".into(),
                    std::io::ErrorKind::ConnectionRefused,
                )))),
                "the database at /sock does not answer: refused",
            ),
        ];
        for (error, expected) in table {
            assert_eq!(reason(&error), expected);
        }
    }

    #[test]
    fn a_missing_socket_changes_nothing() {
        let account = Account {
            socket: "/nonexistent/mysqld.sock".into(),
            database: "demo".into(),
            user: "demo".into(),
            password: None,
        };
        let mut link = Link::new(&account, Duration::from_secs(1));
        let user = NewUser { id: None, name: "Ada".into() };
        assert!(matches!(link.add(user), Err(Failure::NotDone(_))));
    }
}
