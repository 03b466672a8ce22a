//! The two MariaDB accounts of a node, with no more rights than they use.

use std::net::Ipv4Addr;

use super::{Sql, quoted};

/// Rights of the local account. Found by running each statement of ours with
/// one right less; no SUPER, and not a row of the users' tables readable.
///
/// - BINLOG MONITOR, SLAVE MONITOR (10.5.9 and later): status.
/// - PROCESS: which thread applies, and whether it is still the same.
/// - REPLICATION MASTER ADMIN: the master side of semi-sync.
/// - REPLICATION SLAVE ADMIN: START, STOP, CHANGE MASTER, the replica side of semi-sync.
/// - RELOAD: RESET SLAVE.
/// - READ_ONLY ADMIN: read_only.
/// - CONNECTION ADMIN: one connection when all are taken; ending a statement that hangs.
/// - REFERENCES: unused by MariaDB except that tables can be counted with it.
const LOCAL: &str = "BINLOG MONITOR/*M!100509 , SLAVE MONITOR*/, PROCESS, REPLICATION MASTER ADMIN, \
     REPLICATION SLAVE ADMIN, RELOAD, READ_ONLY ADMIN, CONNECTION ADMIN, REFERENCES";

/// Rights of the replication account: what a replica needs, and what a
/// mariadb-dump of everything needs. It reads no more than a replica reads anyway.
const REPLICATION: &str = "REPLICATION SLAVE, BINLOG MONITOR/*M!100509 , SLAVE MONITOR*/, RELOAD, SELECT, \
     LOCK TABLES, SHOW VIEW, TRIGGER, EVENT/*M!110302 , SHOW CREATE ROUTINE*/";

/// Rights that the local account has on a server of this version, as its version
/// comments count (10.11.6 is 101106).
pub fn local_rights(version: u32) -> Vec<String> {
    rights(LOCAL, version)
}

/// Rights that the replication account has.
pub fn replication_rights(version: u32) -> Vec<String> {
    rights(REPLICATION, version)
}

fn rights(text: &str, version: u32) -> Vec<String> {
    let mut plain = String::new();
    for (n, part) in text.split("/*M!").enumerate() {
        let Some((inside, after)) = part.split_once("*/").filter(|_| n > 0) else {
            plain.push_str(part);
            continue;
        };
        let (since, more) = inside.split_once(' ').unwrap_or((inside, ""));
        if since.parse().is_ok_and(|since: u32| since <= version) {
            plain.push_str(more);
        }
        plain.push_str(after);
    }
    plain.split(',').map(|right| right.trim().to_owned()).collect()
}

/// Name and password of an account.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// User name.
    pub user: &'a str,
    /// Password.
    pub password: &'a str,
}

/// Creates both accounts, or brings them up to date. To be run in one session
/// by a user who may do everything, on each node.
///
/// Nothing is written to the binary log, so both nodes can do this on their own
/// without forking the history; that is why the first statement must not be left out.
/// The replication account is created for both nodes' addresses, so that the
/// accounts are equal on both.
pub fn create_accounts(local: Account<'_>, replication: Account<'_>, addresses: &[Ipv4Addr]) -> Vec<Sql> {
    let mut all: Vec<Sql> = vec!["SET SESSION sql_log_bin=0".into()];
    all.extend(account(local, "localhost", LOCAL));
    for address in addresses {
        all.extend(account(replication, &address.to_string(), REPLICATION));
    }
    all
}

/// One account. ALTER after CREATE, because an account that exists may have another password.
fn account(account: Account<'_>, host: &str, rights: &str) -> [Sql; 3] {
    let name = format!("{}@{}", quoted(account.user), quoted(host));
    [
        Sql::with_secret(&format!("CREATE USER IF NOT EXISTS {name} IDENTIFIED BY "), account.password, ""),
        Sql::with_secret(&format!("ALTER USER {name} IDENTIFIED BY "), account.password, ""),
        Sql::plain(format!("GRANT {rights} ON *.* TO {name}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_depend_on_the_version() {
        let (old, new) = (local_rights(100_508), local_rights(101_106));
        assert!(!old.contains(&"SLAVE MONITOR".to_owned()) && new.contains(&"SLAVE MONITOR".to_owned()));
        assert_eq!((old.len(), new.len()), (8, 9));
        assert_eq!(replication_rights(110_400).last().map(String::as_str), Some("SHOW CREATE ROUTINE"));
        assert_eq!(replication_rights(101_106).last().map(String::as_str), Some("EVENT"));
    }

    #[test]
    fn accounts_fork_no_history_and_show_no_password() {
        let sql = create_accounts(
            Account { user: "ap", password: "one" },
            Account { user: "repl", password: "two" },
            &[Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)],
        );
        let shown: Vec<String> = sql.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 10);
        assert_eq!(shown[0], "SET SESSION sql_log_bin=0");
        assert_eq!(shown[1], "CREATE USER IF NOT EXISTS 'ap'@'localhost' IDENTIFIED BY '***'");
        assert_eq!(sql[1].text(), "CREATE USER IF NOT EXISTS 'ap'@'localhost' IDENTIFIED BY 'one'");
        assert_eq!(shown[5], "ALTER USER 'repl'@'10.0.0.1' IDENTIFIED BY '***'");
        assert!(shown[9].starts_with("GRANT REPLICATION SLAVE, ") && shown[9].ends_with("TO 'repl'@'10.0.0.2'"));
        assert!(!shown.join("\n").contains("SUPER"));
    }
}
