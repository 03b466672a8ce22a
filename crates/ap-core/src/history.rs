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
/// `copied`: the data here is known to be a copy of the peer's. One that was made
/// before the first transaction has no position, and is none the worse for it.
///
/// # Errors
/// Transactions here that the peer lacks, or data whose origin nothing proves.
pub fn compare(own: &DbStatus, peer: &Answer, copied: bool) -> Result<(), Forked> {
    let reseed = "`ap-mode set ap --reseed` replaces this node's data by the peer's; the old data directory is kept";
    let forked = |evidence: String| Err(Forked { evidence, way: reseed.to_owned() });
    let extra = own.binlog_state.beyond(&peer.binlog_state);
    if !extra.is_empty() {
        let list: Vec<String> = extra.iter().map(ToString::to_string).collect();
        return forked(format!("histories have forked: this node has {}, which {} lacks", list.join(", "), peer.host));
    }
    let blank = own.binlog_state.is_empty() && own.slave_pos.is_empty() && !copied;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_without_a_position_is_no_stranger() {
        let own = DbStatus { user_tables: 3, ..DbStatus::default() };
        let peer: Answer = serde_json::from_str(
            r#"{"host":"a","codename":"ap","version":"","mode":"s","role":"active","epoch":1,"solo":false,
            "fenced":false,"promoting":false,"grant":null,"lease":false,"relay":"","vrrp":null,"vip":true,
            "gateway":"answers","writable":true,"db-version":"","binlog-pos":"","slave-pos":"","io-pos":"",
            "binlog-state":"","user-tables":3,"replicating":false,"doing":"","since":"","who":"","why":"",
            "protected":false,"protection":""}"#,
        )
        .unwrap();
        assert!(compare(&own, &peer, false).is_err());
        assert_eq!(compare(&own, &peer, true), Ok(()));
    }
}
