//! Time. A tick is half a second; now is always the same moment, and a tick makes
//! everything known one tick older. So the states are finitely many for a pair
//! that runs for ever, and only faults have to be bounded.

use std::time::Duration;

use ap_core::protection::Timing;

/// The smallest time that passes.
pub const TICK: Duration = Duration::from_millis(500);
/// Now, since boot. Whatever is older than this is as old as can be.
pub const NOW: Duration = Duration::from_millis(500 * 9);

/// T is four ticks, D two, and VRRP needs two to miss a node. What is to happen at once happens within a tick, so
/// that a stall is seen after two.
pub fn timing() -> Timing {
    Timing { lease: TICK * 4, gap: TICK * 2, takeover: TICK, stall: TICK * 2 }
}
