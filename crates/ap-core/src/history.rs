//! Whether two histories are one, by transaction and by the server that wrote it.

use crate::answer::Answer;
use crate::observed::DbStatus;

/// Why a node cannot simply follow its peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forked {
    /// What was seen.
    pub evidence: String,
    /// What to type.
    pub way: String,
}

/// Compares the own binary log with the peer's, per domain and server id:
/// sequence numbers alone cannot tell a fork, because both sides count on.
///
/// # Errors
/// Transactions here that the peer lacks, or data whose origin nothing proves.
pub fn compare(own: &DbStatus, peer: &Answer) -> Result<(), Forked> {
    let reseed = "`ap-mode set ap --reseed` replaces this node's data by the peer's; the old data directory is kept";
    let forked = |evidence: String| Err(Forked { evidence, way: reseed.to_owned() });
    let extra = own.binlog_state.beyond(&peer.binlog_state);
    if !extra.is_empty() {
        let list: Vec<String> = extra.iter().map(ToString::to_string).collect();
        return forked(format!("histories have forked: this node has {}, which {} lacks", list.join(", "), peer.host));
    }
    let blank = own.binlog_state.is_empty() && own.slave_pos.is_empty();
    if blank && own.user_tables > 0 {
        return forked(format!("this node has {} tables of unknown origin", own.user_tables));
    }
    if blank && peer.user_tables > 0 {
        return forked(format!(
            "{} has {} tables, and nothing proves that all of them are in its binary logs",
            peer.host, peer.user_tables
        ));
    }
    Ok(())
}
