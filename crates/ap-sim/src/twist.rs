//! Safeguards taken away from outside: the world does something else than it says.

/// What is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    /// The database of a node that leaves is not killed, and the agent is told that it is.
    NoFence,
    /// A promotion does not wait until everything received is applied.
    NoDrain,
    /// A lease that was given up stays in the file that keeps it.
    LeaseStays,
    /// What the peer is told is two seconds old.
    OldAnswers,
    /// Semi-sync stays off, and the database says that it is on.
    NoSemiSync,
    /// A database that hands over stays writable, and says that it is read-only.
    StaysWritable,
    /// `state.toml` is not durable: a power failure brings back what was there at the boot.
    ForgetsState,
}
