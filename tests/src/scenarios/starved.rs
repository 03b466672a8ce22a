//! F16: everything is slow. Both nodes' processors are taken by others: busy loops,
//! and programs started without end, on the host and inside both nodes. No timer of
//! keepalived or of ours may take a slow node for a dead one.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::failover::Failover;
use crate::pair::Pair;
use crate::scenario::{Counts, Scenario, protected};
use crate::starve::starve;

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("F16", "starved-30s", |pair| starved(pair, Duration::from_secs(30))),
    protected("F16", "starved-3-minutes", |pair| starved(pair, Duration::from_secs(180)))
        .long()
        .within(Duration::from_secs(400)),
];

/// Slow, but the same node serves all along, and nobody is what it was not.
fn starved(pair: &Pair, long: Duration) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let nodes = [story.failed, story.survivor];
    let mut pressed = 0.0;
    let outage = story.endure(|_| {
        pressed = starve(nodes, long)?;
        Ok(())
    })?;
    ensure!(pressed > 50.0, "nothing was starved: {pressed:.0} %");
    let note = format!("no failover in {} s, something waited for a processor in {pressed:.0} %", long.as_secs());
    Ok(Counts { outage: Some(outage), note, ..story.end()? })
}
