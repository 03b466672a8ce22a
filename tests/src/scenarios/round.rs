//! The whole round: `(ap, ap)`, `(m, s)`, `(ap, ap)`, twice in a row.

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use crate::failover::{leaves, roles};
use crate::pair::Pair;
use crate::scenario::{Counts, Scenario, protected};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[protected("round", "round-twice", twice)];

/// Each host has been active, then failed, then standby; roles end as they began.
fn twice(pair: &Pair) -> Result<Counts> {
    let first = roles(pair)?.0.name();
    let mut all = Counts::default();
    for turn in 0..2 {
        let active = roles(pair)?.0.name();
        ensure!((active == first) == (turn == 0), "{active} is active in turn {turn}, {first} was the first");
        let counts = leaves(pair, |node| node.signal_unit("mariadb.service", Signal::SIGKILL).map(drop), |_| Ok(()))?;
        all.acknowledged += counts.acknowledged;
        all.missing += counts.missing;
        all.outage = all.outage.max(counts.outage);
    }
    let last = roles(pair)?.0.name();
    ensure!(last == first, "{last} is active in the end, {first} was in the beginning");
    Ok(all)
}
