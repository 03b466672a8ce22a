//! The questions to the database.

use anyhow::{Context, Result};
use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder, Row};
use nix::sys::statvfs::statvfs;

use crate::args::Plan;
use crate::check::Facts;

/// More than any answer here; given, so that the client need not ask for it.
const PACKET: usize = 1 << 20;

/// One round trip for the variables and the schemas' list, which is read from
/// the data directory: a server that only answers from memory is not enough.
const STATE: &str = "SELECT CAST(@@GLOBAL.read_only AS CHAR), @@GLOBAL.max_connections, @@GLOBAL.datadir, \
                     COUNT(*) FROM information_schema.SCHEMATA";
const CONNECTIONS: &str = "SHOW GLOBAL STATUS LIKE 'Threads_connected'";
const REPLICAS: &str = "SHOW ALL SLAVES STATUS";

/// A fresh connection, as a client of the API would need one, and what it says.
/// Where the VIP is, replication is not looked at: it is being taken down, and
/// `SHOW ALL SLAVES STATUS` waits for a `STOP SLAVE` under way.
///
/// # Errors
/// The server does not accept, let in or answer; or says what no MariaDB says.
pub fn ask(plan: &Plan, vip: bool) -> Result<Facts> {
    let socket = plan.socket.display();
    let options = OptsBuilder::new()
        .socket(plan.socket.to_str())
        .user(Some(&plan.credentials.user))
        .pass(Some(&plan.credentials.password))
        .read_timeout(Some(plan.deadline))
        .write_timeout(Some(plan.deadline))
        .max_allowed_packet(Some(PACKET))
        .stmt_cache_size(0);
    let mut connection =
        Conn::new(options).with_context(|| format!("failed to connect to the database at {socket}"))?;
    let (read_only, most, data, _): (String, u64, String, u64) = connection
        .query_first(STATE)
        .context("the database does not answer a query")?
        .context("the database has no state")?;
    let (_, connected): (String, u64) = connection
        .query_first(CONNECTIONS)
        .context("the database does not say how many are connected")?
        .context("the database does not count connections")?;
    let replicas: Vec<Row> = if vip {
        Vec::new()
    } else {
        connection.query(REPLICAS).context("the database does not say how it replicates")?
    };
    Ok(Facts {
        read_only: is_set(&read_only),
        // An administrator gets in on one connection more than clients do.
        full: connected > most,
        sql_errors: replicas.iter().filter_map(sql_error).collect(),
        space: space(&data),
        ..Facts::default()
    })
}

/// A number until MariaDB 11, a word later.
fn is_set(value: &str) -> bool {
    !matches!(value.to_ascii_uppercase().as_str(), "0" | "OFF")
}

/// The number of the error that stopped the SQL thread of a replica; one that was
/// stopped by hand is nobody's fault. Only the number: the text holds the
/// statement, and with it data that are nobody's business in a log.
fn sql_error(replica: &Row) -> Option<String> {
    let text = |column: &str| replica.get_opt::<Option<String>, _>(column)?.ok().flatten();
    let (running, number) = (text("Slave_SQL_Running")?, text("Last_SQL_Errno")?);
    (running != "Yes" && number != "0").then_some(number)
}

/// What an ordinary user may still write, in bytes.
fn space(directory: &str) -> Option<u64> {
    let file_system = statvfs(directory).ok()?;
    Some(file_system.blocks_available().saturating_mul(file_system.fragment_size()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_only_has_many_spellings() {
        for (value, expected) in [("0", false), ("1", true), ("OFF", false), ("ON", true), ("NO_LOCK", true)] {
            assert_eq!(is_set(value), expected, "{value}");
        }
    }

    #[test]
    fn space_is_seen_where_there_is_a_directory() {
        assert!(space("/").is_some());
        assert_eq!(space("/nonexistent"), None);
    }
}
