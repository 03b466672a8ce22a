//! One clock for clients and nodes: they share a kernel, and what the nodes
//! record is counted from its boot.

use std::time::{Duration, Instant};

use anyhow::Result;
use nix::time::{ClockId, clock_gettime};

/// Turns the moments of this program into those of the nodes.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    instant: Instant,
    boot: Duration,
}

impl Clock {
    /// Looks at both clocks at once.
    pub fn new() -> Result<Self> {
        let boot = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?);
        Ok(Self { instant: Instant::now(), boot })
    }

    /// Milliseconds since boot.
    pub fn boot_ms(&self, at: Instant) -> f64 {
        let boot = self.boot.as_secs_f64() * 1000.0;
        match at.checked_duration_since(self.instant) {
            Some(later) => boot + later.as_secs_f64() * 1000.0,
            None => boot - (self.instant - at).as_secs_f64() * 1000.0,
        }
    }
}

/// Milliseconds from one moment to another, negative if that was before.
pub fn ms(from: Instant, to: Instant) -> f64 {
    match to.checked_duration_since(from) {
        Some(later) => later.as_secs_f64() * 1000.0,
        None => -((from - to).as_secs_f64() * 1000.0),
    }
}
