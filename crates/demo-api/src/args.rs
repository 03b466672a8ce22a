//! The command line, and what follows from it.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;

/// Exit code: the command line is wrong.
pub const USAGE: u8 = 64;
/// Exit code: the address to listen on is not to be had.
pub const UNAVAILABLE: u8 = 69;
/// Exit code: the password file is missing or unsafe.
pub const CONFIG: u8 = 78;

/// Users and quotes over HTTP, kept in MariaDB.
///
/// GET /users[?after=ID&limit=N], GET /users/ID, POST /users {"name": "..."},
/// GET /quote, GET /healthz. A user is answered with 201 only when the
/// transaction that holds it has been committed.
#[derive(Debug, Parser)]
#[command(name = "demo-api", version)]
pub struct Args {
    /// Address and port to listen on
    #[arg(long, default_value = "0.0.0.0:8080", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// MariaDB's socket
    #[arg(long, default_value = "/run/mysqld/mysqld.sock", value_name = "PATH")]
    socket: PathBuf,
    /// Schema that holds the tables users and quotes
    #[arg(long, default_value = "demo", value_name = "NAME")]
    database: String,
    /// MariaDB account
    #[arg(long, default_value = "demo", value_name = "NAME")]
    user: String,
    /// File that holds the account's password and is closed to others; without it no password is sent
    #[arg(long, value_name = "PATH")]
    password_file: Option<PathBuf>,
    /// Connections for reading, and as many again for writing
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,
    /// Longest wait for the answer to GET /healthz; keep it under the health check's own deadline
    #[arg(long, default_value = "600ms", value_name = "TIME", value_parser = duration)]
    health_timeout: Duration,
    /// Longest wait for the answer to any other GET
    #[arg(long, default_value = "2s", value_name = "TIME", value_parser = duration)]
    read_timeout: Duration,
    /// Longest wait for a commit; after it the client is told that the outcome is unknown
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration)]
    write_timeout: Duration,
}

/// Everything the service needs to know, checked.
#[derive(Debug)]
pub struct Settings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// How to reach the database.
    pub account: Account,
    /// Connections per kind of work, 1 to 64.
    pub workers: usize,
    /// Deadlines of answers.
    pub timeouts: Timeouts,
}

/// How to reach the database.
pub struct Account {
    /// MariaDB's socket.
    pub socket: PathBuf,
    /// Schema.
    pub database: String,
    /// Account.
    pub user: String,
    /// Its password, if it has one.
    pub password: Option<String>,
}

// Written by hand so that no debug output ever holds the password.
impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{} on {}", self.user, self.database, self.socket.display())
    }
}

/// Longest time a client waits for an answer.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Of `GET /healthz`.
    pub health: Duration,
    /// Of any other `GET`.
    pub read: Duration,
    /// Of `POST /users`.
    pub write: Duration,
}

impl Args {
    /// Checks what the types cannot and reads the password; on failure with the exit code to use.
    pub fn settings(self) -> Result<Settings, (u8, anyhow::Error)> {
        let password = self.password_file.as_deref().map(read_password).transpose().map_err(|e| (CONFIG, e))?;
        Ok(Settings {
            listen: self.listen,
            account: Account { socket: self.socket, database: self.database, user: self.user, password },
            workers: self.workers.into(),
            timeouts: Timeouts { health: self.health_timeout, read: self.read_timeout, write: self.write_timeout },
        })
    }
}

/// A time such as `600ms` or `2s`: not zero, at most ten minutes.
fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Err(e) => Err(format!("{e}; write for instance 600ms or 2s")),
        Ok(d) if d.is_zero() || d > Duration::from_secs(600) => Err("must be more than 0 and at most 10m".into()),
        Ok(d) => Ok(d),
    }
}

/// The first line of the file, which must be closed to others.
fn read_password(path: &Path) -> Result<String> {
    let name = path.display();
    let meta = std::fs::metadata(path).with_context(|| format!("failed to read the password file {name}"))?;
    let mode = meta.permissions().mode() & 0o777;
    ensure!(
        mode & 0o007 == 0,
        "the password file {name} is open to everyone (mode {mode:04o}): type chmod 0600 {name}"
    );
    let text = std::fs::read_to_string(path).with_context(|| format!("failed to read the password file {name}"))?;
    let line = text.lines().next().unwrap_or_default();
    ensure!(!line.is_empty(), "the password file {name} is empty");
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let table = [
            ("600ms", Some(600)),
            ("2s", Some(2_000)),
            ("10m", Some(600_000)),
            ("0s", None),
            ("11m", None),
            ("2", None),
            ("soon", None),
        ];
        for (input, expected) in table {
            assert_eq!(duration(input).ok(), expected.map(Duration::from_millis), "{input}");
        }
    }

    #[test]
    fn passwords() {
        let dir = std::env::temp_dir().join(format!("demo-api-password-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let table = [
            ("s3cret\n", 0o600, Ok("s3cret")),
            ("s3cret", 0o640, Ok("s3cret")),
            ("a b\nrest\n", 0o400, Ok("a b")),
            ("s3cret\n", 0o644, Err("open to everyone (mode 0644)")),
            ("\n", 0o600, Err("is empty")),
            ("", 0o600, Err("is empty")),
        ];
        for (index, (content, mode, expected)) in table.into_iter().enumerate() {
            let path = dir.join(index.to_string());
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match (read_password(&path), expected) {
                (Ok(password), Ok(wanted)) => assert_eq!(password, wanted),
                (Err(e), Err(wanted)) => assert!(format!("{e:#}").contains(wanted), "{e:#}"),
                (got, wanted) => panic!("{content:?} {mode:o}: {got:?}, expected {wanted:?}"),
            }
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
