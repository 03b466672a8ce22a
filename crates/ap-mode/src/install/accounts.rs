//! MariaDB's part of install: the accounts, and the name of a binary log it already has.

use std::path::Path;

use anyhow::{Context as _, Result};
use ap_core::config::Config;
use ap_core::exit::Exit;
use ap_core::sql::{Account, create_accounts};
use ap_db::MariaDb;
use ap_db::credentials::Credentials;

use crate::failure::Failure;
use crate::output::progress;

/// Where MariaDB keeps its binary log, for an adopted server to go on with: as
/// our settings said before, else as the running server says.
pub fn log_bin(config: &Config, settings: &Path, here: bool) -> Option<String> {
    if let Ok(text) = std::fs::read_to_string(settings) {
        return text
            .lines()
            .find_map(|line| line.strip_prefix("log_bin = "))
            .map(str::to_owned);
    }
    if !here {
        return None;
    }
    let found = root(config).and_then(|mut database| database.log_bin());
    found.unwrap_or_else(|error| {
        progress(&format!(
            "MariaDB does not say whether it keeps a binary log ({error:#}). If it holds data and has one, \
             start it and run ap-mode install again before the first ap-mode set"
        ));
        None
    })
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
    let local = Account {
        user: &credentials.user,
        password: &credentials.password,
    };
    let replication = Account {
        user: &credentials.replication_user,
        password: &credentials.replication_password,
    };
    let addresses: Vec<_> = config.host.iter().map(|host| host.address).collect();
    let created = root(config).and_then(|mut database| {
        database
            .run(&create_accounts(local, replication, &addresses))
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
/// user id of the process.
fn root(config: &Config) -> Result<MariaDb> {
    MariaDb::root(&config.database.socket, config.database.timeout.get())
}
