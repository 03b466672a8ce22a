//! What each program needs of its host: configuration, journal, files, clocks, what
//! a node keeps, the FIFO of ap-notify, and other programs with a deadline.

pub mod config;
pub mod fifo;
pub mod file;
pub mod grace;
pub mod journal;
pub mod own;
pub mod process;
pub mod store;
pub mod track;

use std::time::{Duration, SystemTime};

pub use config::{LoadError, config_path, load_config};
pub use file::{make_dir, write_atomically};

/// Time since boot, time asleep included (CLOCK_BOOTTIME). Decisions are made
/// on this clock, never on the wall clock, which operators and NTP step.
pub fn boottime() -> Duration {
    // The kernel cannot refuse this clock (since 2.6.39); were it to, a clock
    // that stands still makes every lease and grace look as young as it ever was,
    // so the monotonic one is the better fallback.
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .or_else(|_| clock_gettime(ClockId::CLOCK_MONOTONIC))
        .map(Duration::from)
        .unwrap_or_default()
}

/// Wall clock in RFC 3339, for people; nothing is decided by it.
pub fn wall_clock() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs() {
        let before = boottime();
        assert!(before > Duration::ZERO);
        assert!(boottime() >= before);
    }
}
