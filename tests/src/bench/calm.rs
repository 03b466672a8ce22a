//! How busy the machine is with other things than the bench.

use std::fs;
use std::time::{Duration, Instant};

/// Share of the last ten seconds in which something waited for a processor (PSI),
/// in percent; a pair at rest makes about ten.
const CALM: f64 = 25.0;

/// Load average of the last minute.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// Percent of the last ten seconds in which something waited for a processor.
pub fn pressure() -> f64 {
    let text = fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    text.split_whitespace()
        .find_map(|word| word.strip_prefix("avg10="))
        .and_then(|share| share.parse().ok())
        .unwrap_or(0.0)
}

/// Waits for a calm machine, but no longer than that.
pub fn wait(longest: Duration) {
    let until = Instant::now() + longest;
    while pressure() > CALM && Instant::now() < until {
        std::thread::sleep(Duration::from_secs(2));
    }
}
