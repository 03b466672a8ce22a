//! F20: the gateway is off for both.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::roles;
use crate::pair::Pair;
use crate::product::wait_protected;
use crate::scenario::{Counts, Scenario, protected};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[protected("F20", "gateway-off-and-back", gateway_off)];

/// Silent for both proves nothing about either: no failover, nobody in `m`.
fn gateway_off(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let clients = Clients::start(pair)?;
    let broken = Instant::now();
    pair.lab.gateway(false)?;
    // Longer than being cut off takes to be believed, and than a lease.
    std::thread::sleep(Duration::from_secs(6));
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    pair.lab.gateway(true)?;
    std::thread::sleep(Duration::from_secs(2));
    clients.wait_served_by(active, Instant::now(), Duration::from_secs(5))?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    wait_protected(active)?;
    wait_protected(standby)?;
    let outage = clients.outage(broken).length;
    Ok(Counts { outage: Some(outage), ..clients.finish(pair, active, broken)? })
}
