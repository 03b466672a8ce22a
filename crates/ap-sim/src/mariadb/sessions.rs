//! Sessions of clients and operators that hold something for a while.

use super::{Content, Server};

/// What a session holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Row locks of an open transaction. Nobody tells the server that the VIP has moved;
    /// its client writes the same rows again where the VIP is now
    /// (docs/FACTS.md#open-transactions-outlive-the-vip).
    Rows,
    /// `FLUSH TABLES WITH READ LOCK` (docs/FACTS.md#locks-hold-the-sql-thread).
    ReadLock,
}

/// A session.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    /// Names it.
    pub id: usize,
    /// What it holds.
    pub holds: Holds,
}

impl Server {
    /// Whether no commit can begin.
    pub fn is_read_locked(&self) -> bool {
        self.sessions.iter().any(|it| it.holds == Holds::ReadLock)
    }

    /// Whether the SQL thread waits for a session.
    pub fn is_blocked(&self) -> bool {
        let rows = self.relay.front().is_some_and(|next| next.content != Content::Maintenance);
        self.sessions.iter().any(|it| it.holds == Holds::ReadLock || rows)
    }
}
