//! The exact SQL that steps consist of and `--dry-run` prints.
//!
//! Everything here works on MariaDB 10.5 to 11.8, with the words all of them
//! know (`SLAVE`, `MASTER`), and is safe to run again.

mod accounts;
mod settings;

use std::fmt;

pub use accounts::{Account, create_accounts, local_rights, replication_rights};
pub use settings::{Settings, mariadb_settings};

/// One statement. Display and Debug show `***` in place of passwords.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sql {
    text: String,
    shown: String,
    secrets: Vec<String>,
}

impl Sql {
    /// A statement without secrets.
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { shown: text.clone(), text, secrets: Vec::new() }
    }

    /// A statement with one password, put as a string literal between `before` and `after`.
    fn with_secret(before: &str, secret: &str, after: &str) -> Self {
        Self {
            text: format!("{before}{}{after}", quoted(secret)),
            shown: format!("{before}'***'{after}"),
            secrets: vec![secret.to_owned()],
        }
    }

    /// The statement as the server must get it, passwords included. Never print it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds a password.
    pub fn is_secret(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// What the server said about this statement, with passwords taken out.
    /// MariaDB quotes the statement in its syntax errors, cut off anywhere.
    pub fn mask(&self, message: &str) -> String {
        if self.is_secret() && message.contains(" near '") {
            return "the server's message is withheld, it quotes the password".into();
        }
        let mut masked = message.to_owned();
        for secret in self.secrets.iter().filter(|secret| !secret.is_empty()) {
            masked = masked.replace(&escaped(secret), "***").replace(secret, "***");
        }
        masked
    }
}

impl From<&str> for Sql {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

impl fmt::Display for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown)
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sql({:?})", self.shown)
    }
}

/// What may not stand in a literal as it is. Holds in every `sql_mode` but
/// NO_BACKSLASH_ESCAPES, which our connections switch off.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{1a}' => out.push_str("\\Z"),
            c => out.push(c),
        }
    }
    out
}

/// A string literal.
fn quoted(text: &str) -> String {
    format!("'{}'", escaped(text))
}

/// Stops receiving, goes on applying. Up to 2 s when the master has vanished,
/// because MariaDB dials back to kill its dump thread.
pub fn stop_io() -> Vec<Sql> {
    vec!["STOP SLAVE IO_THREAD".into()]
}

/// Ends replication and forgets the master. Drops the relay log, so drain first.
pub fn stop_replication() -> Vec<Sql> {
    vec!["STOP ALL SLAVES".into(), "RESET SLAVE ALL".into()]
}

/// Points this server at a master, from the last transaction it has, its own
/// included: an old active that holds nothing extra goes on from there. Drops
/// the relay log, starts nothing.
///
/// The position is set by hand because `MASTER_USE_GTID=current_pos` is deprecated
/// from 10.10 on and would move with a stray local write. `gtid_current_pos` is
/// empty on a server that was given another `server_id` and has written nothing since.
///
/// Retries each second and asks for a heartbeat each second: the defaults, 60 s and
/// 30 s, would leave the pair unprotected for that long after a short cut.
pub fn change_master(host: &str, port: u16, user: &str, password: &str) -> Vec<Sql> {
    let target = format!("MASTER_HOST={}, MASTER_PORT={port}, MASTER_USER={}", quoted(host), quoted(user));
    vec![
        "STOP ALL SLAVES".into(),
        "SET GLOBAL gtid_slave_pos=IF(@@GLOBAL.gtid_current_pos='', @@GLOBAL.gtid_binlog_pos, \
         @@GLOBAL.gtid_current_pos)"
            .into(),
        Sql::with_secret(
            &format!("CHANGE MASTER TO {target}, MASTER_PASSWORD="),
            password,
            ", MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1, MASTER_USE_GTID=slave_pos",
        ),
    ]
}

/// Receives and applies. From both threads stopped it drops the relay log.
pub fn start_replication() -> Vec<Sql> {
    vec!["START SLAVE".into()]
}

/// A transaction that changes nothing, and is written to the binary log, on a
/// read-only server as well (FLUSH in MariaDB's documentation).
pub fn begin_history() -> Vec<Sql> {
    vec!["FLUSH USER_RESOURCES".into()]
}

/// Whether ordinary users may write.
pub fn read_only(on: bool) -> Vec<Sql> {
    set_global("read_only", on)
}

/// Whether these are the statements of [`read_only`], and which.
pub fn is_read_only(statements: &[Sql]) -> Option<bool> {
    [true, false].into_iter().find(|on| statements == read_only(*on))
}

/// Whether commits wait for a replica's acknowledgement.
pub fn semi_sync_master(on: bool) -> Vec<Sql> {
    set_global("rpl_semi_sync_master_enabled", on)
}

/// Whether this replica acknowledges. Takes effect when the IO thread starts.
pub fn semi_sync_slave(on: bool) -> Vec<Sql> {
    set_global("rpl_semi_sync_slave_enabled", on)
}

/// No commit is acknowledged alone because of a timer: 100 years.
pub fn semi_sync_timeout_forever() -> Vec<Sql> {
    vec![Sql::plain(format!("SET GLOBAL rpl_semi_sync_master_timeout={FOREVER_MS}"))]
}

/// 100 years in milliseconds. MariaDB 10.5 to 11.8 accept it.
pub const FOREVER_MS: u64 = 100 * 365 * 24 * 3600 * 1000;

fn set_global(variable: &str, on: bool) -> Vec<Sql> {
    vec![Sql::plain(format!("SET GLOBAL {variable}={}", if on { "ON" } else { "OFF" }))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements() {
        for (statements, expected) in [
            (stop_io(), "STOP SLAVE IO_THREAD"),
            (stop_replication(), "STOP ALL SLAVES; RESET SLAVE ALL"),
            (start_replication(), "START SLAVE"),
            (read_only(true), "SET GLOBAL read_only=ON"),
            (read_only(false), "SET GLOBAL read_only=OFF"),
            (semi_sync_master(true), "SET GLOBAL rpl_semi_sync_master_enabled=ON"),
            (semi_sync_slave(false), "SET GLOBAL rpl_semi_sync_slave_enabled=OFF"),
            (semi_sync_timeout_forever(), "SET GLOBAL rpl_semi_sync_master_timeout=3153600000000"),
        ] {
            let shown: Vec<_> = statements.iter().map(ToString::to_string).collect();
            assert_eq!(shown.join("; "), expected);
            assert!(statements.iter().all(|sql| sql.text() == sql.to_string() && !sql.is_secret()));
        }
    }

    #[test]
    fn literals_cannot_be_left() {
        for (input, expected) in [
            ("", "''"),
            ("plain", "'plain'"),
            ("it's", "'it''s'"),
            (r"back\slash", r"'back\\slash'"),
            (r"\'; DROP", r"'\\''; DROP'"),
            ("line\nbreak\0", r"'line\nbreak\0'"),
            ("über", "'über'"),
        ] {
            assert_eq!(quoted(input), expected, "{input:?}");
        }
    }

    #[test]
    fn passwords_are_never_shown() {
        let statements = change_master("10.0.0.2", 3306, "repl", "s3'cret");
        let sql = statements.last().unwrap();
        assert_eq!(
            sql.text(),
            "CHANGE MASTER TO MASTER_HOST='10.0.0.2', MASTER_PORT=3306, MASTER_USER='repl', \
             MASTER_PASSWORD='s3''cret', MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1, \
             MASTER_USE_GTID=slave_pos"
        );
        assert!(sql.is_secret());
        for shown in [sql.to_string(), format!("{sql:?}")] {
            assert!(shown.contains("MASTER_PASSWORD='***'") && !shown.contains("cret"), "{shown}");
        }
    }

    #[test]
    fn messages_of_the_server_are_masked() {
        let sql = Sql::with_secret("CREATE USER u IDENTIFIED BY ", "s3'cret", "");
        for (message, expected) in [
            ("no such master", "no such master"),
            ("bad s3'cret and s3''cret", "bad *** and ***"),
            ("You have an error near 's3' at", "the server's message is withheld, it quotes the password"),
        ] {
            assert_eq!(sql.mask(message), expected);
        }
        assert_eq!(Sql::plain("SELEKT").mask("error near 'SELEKT'"), "error near 'SELEKT'");
    }
}
