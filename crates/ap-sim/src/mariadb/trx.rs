//! Transactions: their names and what is in them.

use ap_core::gtid::GtidPos;

/// A transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trx {
    /// Names what a client wrote; `None`: no client asks for it.
    pub key: Option<usize>,
    /// What is in it.
    pub content: Content,
    /// Who wrote it first.
    pub server: u32,
    /// Its number within the domain.
    pub seq: u64,
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

/// A position of one domain.
pub fn pos(last: Option<Trx>) -> GtidPos {
    last.and_then(|it| format!("0-{}-{}", it.server, it.seq).parse().ok()).unwrap_or_default()
}
