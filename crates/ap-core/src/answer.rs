//! The answer to the one question a node is asked: *what are you?*

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::Brief;
use crate::gtid::{GtidPos, GtidState};
use crate::mode::{Mode, Role, Vrrp};
use crate::observed::Gateway;
use crate::verdict::Verdict;

/// One line of JSON, written on connection; what `ap-mode show --json` prints.
/// Unknown fields are ignored, so that two versions can talk.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answer {
    /// Name of the host in the configuration.
    pub host: String,
    /// Codename; a stranger's answer is no answer.
    pub codename: String,
    /// Version of the toolkit.
    pub version: String,
    /// Mode.
    pub mode: Mode,
    /// Role.
    pub role: Role,
    /// Epoch.
    pub epoch: u64,
    /// Acknowledges alone.
    pub solo: bool,
    /// Has fenced itself: acknowledges nothing any more.
    pub fenced: bool,
    /// Was asked for a switchover, and means to follow whoever promotes on its word.
    #[serde(default)]
    pub switchover: bool,
    /// Is promoting itself right now.
    pub promoting: bool,
    /// An active grants a lease by this very answer, to the standby whose
    /// relay log bears this name (`relay`).
    pub grant: Option<String>,
    /// A standby holds a lease, or may receive one by a question it has under
    /// way. `false` is a promise: no grant given so far can become a lease.
    pub lease: bool,
    /// Names this standby's relay log: it changes whenever received events may
    /// have been lost. Empty when there is none.
    pub relay: String,
    /// keepalived's last word.
    pub vrrp: Option<Vrrp>,
    /// Holds the VIP.
    pub vip: bool,
    /// The way out.
    pub gateway: Gateway,
    /// Writable; `None`: the database does not answer.
    pub writable: Option<bool>,
    /// MariaDB's version, empty when it does not answer.
    pub db_version: String,
    /// The binary log's position.
    pub binlog_pos: GtidPos,
    /// The position applied.
    pub slave_pos: GtidPos,
    /// The position received.
    pub io_pos: GtidPos,
    /// The binary log's state, per domain and server.
    pub binlog_state: GtidState,
    /// Tables that are not MariaDB's own.
    pub user_tables: u64,
    /// Whether replication receives and applies.
    pub replicating: bool,
    /// What is being done, if anything.
    pub doing: String,
    /// Since when in this mode.
    pub since: String,
    /// Who asked for it.
    pub who: String,
    /// Why.
    pub why: String,
    /// PROTECTED or UNPROTECTED: whether each acknowledged write is on both nodes.
    pub protected: bool,
    /// Since when and why.
    pub protection: String,
    /// For people: nothing is decided by it.
    #[serde(default)]
    pub report: Report,
}

/// What `ap-mode status` shows beyond what the two nodes decide by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Report {
    /// The services are meant to run.
    pub started: bool,
    /// What the checks found last: nic, api, db. One that has not run lately is left out.
    pub checks: BTreeMap<String, Verdict>,
    /// Fingerprint of the configuration it works with; empty: an older version.
    pub config: String,
    /// MariaDB's `server_id`, 0 when it does not answer.
    pub server_id: u32,
    /// `Seconds_Behind_Master`.
    pub behind: Option<u64>,
    /// Why replication does not receive or does not apply, in MariaDB's words.
    pub replication_error: String,
    /// Semi-sync is on: of the active its master side, of the standby its replica side.
    pub semi_sync: bool,
    /// Commits that wait for their acknowledgement.
    pub waiting: u32,
    /// What is left of a standby's lease, in milliseconds.
    pub lease_ms: u64,
    /// For how long `protected` has been what it is, in milliseconds.
    pub protected_ms: u64,
    /// What happened last.
    pub event: Option<Brief>,
}

impl Answer {
    /// Whether this node is the one whose data counts.
    pub fn serves(&self) -> bool {
        match self.mode {
            Mode::S => true,
            Mode::Ap => self.role == Role::Active && !self.fenced,
            Mode::M => false,
        }
    }

    /// Whether it serves and is not about to leave: it holds the VIP, or gave it
    /// up only because adverts of a higher priority arrived, or has not yet heard
    /// from keepalived why it is gone. Whoever does not hear the adverts of such a
    /// node must not take over from it (F19).
    pub fn holds_on(&self) -> bool {
        self.serves() && (self.vip || matches!(self.vrrp, Some(Vrrp::Backup | Vrrp::Master)))
    }

    /// Whether it is about to say something else, within milliseconds: keepalived
    /// takes the VIP away before its word arrives, and sends priority 0 before that.
    pub fn in_between(&self) -> bool {
        self.vip || self.vrrp == Some(Vrrp::Master)
    }
}
