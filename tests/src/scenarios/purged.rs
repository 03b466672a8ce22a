//! A node that comes back and asks for what the other one's binary log no longer has.

use anyhow::{Context, Result, ensure};

use crate::clients::{Clients, same_data};
use crate::expect::{Is, expect};
use crate::failover::ready;
use crate::pair::Pair;
use crate::product::{ap_mode, ap_mode_ends, wait_protected};
use crate::scenario::{Counts, Scenario, protected};

use std::time::{Duration, Instant};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[protected("F9", "purged-on-the-active", purged).long()];

/// Files of the active's binary log. It looks into each before it refuses, and is taken
/// for connected until then.
const FILES: usize = 5000;

/// `set ap` says so and leaves the node at rest; a copy brings it back. Clients write meanwhile.
///
/// Red when a connection is taken for replication: MariaDB's refusal comes a moment after
/// it, and `set ap` has then said that it is done (tests/broken/connected-is-understood.patch).
fn purged(pair: &Pair) -> Result<Counts> {
    let (active, standby) = ready(pair)?;
    ap_mode(standby, "set m")?;
    let clients = Clients::start(pair)?;
    let begun = Instant::now();
    clients.wait_served_by(active, begun, Duration::from_secs(10))?;
    active.sql("FLUSH BINARY LOGS")?;
    let logs = active.sql("SHOW BINARY LOGS")?;
    let last = logs.lines().last().and_then(|line| line.split('\t').next()).context("no binary log")?;
    active.sql(&format!("PURGE BINARY LOGS TO '{last}'"))?;
    active.sql(&"FLUSH BINARY LOGS;".repeat(FILES))?;
    let said = ap_mode_ends(standby, "set ap", 1)?;
    ensure!(said.contains("1236") && said.contains("set ap --reseed"), "set ap said: {said}");
    expect(pair, standby, Is::Resting)?;
    ap_mode(standby, "set ap --reseed")?;
    wait_protected(active)?;
    wait_protected(standby)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    let outage = clients.outage(begun).length;
    let counts = clients.finish(pair, active, begun)?;
    same_data(pair)?;
    standby.run("rm -rf /var/lib/mysql.before-reseed-*")?;
    Ok(Counts { outage: Some(outage), ..counts })
}
