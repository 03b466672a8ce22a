//! F19: VRRP alone is blocked, while everything else gets through.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::roles;
use crate::faults::Direction;
use crate::node::Node;
use crate::pair::Pair;
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{holds, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("F19", "vrrp-blocked-both-ways", |pair| blocked(pair, Direction::Both)),
    // Only the standby hears nothing: the active's adverts do not arrive.
    protected("F19", "vrrp-blocked-one-way", |pair| blocked(pair, Direction::In)),
];

/// keepalived on the standby becomes MASTER as well. The standby asks, hears that
/// the active is well and has the VIP, refuses, gives the VIP away again, and says
/// what is blocked. The active serves on; afterwards the pair is as it was.
///
/// Without the question (guard `peer.serves() && peer.vip` removed) the standby
/// promotes on its lease and this scenario fails: two nodes hold the VIP.
fn blocked(pair: &Pair, direction: Direction) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let clients = Clients::start(pair)?;
    let broken = Instant::now();
    standby.block_vrrp(direction)?;
    wait_for("the refusal in the standby's history", Duration::from_secs(15), || {
        Ok(holds(history(standby)?.contains("let IP protocol 112 through")))
    })?;
    // Two advert intervals, a refusal's fault and a whole round of checks later.
    std::thread::sleep(Duration::from_secs(6));
    no_vip(pair, standby)?;
    expect(pair, active, Is::Active)?;
    standby.unblock_vrrp(direction)?;
    expect(pair, standby, Is::Standby)?;
    crate::product::wait_protected(active)?;
    crate::product::wait_protected(standby)?;
    let outage = clients.outage(broken).length;
    let counts = clients.finish(pair, active, broken)?;
    Ok(Counts { outage: Some(outage), ..counts })
}

fn history(node: &Node) -> Result<String> {
    node.run("cat /var/lib/ap/events.jsonl")
}

fn no_vip(pair: &Pair, node: &Node) -> Result<()> {
    wait_for("the VIP to be gone from the standby", Duration::from_secs(5), || {
        let vip = node.run(&format!("ip -o -4 address show to {}", pair.options.vip))?;
        ensure!(node.sql("SELECT @@read_only")? == "1", "the standby is writable");
        Ok(holds(vip.is_empty()))
    })
    .map(drop)
}
