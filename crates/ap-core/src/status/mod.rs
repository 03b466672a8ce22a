//! What `ap-mode status` shows of both nodes, and how bad it is.
//!
//! - `facts.rs`: one node, in the words of the table and of `--json`.
//! - `judge.rs`: OK, WARNING or CRITICAL, and why.

mod facts;
mod judge;

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::answer::Answer;
use crate::exit::Level;

pub use facts::{Access, Facts, Lease, Replication, Streaming};
pub use judge::{Finding, judge};

/// What is known of one node.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Name of the host in the configuration.
    pub host: String,
    /// The node that asks.
    pub here: bool,
    /// Its answer, or why there is none.
    pub now: Result<Answer, String>,
    /// What was known last, when there is no answer.
    pub last: Option<Last>,
}

/// An answer of some time ago.
#[derive(Debug, Clone)]
pub struct Last {
    /// What was answered.
    pub answer: Answer,
    /// When, by the wall clock, for people (RFC 3339).
    pub at: String,
    /// How many milliseconds ago.
    pub age_ms: u64,
}

impl Sight {
    /// What is known, now or of old.
    pub fn known(&self) -> Option<&Answer> {
        self.now.as_ref().ok().or(self.last.as_ref().map(|last| &last.answer))
    }
}

/// Everything `ap-mode status` says; with `--json` exactly this.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// ok, warning, critical, unknown.
    pub level: Level,
    /// The whole in a sentence.
    pub summary: String,
    /// Everything that is not as it should be, the worst first.
    pub findings: Vec<Finding>,
    /// The virtual address.
    pub vip: Ipv4Addr,
    /// This node, then its peer.
    pub nodes: [Row; 2],
}

/// One node in the table.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// Name of the host in the configuration.
    pub host: String,
    /// The node that was asked by `ap-mode`.
    pub here: bool,
    /// Whether its ap-notify answers. If not, the facts are those last known.
    pub reachable: bool,
    /// Why it does not answer.
    pub silence: Option<String>,
    /// When the facts were learnt, if not just now (RFC 3339).
    pub heard_at: Option<String>,
    /// How many milliseconds ago.
    pub heard_ms: Option<u64>,
    /// What it is; null when nothing was ever heard.
    pub facts: Option<Facts>,
}

/// Puts together what is known of both.
pub fn status(vip: Ipv4Addr, own: &Sight, peer: &Sight) -> Status {
    let (level, summary, findings) = judge(vip, own, peer);
    let row = |sight: &Sight, other: &Sight| Row {
        host: sight.host.clone(),
        here: sight.here,
        reachable: sight.now.is_ok(),
        silence: sight.now.as_ref().err().cloned(),
        heard_at: sight.now.as_ref().err().and(sight.last.as_ref()).map(|last| last.at.clone()),
        heard_ms: sight.now.as_ref().err().and(sight.last.as_ref()).map(|last| last.age_ms),
        facts: sight.known().map(|answer| Facts::new(answer, sight.now.as_ref().ok().and(other.now.as_ref().ok()))),
    };
    Status { level, summary, findings, vip, nodes: [row(own, peer), row(peer, own)] }
}
