//! Safeguards taken away from outside: the world does something else than it says, or an
//! agent is told something else than what is so.

/// What is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Twist {
    /// A grant waits for the session to be whole.
    Whole,
    /// *No lease* is a promise: a question under way counts, and so does a lease.
    Promise,
    /// *Promoting*: the active stalls.
    Promoting,
    /// Going on alone waits for the end of any lease: here the active takes T for nothing.
    Impatient,
    /// Who did not run knows that.
    Unaware,
    /// Silence says nothing to an active that heard *promoting*, was cut off, did not run
    /// or was restarted: here it is never suspicious for longer than a moment.
    Trusting,
    /// Another relay log has another name.
    Relay,
    /// A promotion waits until all that was received is applied.
    Drain,
    /// SIGKILL for the database of an active that leaves: here it is stopped in the
    /// ordinary way.
    Fence,
    /// The older epoch leaves.
    Epoch,
    /// The lease is looked at and claimed in one: here the claim shows only once the
    /// intention is on disk.
    Claim,
    /// The gateway is probed after the peer was found silent.
    FreshGateway,
    /// A higher epoch counts even in `m`.
    Resting,
    /// `state.toml` is durable: here it holds what it held at the beginning.
    Durable,
}
