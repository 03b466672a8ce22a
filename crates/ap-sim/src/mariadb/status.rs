//! What the server says of itself.

use ap_core::gtid::GtidState;
use ap_core::observed::{DbStatus, Replica};

use super::{Io, Server};

impl Server {
    /// What it says of itself.
    pub fn status(&self) -> DbStatus {
        let state = self.logged.iter().map(|((domain, server), seq)| format!("{domain}-{server}-{seq}"));
        let semi_sync = &self.semi_sync;
        DbStatus {
            version: "10.11.19-MariaDB".into(),
            server_id: self.id,
            read_only: self.read_only,
            log_bin: true,
            binlog_pos: self.binlog_pos.shown(),
            slave_pos: self.slave_pos.shown(),
            binlog_state: state.collect::<Vec<_>>().join(",").parse::<GtidState>().unwrap_or_default(),
            semi_sync: semi_sync.enabled || semi_sync.pretends,
            semi_sync_clients: semi_sync.clients,
            semi_sync_waiting: u32::try_from(semi_sync.waiting.len()).unwrap_or(u32::MAX),
            semi_sync_acknowledged: semi_sync.acknowledged,
            semi_sync_replica: self.semi_sync_replica,
            pid_file: "/run/mysqld/mysqld.pid".into(),
            sql_thread: self.sql_thread,
            user_tables: 0,
            replica: self.replica.then(|| self.replica_status()),
        }
    }

    fn replica_status(&self) -> Replica {
        let io = match self.io {
            Io::No => "No",
            Io::Connecting => "Connecting",
            Io::Yes => "Yes",
        };
        Replica {
            master_host: "192.0.2.1".into(),
            io: io.into(),
            sql: self.sql(),
            master_log: if self.io == Io::Yes { "bin.000001".into() } else { String::new() },
            io_pos: self.wanted().shown(),
            io_error: self.io_error.clone(),
            sql_error: self.sql_error.clone(),
            behind: Some(0),
        }
    }
}
