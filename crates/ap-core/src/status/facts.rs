//! One node, in the words of the table.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::answer::Answer;
use crate::event::Brief;
use crate::mode::{Mode, Role, Vrrp};
use crate::verdict::Verdict;

/// How the database can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Takes writes.
    Writable,
    /// Refuses them.
    ReadOnly,
    /// Does not answer.
    Down,
}

/// What replication does on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Streaming {
    /// It receives and applies.
    Streaming,
    /// It should and does not.
    Stopped,
    /// This node is not a standby.
    None,
}

/// Replication, as seen from this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Replication {
    /// streaming, stopped or none.
    pub state: Streaming,
    /// Seconds behind the active, by MariaDB's reckoning.
    pub lag_seconds: Option<u64>,
    /// Transactions that the active has and this node has not applied.
    pub lag_transactions: Option<u64>,
    /// Semi-sync is on.
    pub semi_sync: bool,
    /// Commits that wait for their acknowledgement.
    pub waiting: u32,
    /// In MariaDB's words; empty when all is well.
    pub error: String,
}

/// The right to take over, as given or held by this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lease {
    /// An active grants it.
    pub granted: bool,
    /// A standby: milliseconds until it ends, unless renewed; 0 without one.
    pub left_ms: u64,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// active or standby.
    pub role: Role,
    /// ap, s or m.
    pub mode: Mode,
    /// Counts promotions.
    pub epoch: u64,
    /// An active in `ap` that acknowledges alone.
    pub solo: bool,
    /// It acknowledges nothing any more.
    pub fenced: bool,
    /// It is promoting itself right now.
    pub promoting: bool,
    /// The services are meant to run.
    pub started: bool,
    /// MASTER, BACKUP, FAULT, STOP, or null when keepalived has said nothing.
    pub vrrp: Option<Vrrp>,
    /// It holds the virtual address.
    pub vip: bool,
    /// The API is healthy; null when it was not checked lately.
    pub api: Option<bool>,
    /// Everything that was checked lately: nic, api, db.
    pub checks: BTreeMap<String, Verdict>,
    /// writable, read-only or down.
    pub database: Access,
    /// Its version; empty when it is down.
    pub database_version: String,
    /// Replication.
    pub replication: Replication,
    /// The right to take over.
    pub lease: Lease,
    /// Each acknowledged write is on both nodes.
    pub protected: bool,
    /// For how long that has been so, in milliseconds.
    pub protected_ms: u64,
    /// Why, in a sentence.
    pub protection: String,
    /// Since when in this mode (RFC 3339).
    pub since: String,
    /// Who asked for it.
    pub who: String,
    /// Why.
    pub why: String,
    /// What is being done right now; empty when nothing.
    pub doing: String,
    /// What happened last.
    pub last_event: Option<Brief>,
    /// Version of the toolkit.
    pub version: String,
}

impl Facts {
    /// What an answer says, next to the other node's of the same moment.
    pub fn new(answer: &Answer, other: Option<&Answer>) -> Self {
        let report = &answer.report;
        let standby = answer.mode == Mode::Ap && answer.role == Role::Standby;
        let active = other.filter(|other| standby && other.serves() && answer.writable.is_some());
        Self {
            role: answer.role,
            mode: answer.mode,
            epoch: answer.epoch,
            solo: answer.solo,
            fenced: answer.fenced,
            promoting: answer.promoting,
            started: report.started,
            vrrp: answer.vrrp,
            vip: answer.vip,
            api: report.checks.get("api").map(|verdict| verdict.good),
            checks: report.checks.clone(),
            database: match answer.writable {
                Some(true) => Access::Writable,
                Some(false) => Access::ReadOnly,
                None => Access::Down,
            },
            database_version: answer.db_version.clone(),
            replication: Replication {
                state: match (standby, answer.replicating) {
                    (_, true) => Streaming::Streaming,
                    (true, false) => Streaming::Stopped,
                    (false, false) => Streaming::None,
                },
                lag_seconds: report.behind,
                lag_transactions: active.map(|active| active.binlog_pos.ahead_of(&answer.slave_pos)),
                semi_sync: report.semi_sync,
                waiting: report.waiting,
                error: report.replication_error.clone(),
            },
            lease: Lease { granted: answer.grant.is_some(), left_ms: report.lease_ms },
            protected: answer.protected,
            protected_ms: report.protected_ms,
            protection: answer.protection.clone(),
            since: answer.since.clone(),
            who: answer.who.clone(),
            why: answer.why.clone(),
            doing: answer.doing.clone(),
            last_event: report.event.clone(),
            version: answer.version.clone(),
        }
    }
}
