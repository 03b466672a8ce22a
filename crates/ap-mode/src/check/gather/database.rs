//! MariaDB: its option files, and the server as root sees it.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, Result};
use ap_core::config::Config;
use ap_db::{Credentials, Database as _, MariaDb};

use crate::check::database::VARIABLES;
use crate::check::facts::{Database, Server, Whose};
use crate::install::accounts;

/// MariaDB's own schemas.
const SYSTEM: &str = "('mysql','information_schema','performance_schema','sys')";
/// Rights with which read_only does not bind.
const UNBOUND: &str = "('SUPER','READ_ONLY ADMIN','READ ONLY ADMIN')";

pub fn look(config: &Config) -> Database {
    Database {
        options: options().map_err(|error| format!("{error:#}")),
        server: server(config).map_err(|error| format!("{error:#}")),
    }
}

/// What the server would read from its files at its next start.
fn options() -> Result<Vec<(String, String)>> {
    let text = super::output(Command::new("my_print_defaults").arg("--mysqld"))?;
    Ok(text.lines().filter_map(option).collect())
}

fn option(line: &str) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix("--")?.split_once('=').unwrap_or((line.strip_prefix("--")?, ""));
    let name = name.replace('-', "_").to_ascii_lowercase();
    Some((name.strip_prefix("loose_").unwrap_or(&name).to_owned(), value.to_owned()))
}

fn server(config: &Config) -> Result<Server> {
    let mut database = accounts::root(config)?;
    let list = VARIABLES.map(|name| format!("'{name}'")).join(",");
    let pairs = database.query_pairs(&format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({list})"))?;
    let variables: BTreeMap<_, _> = pairs.into_iter().collect();
    let version = database.query_one("SELECT VERSION()")?.context("no version")?;
    let replicas = database.query_pairs("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_clients'")?;
    let mut names = |sql: &str| -> Result<Vec<String>> {
        Ok(database.query_pairs(sql)?.into_iter().map(|(name, _)| name).collect())
    };
    let tables = "SELECT CONCAT(t.table_schema,'.',t.table_name) FROM information_schema.TABLES t";
    let not_innodb = names(&format!(
        "{tables} WHERE t.table_type='BASE TABLE' AND t.engine<>'InnoDB' AND t.table_schema NOT IN {SYSTEM} ORDER BY 1"
    ))?;
    let no_key = names(&format!(
        "{tables} LEFT JOIN information_schema.TABLE_CONSTRAINTS c ON c.table_schema=t.table_schema AND \
         c.table_name=t.table_name AND c.constraint_type='PRIMARY KEY' WHERE t.table_type='BASE TABLE' AND \
         c.constraint_name IS NULL AND t.table_schema NOT IN {SYSTEM} ORDER BY 1"
    ))?;
    let killers = names(
        "SELECT CONCAT(event_schema,'.',event_name) FROM information_schema.EVENTS \
         WHERE UPPER(event_definition) RLIKE '(^|[^A-Z_])KILL[^A-Z_]' ORDER BY 1",
    )?;
    let strong = names(&format!(
        "SELECT DISTINCT grantee FROM information_schema.USER_PRIVILEGES WHERE privilege_type IN {UNBOUND} ORDER BY 1"
    ))?;
    let grants = ours(config, &mut database);
    let known = |account: &String| {
        let local = ["'root'@", "'mysql'@", "'mariadb.sys'@"].iter().any(|name| account.starts_with(name));
        local || grants.iter().any(|(_, ours, _)| ours == account)
    };
    Ok(Server {
        version,
        variables,
        replicas: replicas.first().and_then(|(_, count)| count.parse().ok()).unwrap_or(0),
        // Without credentials nobody knows which accounts are ours.
        unbound: strong.into_iter().filter(|account| !grants.is_empty() && !known(account)).collect(),
        grants,
        not_innodb,
        no_key,
        killers,
    })
}

/// The rights of our accounts.
fn ours(config: &Config, database: &mut MariaDb) -> Vec<(Whose, String, Result<Vec<String>, String>)> {
    let Ok(credentials) = Credentials::read(&config.database.credentials) else { return Vec::new() };
    let mut accounts = vec![(Whose::Local, format!("'{}'@'localhost'", credentials.user))];
    for host in &config.host {
        accounts.push((Whose::Replication, format!("'{}'@'{}'", credentials.replication_user, host.address)));
    }
    accounts
        .into_iter()
        .map(|(whose, account)| {
            let grants = database.query_pairs(&format!("SHOW GRANTS FOR {account}"));
            let lines = grants.map(|rows| rows.into_iter().map(|(line, _)| line).collect());
            (whose, account, lines.map_err(|error| error.root_cause().to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_one_name_each() {
        let table = [
            ("--read-only=ON", Some(("read_only", "ON"))),
            ("--skip_slave_start", Some(("skip_slave_start", ""))),
            ("--loose-x_y=1=2", Some(("x_y", "1=2"))),
            ("mysqld would be", None),
        ];
        for (line, expected) in table {
            let read = option(line);
            assert_eq!(read.as_ref().map(|(name, value)| (name.as_str(), value.as_str())), expected, "{line}");
        }
    }
}
