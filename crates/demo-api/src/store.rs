//! What the API asks of the database, in its own words.

use crate::model::{NewUser, Quote, User};

/// Why a request could not be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nothing was changed; the reason.
    NotDone(String),
    /// It may or may not have been written; the reason. Never to be answered
    /// as a success, and never as a refusal.
    Unknown(String),
    /// There is a user of that id.
    Duplicate,
}

/// Where users and quotes are kept. Every call returns within a deadline of its own.
pub trait Store: Send + Sync {
    /// At most `limit` users with an id above `after`, by id.
    fn users(&self, after: i64, limit: u32) -> Result<Vec<User>, Failure>;
    /// One user.
    fn user(&self, id: i64) -> Result<Option<User>, Failure>;
    /// Writes a user; returns the row once it is committed.
    fn add(&self, user: NewUser) -> Result<User, Failure>;
    /// Any quote; `None` when there are none.
    fn quote(&self) -> Result<Option<Quote>, Failure>;
    /// Whether the database answers a real query.
    fn health(&self) -> Result<(), Failure>;
}
