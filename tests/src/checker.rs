//! Compares what clients were told with what the nodes have.

use std::collections::HashSet;

use anyhow::{Context, Result, ensure};

use crate::history::History;
use crate::node::Node;

/// What the survivor has of what was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many writes clients were told are done.
    pub acknowledged: usize,
    /// Keys of those that are not there: lost.
    pub missing: Vec<i64>,
    /// Keys that are there although no client was told so: allowed.
    pub unacknowledged: Vec<i64>,
}

impl Verdict {
    /// An error if anything acknowledged is missing.
    pub fn nothing_lost(&self) -> Result<()> {
        let missing = &self.missing;
        ensure!(
            missing.is_empty(),
            "{} of {} acknowledged writes are missing, first {:?}",
            missing.len(),
            self.acknowledged,
            &missing[..missing.len().min(5)]
        );
        Ok(())
    }
}

/// Looks up everything in `history` in a table of `node`. `table` is
/// [`crate::sql::TABLE`] or [`crate::http::TABLE`].
pub fn check(node: &Node, table: &str, history: &History) -> Result<Verdict> {
    Ok(compare(history, &keys(node, table)?))
}

/// Keys in a table of `node`.
pub fn keys(node: &Node, table: &str) -> Result<HashSet<i64>> {
    let column = if table == crate::sql::TABLE { "k" } else { "id" };
    node.sql(&format!("SELECT {column} FROM {table}"))?
        .lines()
        .map(|line| line.parse().with_context(|| format!("no key in {table}: {line}")))
        .collect()
}

fn compare(history: &History, present: &HashSet<i64>) -> Verdict {
    let mut verdict = Verdict::default();
    for write in history.writes() {
        match (write.node().is_some(), present.contains(&write.key)) {
            (true, there) => {
                verdict.acknowledged += 1;
                if !there {
                    verdict.missing.push(write.key);
                }
            }
            (false, true) => verdict.unacknowledged.push(write.key),
            (false, false) => (),
        }
    }
    verdict
}

/// Checksum of a table's rows.
pub fn checksum(node: &Node, table: &str) -> Result<String> {
    node.sql(&format!("CHECKSUM TABLE {table} EXTENDED"))
}

/// An error unless both nodes have the same rows.
pub fn same(one: &Node, other: &Node, table: &str) -> Result<()> {
    let (first, second) = (checksum(one, table)?, checksum(other, table)?);
    if first != second {
        let (mine, theirs) = (keys(one, table)?, keys(other, table)?);
        anyhow::bail!(
            "{table} differs: {} rows only on {}, {} only on {} ({first} / {second})",
            mine.difference(&theirs).count(),
            one.name(),
            theirs.difference(&mine).count(),
            other.name()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::history::{Outcome, Write};

    #[test]
    fn tells_lost_from_unacknowledged() {
        let now = Instant::now();
        let acknowledged = Outcome::Acknowledged { node: "a".to_owned() };
        let failed = Outcome::Failed("reset".to_owned());
        let outcomes = [&acknowledged, &acknowledged, &failed, &failed];
        let writes = outcomes.into_iter().zip(1..).map(|(outcome, key)| Write {
            key,
            sent: now,
            done: now,
            outcome: outcome.clone(),
        });
        let history = History::new(writes.collect(), now);
        let verdict = compare(&history, &HashSet::from([1, 3]));
        assert_eq!(verdict.acknowledged, 2);
        assert_eq!(verdict.missing, [2]);
        assert_eq!(verdict.unacknowledged, [3]);
        assert!(verdict.nothing_lost().is_err());
    }
}
