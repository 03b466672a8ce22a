//! A client that writes over SQL.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};

use crate::writer::{ANSWER, CONNECT, Target};

/// Table that SQL writers write to.
pub const TABLE: &str = "lab.writes";
/// Account of the SQL writers, allowed to do anything with that table's database.
pub const USER: &str = "lab";
/// Its password.
pub const PASSWORD: &str = "lab";
/// Makes that table, its database and the account.
pub const SCHEMA: &str = "CREATE DATABASE IF NOT EXISTS lab; \
    CREATE TABLE IF NOT EXISTS lab.writes (k BIGINT PRIMARY KEY, writer INT NOT NULL) ENGINE=InnoDB; \
    CREATE USER IF NOT EXISTS lab@'%' IDENTIFIED BY 'lab'; GRANT ALL ON lab.* TO lab@'%'";

/// Inserts one row per write into [`TABLE`].
pub struct SqlTarget {
    address: Ipv4Addr,
    port: u16,
    user: String,
    password: String,
    answer: Duration,
    connection: Option<(Conn, String)>,
}

impl SqlTarget {
    /// A client of the database at `address`, port 3306.
    pub fn new(address: Ipv4Addr, user: &str, password: &str) -> Self {
        let (user, password) = (user.to_owned(), password.to_owned());
        Self { address, port: 3306, user, password, answer: ANSWER, connection: None }
    }

    /// On another port.
    #[must_use]
    pub fn on_port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Waits this long for an answer instead of a second.
    #[must_use]
    pub fn answer_within(mut self, answer: Duration) -> Self {
        self.answer = answer;
        self
    }

    fn connect(&self) -> Result<(Conn, String)> {
        let options = OptsBuilder::new()
            .ip_or_hostname(Some(self.address.to_string()))
            .tcp_port(self.port)
            .user(Some(&self.user))
            .pass(Some(&self.password))
            .prefer_socket(false)
            .tcp_connect_timeout(Some(CONNECT))
            .read_timeout(Some(self.answer))
            .write_timeout(Some(self.answer));
        let mut connection = Conn::new(options).context("connect")?;
        // A connection ends where it began: asking once is enough.
        let node = connection.query_first("SELECT @@hostname").context("ask who answers")?.context("no hostname")?;
        Ok((connection, node))
    }
}

impl Target for SqlTarget {
    fn write(&mut self, key: i64) -> Result<String> {
        let (mut connection, node) = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        connection.query_drop(format!("INSERT INTO {TABLE} (k, writer) VALUES ({key}, 1)")).context("insert")?;
        // After an error the connection is not put back.
        let acknowledged_by = node.clone();
        self.connection = Some((connection, node));
        Ok(acknowledged_by)
    }
}
