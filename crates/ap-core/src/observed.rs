//! What a node sees of itself and of its peer, in words of the domain.
//!
//! Adapters fill these in; the planner reads them. A thing that did not answer
//! is an `Err` with the reason, never a default.

use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::gtid::{GtidPos, GtidState};
use crate::mode::{Service, Vrrp};
use crate::state::State;

/// What systemd says of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UnitState {
    /// `ActiveState`: active, inactive, failed, activating, deactivating, reloading.
    pub active: String,
    /// `UnitFileState`: enabled, disabled, masked, static, ...; empty when there is no file.
    pub file: String,
}

impl UnitState {
    /// Whether the unit runs.
    pub fn is_active(&self) -> bool {
        matches!(self.active.as_str(), "active" | "reloading")
    }

    /// Whether the unit does nothing at all.
    pub fn is_down(&self) -> bool {
        matches!(self.active.as_str(), "inactive" | "failed")
    }

    /// Whether nothing can start it.
    pub fn is_masked(&self) -> bool {
        self.file == "masked"
    }
}

/// The four units of a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Units {
    /// The unit named after the codename.
    pub start: UnitState,
    /// MariaDB.
    pub database: UnitState,
    /// The REST API.
    pub api: UnitState,
    /// keepalived.
    pub keepalived: UnitState,
}

impl Units {
    /// The state of one service.
    pub fn get(&self, service: Service) -> &UnitState {
        match service {
            Service::Database => &self.database,
            Service::Api => &self.api,
            Service::Keepalived => &self.keepalived,
        }
    }
}

/// What MariaDB says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct DbStatus {
    /// `version()`.
    pub version: String,
    /// `server_id`.
    pub server_id: u32,
    /// `read_only`.
    pub read_only: bool,
    /// `log_bin`.
    pub log_bin: bool,
    /// `gtid_binlog_pos`: last transaction in the own binary log, per domain.
    pub binlog_pos: GtidPos,
    /// `gtid_slave_pos`: last transaction applied from a master, per domain.
    pub slave_pos: GtidPos,
    /// `gtid_binlog_state`: last transaction per domain and server.
    pub binlog_state: GtidState,
    /// `rpl_semi_sync_master_enabled`.
    pub semi_sync: bool,
    /// `Rpl_semi_sync_master_clients`: replicas connected in semi-sync.
    pub semi_sync_clients: u32,
    /// `Rpl_semi_sync_master_wait_sessions`: commits that wait for their acknowledgement.
    pub semi_sync_waiting: u32,
    /// `Rpl_semi_sync_master_yes_tx`: commits acknowledged by a replica so far.
    pub semi_sync_acknowledged: u64,
    /// `rpl_semi_sync_slave_enabled`.
    pub semi_sync_replica: bool,
    /// Where the server says its process id is kept.
    pub pid_file: String,
    /// Connection id of the replication SQL thread, 0 when it does not run.
    pub sql_thread: u64,
    /// Tables in schemas other than MariaDB's own.
    pub user_tables: u64,
    /// `SHOW ALL SLAVES STATUS`, if replication is configured.
    pub replica: Option<Replica>,
}

/// The replica side of a database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Replica {
    /// `Master_Host`.
    pub master_host: String,
    /// `Slave_IO_Running`: No, Connecting, Preparing, Yes.
    pub io: String,
    /// `Slave_SQL_Running` is Yes.
    pub sql: bool,
    /// `Master_Log_File`: where the master reads. Empty from CHANGE MASTER to the first
    /// event, which comes only once the master has found what this replica asks for.
    pub master_log: String,
    /// `Gtid_IO_Pos`: last transaction received, per domain.
    pub io_pos: GtidPos,
    /// `Last_IO_Errno` and `Last_IO_Error`, empty when none.
    pub io_error: String,
    /// `Last_SQL_Errno` and `Last_SQL_Error`, empty when none.
    pub sql_error: String,
    /// `Seconds_Behind_Master`.
    pub behind: Option<u64>,
}

impl Replica {
    /// Whether the IO thread is connected and receives.
    pub fn receives(&self) -> bool {
        self.io == "Yes"
    }

    /// Whether the master does not have what this replica asks for: purged, or
    /// the histories have forked. Starting again would only repeat it.
    pub fn cannot_receive(&self) -> bool {
        self.io == "No" && self.io_error.contains("1236")
    }
}

/// Whether the world beyond the peer can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gateway {
    /// A witness answered.
    Answers,
    /// None answered.
    Silent,
    /// There is none to ask.
    None,
}

/// A snapshot of the node, taken before planning.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Observed {
    /// `state.toml`.
    pub state: State,
    /// keepalived's last word since keepalived was started, if it said any.
    pub vrrp: Option<Vrrp>,
    /// Whether the VIP is on the network interface.
    pub vip: bool,
    /// The units, or why systemd did not say.
    pub units: Result<Units, String>,
    /// The database, or why it did not answer.
    pub db: Result<DbStatus, String>,
    /// Whether the API's health check passes, or why not.
    pub api: Result<(), String>,
    /// The peer's answer, or why there is none.
    pub peer: Result<Answer, String>,
    /// The way out.
    pub gateway: Gateway,
    /// Whether the machine is going down.
    pub shutting_down: bool,
    /// A lease to promote on, or why there is none.
    pub lease: Result<(), String>,
    /// Names the own relay log (see `Answer::relay`).
    pub relay: String,
    /// Whether the services were started on purpose since the machine booted,
    /// and not stopped on purpose since.
    pub started: bool,
    /// Whether a promotion was refused a moment ago.
    pub refused_lately: bool,
    /// Whether a promotion was refused because the peer is active and holds the
    /// VIP: VRRP does not get through.
    pub vrrp_blocked: bool,
    /// Whether this node has been cut off from gateway and peer, or from a
    /// gateway that the peer reaches, for longer than a hiccup.
    pub cut_off: bool,
    /// keepalived's track files that are set.
    pub faults: Vec<crate::mode::Fault>,
}
