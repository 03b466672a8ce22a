//! MariaDB's global transaction ids: positions, and states that show a fork.
//!
//! A GTID is `domain-server-sequence`. Sequence numbers run per domain, over all
//! servers: after a fork both sides count on from the same number, so comparing
//! numbers alone calls two different transactions equal. What a server wrote is
//! compared per domain **and** server id.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One transaction: `0-1-42`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gtid {
    /// Replication domain.
    pub domain: u32,
    /// `server_id` of the server that first wrote it.
    pub server: u32,
    /// Sequence number within the domain.
    pub seq: u64,
}

/// A text that is no GTID, no position or no state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadGtid {
    /// The part that was not understood.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl fmt::Display for BadGtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' {}", self.text, self.why)
    }
}

impl std::error::Error for BadGtid {}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.domain, self.server, self.seq)
    }
}

impl FromStr for Gtid {
    type Err = BadGtid;
    fn from_str(text: &str) -> Result<Self, BadGtid> {
        let bad = || BadGtid { text: text.to_owned(), why: "is not DOMAIN-SERVER-SEQUENCE" };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        match text.split('-').collect::<Vec<_>>().as_slice() {
            [domain, server, seq] if digits(domain) && digits(server) && digits(seq) => Ok(Self {
                domain: domain.parse().map_err(|_| bad())?,
                server: server.parse().map_err(|_| bad())?,
                seq: seq.parse().map_err(|_| bad())?,
            }),
            _ => Err(bad()),
        }
    }
}

/// The GTIDs of a list separated by commas; an empty text is an empty list.
fn list(text: &str) -> impl Iterator<Item = Result<Gtid, BadGtid>> {
    let parts = (!text.trim().is_empty()).then(|| text.split(','));
    parts.into_iter().flatten().map(|part| part.trim().parse())
}

/// Writes GTIDs as MariaDB does.
fn write_list(f: &mut fmt::Formatter<'_>, gtids: impl Iterator<Item = Gtid>) -> fmt::Result {
    for (index, gtid) in gtids.enumerate() {
        write!(f, "{}{gtid}", if index == 0 { "" } else { "," })?;
    }
    Ok(())
}

/// A position: the last transaction of each domain, as in `gtid_slave_pos`,
/// `gtid_binlog_pos` and `Gtid_IO_Pos`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GtidPos(BTreeMap<u32, Gtid>);

impl GtidPos {
    /// How many transactions this position holds that `other` lacks, by sequence
    /// numbers; 0 when none.
    pub fn ahead_of(&self, other: &Self) -> u64 {
        self.iter().map(|own| own.seq.saturating_sub(other.get(own.domain).map_or(0, |gtid| gtid.seq))).sum()
    }

    /// Whether no transaction is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last transaction of a domain.
    pub fn get(&self, domain: u32) -> Option<Gtid> {
        self.0.get(&domain).copied()
    }

    /// The transactions, by domain.
    pub fn iter(&self) -> impl Iterator<Item = Gtid> {
        self.0.values().copied()
    }

    /// Whether a server at this position has passed `other`: for each domain of
    /// `other`, the own number is not smaller. True only along one history; that
    /// the histories have not forked is for [`GtidState::beyond`] to say.
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|gtid| self.get(gtid.domain).is_some_and(|own| own.seq >= gtid.seq))
    }

    /// The smallest position that covers both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        for gtid in other.iter() {
            let own = joined.0.entry(gtid.domain).or_insert(gtid);
            if own.seq < gtid.seq {
                *own = gtid;
            }
        }
        joined
    }
}

impl fmt::Display for GtidPos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_list(f, self.iter())
    }
}

impl FromStr for GtidPos {
    type Err = BadGtid;
    fn from_str(text: &str) -> Result<Self, BadGtid> {
        let mut pos = BTreeMap::new();
        for gtid in list(text) {
            let gtid = gtid?;
            if pos.insert(gtid.domain, gtid).is_some() {
                return Err(BadGtid { text: gtid.to_string(), why: "names its domain a second time" });
            }
        }
        Ok(Self(pos))
    }
}

/// What a binary log holds: the last sequence number of each domain and server,
/// as in `gtid_binlog_state`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GtidState(BTreeMap<(u32, u32), u64>);

/// Transactions that one binary log holds and another does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extra {
    /// Replication domain.
    pub domain: u32,
    /// Server that wrote them.
    pub server: u32,
    /// The last transaction both have; `None`: they have none of this server in common.
    pub after: Option<u64>,
    /// The last extra transaction. Numbers between `after` and `to` may belong to other servers.
    pub to: u64,
}

impl fmt::Display for Extra {
    /// `0-1-(5..7]`: of domain 0, server 1, everything after 5 up to and with 7.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-(", self.domain, self.server)?;
        if let Some(after) = self.after {
            write!(f, "{after}")?;
        }
        write!(f, "..{}]", self.to)
    }
}

impl GtidState {
    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last transaction of each domain and server.
    pub fn iter(&self) -> impl Iterator<Item = Gtid> {
        self.0.iter().map(|(&(domain, server), &seq)| Gtid { domain, server, seq })
    }

    /// The transactions here that `other` does not have. Not empty in both
    /// directions: the histories have forked.
    pub fn beyond(&self, other: &Self) -> Vec<Extra> {
        self.iter()
            .map(|own| (own, other.0.get(&(own.domain, own.server)).copied()))
            .filter(|(own, theirs)| theirs.is_none_or(|theirs| theirs < own.seq))
            .map(|(own, after)| Extra { domain: own.domain, server: own.server, after, to: own.seq })
            .collect()
    }

    /// Whether each transaction of `pos` is in this log, written by the very
    /// server that `pos` names.
    pub fn covers_pos(&self, pos: &GtidPos) -> bool {
        pos.iter().all(|gtid| self.0.get(&(gtid.domain, gtid.server)).is_some_and(|&own| own >= gtid.seq))
    }
}

impl fmt::Display for GtidState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_list(f, self.iter())
    }
}

impl FromStr for GtidState {
    type Err = BadGtid;
    fn from_str(text: &str) -> Result<Self, BadGtid> {
        let mut state = BTreeMap::new();
        for gtid in list(text) {
            let gtid = gtid?;
            if state.insert((gtid.domain, gtid.server), gtid.seq).is_some() {
                return Err(BadGtid { text: gtid.to_string(), why: "names its domain and server a second time" });
            }
        }
        Ok(Self(state))
    }
}

/// serde writes both as the string MariaDB writes.
macro_rules! as_string {
    ($name:ty) => {
        impl TryFrom<String> for $name {
            type Error = BadGtid;
            fn try_from(text: String) -> Result<Self, BadGtid> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}
as_string!(GtidPos);
as_string!(GtidState);

#[cfg(test)]
#[path = "gtid_tests.rs"]
mod tests;
