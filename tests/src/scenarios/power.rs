//! F1: power.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::pair::Pair;
use crate::product::{PAIR, show, start};
use crate::scenario::{Counts, Scenario};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "power-off-active",
    fault: "F1",
    default: true,
    timeout: Duration::from_secs(120),
    setup: &PAIR,
    run: power_off_active,
}];

fn power_off_active(pair: &Pair) -> Result<Counts> {
    start(pair)?;
    let begun = Instant::now();
    pair.a.power_off()?;
    std::thread::sleep(Duration::from_secs(3));
    let b = show(&pair.b)?;
    ensure!(b.vip, "{b:?} {:?}", begun.elapsed());
    Ok(Counts::default())
}
