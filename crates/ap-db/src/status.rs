//! What a server says of itself, read into words of the domain.

use anyhow::{Context, Result, anyhow};
use ap_core::observed::{DbStatus, Replica};
use mysql::{Row, Value};

/// One row with everything but replication. Counting tables takes 2 ms per
/// thousand; they are counted without being opened.
pub const QUERY: &str = "SELECT @@version, @@server_id, @@GLOBAL.read_only, @@GLOBAL.log_bin, \
    @@GLOBAL.gtid_binlog_pos, @@GLOBAL.gtid_slave_pos, @@GLOBAL.gtid_binlog_state, \
    @@GLOBAL.rpl_semi_sync_master_enabled, @@GLOBAL.rpl_semi_sync_slave_enabled, \
    (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
      WHERE VARIABLE_NAME='RPL_SEMI_SYNC_MASTER_CLIENTS'), \
    (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
      WHERE VARIABLE_NAME='RPL_SEMI_SYNC_MASTER_WAIT_SESSIONS'), \
    (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
      WHERE VARIABLE_NAME='RPL_SEMI_SYNC_MASTER_YES_TX'), \
    IF(LEFT(@@pid_file, 1)='/', @@pid_file, CONCAT(@@datadir, @@pid_file)), \
    (SELECT MAX(ID) FROM information_schema.PROCESSLIST WHERE COMMAND='Slave_SQL'), \
    (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN \
      ('mysql','information_schema','performance_schema','sys'))";

/// One row per master.
pub const REPLICA: &str = "SHOW ALL SLAVES STATUS";

/// The row of [`QUERY`]; `replica` is left empty.
pub fn values(row: &Row) -> Result<DbStatus> {
    let text = |index| text(row, index).unwrap_or_default();
    let on = |index| !matches!(text(index).as_str(), "" | "0" | "OFF");
    Ok(DbStatus {
        version: text(0),
        server_id: text(1).parse().context("server_id is not a number")?,
        read_only: on(2),
        log_bin: on(3),
        binlog_pos: text(4).parse().context("gtid_binlog_pos is malformed")?,
        slave_pos: text(5).parse().context("gtid_slave_pos is malformed")?,
        binlog_state: text(6).parse().context("gtid_binlog_state is malformed")?,
        semi_sync: on(7),
        semi_sync_replica: on(8),
        semi_sync_clients: text(9).parse().context("Rpl_semi_sync_master_clients is not a number")?,
        semi_sync_waiting: text(10).parse().context("Rpl_semi_sync_master_wait_sessions is not a number")?,
        semi_sync_acknowledged: text(11).parse().unwrap_or(0),
        pid_file: text(12),
        // NULL: the SQL thread does not run.
        sql_thread: text(13).parse().unwrap_or(0),
        user_tables: text(14).parse().context("the number of tables is not a number")?,
        replica: None,
    })
}

/// The rows of [`REPLICA`]. With several masters the one without a name counts,
/// it is the one this toolkit sets up.
pub fn replica(rows: &[Row]) -> Result<Option<Replica>> {
    let named = |row: &&Row| column(row, "Connection_name").is_ok_and(|name| !name.is_empty());
    let Some(row) = rows.iter().find(|row| !named(row)).or(rows.first()) else {
        return Ok(None);
    };
    let error = |number: &str, words: &str| -> Result<String> {
        Ok(match column(row, number)?.as_str() {
            "" | "0" => String::new(),
            code => format!("{code}: {}", column(row, words)?),
        })
    };
    Ok(Some(Replica {
        master_host: column(row, "Master_Host")?,
        io: column(row, "Slave_IO_Running")?,
        sql: column(row, "Slave_SQL_Running")? == "Yes",
        master_log: column(row, "Master_Log_File")?,
        io_pos: column(row, "Gtid_IO_Pos")?.parse().context("Gtid_IO_Pos is malformed")?,
        io_error: error("Last_IO_Errno", "Last_IO_Error")?,
        sql_error: error("Last_SQL_Errno", "Last_SQL_Error")?,
        behind: column(row, "Seconds_Behind_Master")?.parse().ok(),
    }))
}

/// A column by name, NULL as an empty text.
fn column(row: &Row, name: &str) -> Result<String> {
    let index = row.columns_ref().iter().position(|column| column.name_str() == name);
    index.map(|index| text(row, index).unwrap_or_default()).ok_or_else(|| anyhow!("the server has no column {name}"))
}

/// A column by position, whatever its type; `None` for NULL or no such column.
pub fn text(row: &Row, index: usize) -> Option<String> {
    match row.as_ref(index)? {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}
