//! Tails of binary logs as the product keeps them: what is given up, row by row.

use std::collections::HashSet;

use anyhow::{Context, Result};

use crate::node::Node;
use crate::{http, sql};

/// A tail, as `mariadb-binlog --verbose` prints it.
pub struct Tail {
    text: String,
}

impl Tail {
    /// The one that a refusal names: `they are kept in FILE`.
    ///
    /// # Errors
    /// It names none, or that cannot be read.
    pub fn named_in(refusal: &str, node: &Node) -> Result<Self> {
        let rest = refusal.split("are kept in ").nth(1).context("no tail is named")?;
        let file = rest.split([';', '\n', ' ']).next().unwrap_or_default();
        Ok(Self { text: node.run(&format!("cat '{file}'"))? })
    }

    /// Keys of the rows it inserts into a table of the writers.
    pub fn keys(&self, table: &str) -> HashSet<i64> {
        let head = format!("### INSERT INTO `{}`", table.replace('.', "`.`"));
        let inserts = self.text.split(&head).skip(1);
        inserts.filter_map(|row| row.split("@1=").nth(1)?.split([' ', '\n']).next()?.parse().ok()).collect()
    }

    /// The same of both tables.
    pub fn all_keys(&self) -> HashSet<i64> {
        [http::TABLE, sql::TABLE].into_iter().flat_map(|table| self.keys(table)).collect()
    }

    /// Its transactions, by the name MariaDB gave them: domain, server, number.
    pub fn gtids(&self) -> HashSet<(u32, u32, u64)> {
        let named = self.text.lines().filter_map(|line| line.split_once("\tGTID ")?.1.split(' ').next());
        named.filter_map(parse).collect()
    }
}

/// `0-1-42`.
fn parse(gtid: &str) -> Option<(u32, u32, u64)> {
    let mut parts = gtid.split('-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What a refusal says this node has and its peer lacks.
#[derive(Debug, PartialEq, Eq)]
pub struct Range {
    /// Replication domain.
    pub domain: u32,
    /// Server that wrote them.
    pub server: u32,
    /// The last common one, 0 for none.
    pub after: u64,
    /// The last one.
    pub to: u64,
}

impl Range {
    /// All that a refusal names, as `0-1-(5..7]`.
    pub fn all(refusal: &str) -> Vec<Self> {
        refusal
            .split([' ', ','])
            .filter_map(|word| {
                let (name, rest) = word.split_once("-(")?;
                let (after, to) = rest.trim_end_matches(']').split_once("..")?;
                let (domain, server) = name.split_once('-')?;
                Some(Self {
                    domain: domain.parse().ok()?,
                    server: server.parse().ok()?,
                    after: after.parse().unwrap_or(0),
                    to: to.parse().ok()?,
                })
            })
            .collect()
    }

    /// Whether it names that transaction.
    pub fn names(&self, (domain, server, number): (u32, u32, u64)) -> bool {
        (domain, server) == (self.domain, self.server) && number > self.after && number <= self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rows_and_names() {
        let text = "#251125 20:00:00 server id 2  end_log_pos 399 CRC32 0x1 \tGTID 0-2-301 trans\n\
                    ### INSERT INTO `lab`.`writes`\n### SET\n###   @1=10000001\n###   @2=1\n\
                    ### INSERT INTO `demo`.`users`\n### SET\n###   @1=7 /* LONGINT */\n###   @2='user 7'\n"
            .to_owned();
        let tail = Tail { text };
        assert_eq!(tail.keys(sql::TABLE), HashSet::from([10_000_001]));
        assert_eq!(tail.keys(http::TABLE), HashSet::from([7]));
        assert_eq!(tail.gtids(), HashSet::from([(0, 2, 301)]));
        assert_eq!(
            Range::all("this node has 0-1-(5..7], 0-2-(..9], which b lacks"),
            [Range { domain: 0, server: 1, after: 5, to: 7 }, Range { domain: 0, server: 2, after: 0, to: 9 }]
        );
    }
}
