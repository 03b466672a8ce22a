//! MariaDB's part of install: the accounts, and the name of a binary log it already has.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ap_core::config::Config;
use ap_core::exit::Exit;
use ap_core::sql::{Account, create_accounts};
use ap_db::credentials::Credentials;
use ap_db::{Database, MariaDb};

use crate::failure::Failure;
use crate::output::progress;

/// Longest creation of both accounts.
const ACCOUNTS_TIMEOUT: Duration = Duration::from_secs(10);

/// Where MariaDB keeps its binary log, for an adopted server to go on with: as
/// the running server says, else as our settings said before.
pub fn log_bin(config: &Config, settings: &Path, here: bool) -> Option<String> {
    let before = std::fs::read_to_string(settings).ok();
    let before = before.as_ref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("log_bin = ")));
    if !here {
        return before.map(str::to_owned);
    }
    match root(config).and_then(|mut database| database.query_pairs("SELECT @@log_bin_basename, @@datadir")) {
        Ok(rows) => {
            let (log, data) = rows.into_iter().next().unwrap_or_default();
            settle(before, &log, &data)
        }
        Err(error) => {
            if before.is_none() {
                progress(&format!(
                    "MariaDB does not say whether it keeps a binary log ({error:#}). If it holds data and has one, \
                     start it and run ap-mode install again before the first ap-mode set"
                ));
            }
            before.map(str::to_owned)
        }
    }
}

/// What `log_bin` has to be, from what our settings said before and what the
/// server says: the same log keeps the name it has in our settings.
fn settle(before: Option<&str>, log: &str, data: &str) -> Option<String> {
    let same = before.filter(|before| log.is_empty() || Path::new(data).join(before) == Path::new(log));
    same.or(Some(log).filter(|log| !log.is_empty())).map(str::to_owned)
}

/// The credentials file's content.
///
/// # Errors
/// [`Exit::Config`]: it cannot be used.
pub fn credentials(config: &Config) -> Result<Credentials> {
    Credentials::read(&config.database.credentials)
        .map_err(|error| Failure::new(Exit::Config, error.to_string()).into())
}

/// Creates both accounts, or brings them up to date, if MariaDB runs.
///
/// # Errors
/// The credentials file cannot be used.
pub fn bring_up(config: &Config) -> Result<()> {
    let path = &config.database.credentials;
    let credentials = credentials(config)?;
    let local = Account { user: &credentials.user, password: &credentials.password };
    let replication = Account { user: &credentials.replication_user, password: &credentials.replication_password };
    let addresses: Vec<_> = config.host.iter().map(|host| host.address).collect();
    let created = root(config).and_then(|mut database| {
        database
            .run(&create_accounts(local, replication, &addresses), ACCOUNTS_TIMEOUT)
            .context("failed to create the accounts")
    });
    if let Err(error) = created {
        progress(&format!(
            "the accounts of {} are not in MariaDB yet: {error:#}. Start it (systemctl start {}) and run ap-mode install again",
            path.display(),
            config.database.unit
        ));
    }
    Ok(())
}

/// A connection as root through the local socket, which MariaDB lets in by the
/// user id of the process and not by a password.
pub fn root(config: &Config) -> Result<MariaDb> {
    let root = Credentials {
        user: "root".into(),
        password: String::new(),
        replication_user: String::new(),
        replication_password: String::new(),
    };
    MariaDb::connect(&config.database.socket, &root, config.database.timeout.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_log_that_exists_is_gone_on_with() {
        let data = "/var/lib/mysql/";
        let table = [
            (None, "", None),
            (None, "/var/log/mysql/old", Some("/var/log/mysql/old")),
            (Some("mariadb-bin"), "", Some("mariadb-bin")),
            (Some("mariadb-bin"), "/var/lib/mysql/mariadb-bin", Some("mariadb-bin")),
            // Written while the server was down, before anybody could ask it.
            (Some("mariadb-bin"), "/var/log/mysql/old", Some("/var/log/mysql/old")),
            (Some("/var/log/mysql/old"), "/var/log/mysql/old", Some("/var/log/mysql/old")),
        ];
        for (before, log, expected) in table {
            assert_eq!(settle(before, log, data).as_deref(), expected, "{before:?} {log}");
        }
    }
}
