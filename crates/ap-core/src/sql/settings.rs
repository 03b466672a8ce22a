//! The MariaDB settings a node of a pair needs, as an option file.

use super::FOREVER_MS;

/// What differs between nodes and sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `server_id`: must differ between the two nodes, 1 or more.
    pub server_id: u32,
    /// TCP port.
    pub port: u16,
    /// `log_bin` of a server that already keeps a binary log
    /// (`@@log_bin_basename`). Another name would start a new log at sequence
    /// number 1, and that forks the history.
    pub log_bin: Option<String>,
}

/// The text of the option file, for `Database::settings`.
///
/// `rpl_semi_sync_slave_enabled` is not in it on purpose: in a file it makes
/// older releases cut their binary log after every crash
/// (docs/FACTS.md#recovery-truncates-by-option-file).
pub fn mariadb_settings(settings: &Settings) -> String {
    let Settings { server_id, port, log_bin } = settings;
    let log_bin = log_bin.as_deref().unwrap_or("mariadb-bin");
    format!(
        "# Written by ap-mode install. Settings of one half of an active-standby pair.
[mariadb]
port = {port}
# Addresses come and go; accounts and firewall say who may connect.
bind_address = 0.0.0.0

# One history, in which each transaction has a name.
server_id = {server_id}
log_bin = {log_bin}
binlog_format = ROW
gtid_strict_mode = ON
log_slave_updates = ON
expire_logs_days = 7
loose_slave_connections_needed_for_purge = 0

# What was acknowledged survives a power loss.
sync_binlog = 1
innodb_flush_log_at_trx_commit = 1

# A node that starts serves nobody until it is told to.
read_only = ON
skip_slave_start = ON

# Replica. Names that do not change with the host name; a connection that went
# dead is noticed in 5 s and tried again for ever.
relay_log = mariadb-relay-bin
slave_net_timeout = 5
master_retry_count = 0
slave_parallel_threads = 4

# No commit is acknowledged before the other node has received it, however long
# that takes. Switched on and off at run time only.
rpl_semi_sync_master_enabled = OFF
rpl_semi_sync_master_wait_point = AFTER_SYNC
rpl_semi_sync_master_wait_no_slave = ON
rpl_semi_sync_master_timeout = {FOREVER_MS}
rpl_semi_sync_slave_kill_conn_timeout = 1
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_log_of_an_adopted_server_keeps_its_name() {
        for (log_bin, expected) in
            [(None, "\nlog_bin = mariadb-bin\n"), (Some("/var/log/mysql/old"), "\nlog_bin = /var/log/mysql/old\n")]
        {
            let text = mariadb_settings(&Settings { server_id: 2, port: 3306, log_bin: log_bin.map(Into::into) });
            assert!(text.contains(expected), "{text}");
            assert!(text.contains("\nserver_id = 2\n"), "{text}");
            assert!(!text.contains("rpl_semi_sync_slave_enabled"), "{text}");
        }
    }
}
