//! Lease and solo: who may acknowledge, and who may promote.
//!
//! Two state machines without a clock: times come in as durations since boot
//! (CLOCK_BOOTTIME, so that a frozen machine's time counts), orders go out.
//!
//! Why no acknowledged write is ever missing on the survivor (G2), and why two
//! nodes never acknowledge at once (G1):
//!
//! 1. In a session the active acknowledges nothing that the standby has not
//!    received (semi-sync, AFTER_SYNC, a timeout that never fires). The session
//!    is *whole* once the standby has received the position the active had when
//!    semi-sync was on: from then on everything ever acknowledged is in the relay
//!    log of that name. A relay log that may have lost events has another name,
//!    so no grant for the old one counts.
//! 2. A standby promotes on a lease or on the word of a fenced active. A lease
//!    runs from the moment the *question* was sent, so it ends no later than T
//!    after the active stopped granting, whatever the network did.
//! 3. The active acknowledges alone only when no lease can be alive and none can
//!    come to be: the standby said so after the active had stopped granting (and
//!    a question under way counts as a lease, and so does one given up before its
//!    time), or a question sent T + D after that met silence.
//! 4. A promotion is claimed in the same breath as the lease is looked at
//!    ([`Standby::begin`]): between the two no promise can be given. From then on
//!    the active hears *promoting*, and stalls until it is fenced. A standby that
//!    begins at the last moment of its lease and then does not run for D/2 still
//!    answers the question of T + D (the other D/2 is for the clocks' rates); one
//!    that did not run for longer must have a lease, or the word, at its end
//!    ([`Standby::confirm`]).
//! 5. A promoted standby may have acknowledged and died unseen. So silence says
//!    nothing to an active that heard *promoting* last, was cut off from the
//!    gateway as well, was restarted, or did not run for as long as VRRP needs to
//!    make the other one master: it must hear the standby, or an operator.
//! 6. A higher epoch ends it, whatever its node does now: who was promoted and put
//!    into `m` truly holds no lease, and has acknowledged all the same. A promotion
//!    never arrives at the epoch of the active it followed.
//!
//! `crates/ap-model` looks for a counterexample to all this with the agents that ship,
//! and without what these rules rest on.

mod active;
mod age;
mod standby;
#[cfg(test)]
mod tests;

pub use active::{Active, DbView, Order, Phase, View};
pub use standby::Standby;

use std::time::Duration;

/// The lengths of time the rules are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timing {
    /// T: how long a grant lets the standby promote, from its question on.
    pub lease: Duration,
    /// D: longest gap in its own running that an active overlooks. Half of it is
    /// what a promoting standby overlooks, the other half the margin for clocks
    /// that run at different rates.
    pub gap: Duration,
    /// The least time in which VRRP notices that a node is gone: whoever did not
    /// run for longer cannot say that the other one was not promoted meanwhile.
    pub takeover: Duration,
    /// How long commits may wait for their acknowledgement unremarked.
    pub stall: Duration,
}

/// At least this long between switching semi-sync off and on: toggling at once
/// hung the server's ack receiver (docs/FACTS.md#semi-sync-off-after-on-hangs).
pub const REOPEN: Duration = Duration::from_secs(1);

/// A session opens when the standby lacks no more than this many transactions,
/// because the next commit waits for all of them.
pub const CLOSE: u64 = 200;
