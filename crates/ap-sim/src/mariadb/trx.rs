//! Transactions: their names and what is in them.

use std::collections::BTreeMap;

use ap_core::gtid::{Gtid, GtidPos};

/// A transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trx {
    /// Names what a client wrote; `None`: no client asks for it.
    pub key: Option<usize>,
    /// What is in it.
    pub content: Content,
    /// Its name.
    pub gtid: Gtid,
}

/// What is in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Rows.
    Rows,
    /// So many rows that sending and applying them takes seconds
    /// (docs/FACTS.md#large-transaction-keeps-the-position).
    Large,
    /// What cannot be rolled back: DDL, or rows of a table without transactions
    /// (docs/FACTS.md#recovery-refuses-ddl).
    Unsafe,
    /// Nothing: FLUSH and its like (docs/FACTS.md#maintenance-is-logged).
    Maintenance,
}

impl Content {
    /// Whether recovery can take it out of the binary log.
    pub fn rolls_back(self) -> bool {
        matches!(self, Self::Rows | Self::Large)
    }
}

/// A position: the last transaction of each domain.
#[derive(Debug, Clone, Default)]
pub struct Position(BTreeMap<u32, Gtid>);

impl Position {
    /// The last transaction of a domain.
    pub fn get(&self, domain: u32) -> Option<Gtid> {
        self.0.get(&domain).copied()
    }

    /// Its number, 0 if there is none.
    pub fn seq(&self, domain: u32) -> u64 {
        self.get(domain).map_or(0, |last| last.seq)
    }

    /// This is the last of its domain from here on.
    pub fn moves_to(&mut self, gtid: Gtid) {
        self.0.insert(gtid.domain, gtid);
    }

    /// The last transactions, by domain.
    pub fn iter(&self) -> impl Iterator<Item = Gtid> {
        self.0.values().copied()
    }

    /// As MariaDB shows it.
    pub fn shown(&self) -> GtidPos {
        let all: Vec<String> = self.iter().map(|last| last.to_string()).collect();
        all.join(",").parse().unwrap_or_default()
    }
}
