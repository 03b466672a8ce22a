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
//!    a question under way counts as a lease), or silence lasted T and a margin
//!    since then, without a break in the active's own running.
//! 4. Promoting stops the IO thread first. From then on the active gets no
//!    acknowledgement, asks, hears *promoting*, and stalls until it is fenced.

mod active;
mod standby;

pub use active::{Active, DbView, Order, Phase, View};
pub use standby::Standby;

use std::time::Duration;

/// The lengths of time the rules are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// T: how long a grant lets the standby promote, from its question on.
    pub lease: Duration,
    /// D: longest gap in its own running that a node overlooks, and the margin
    /// for clocks that run at different rates.
    pub gap: Duration,
    /// How long commits may wait for their acknowledgement unremarked.
    pub stall: Duration,
}

/// At least this long between switching semi-sync off and on: toggling at once
/// hung the server's ack receiver (facts: semi-sync).
pub const REOPEN: Duration = Duration::from_secs(1);

/// A session opens when the standby lacks no more than this many transactions,
/// because the next commit waits for all of them.
pub const CLOSE: u64 = 200;
