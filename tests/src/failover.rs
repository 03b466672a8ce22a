//! The story most scenarios tell: a protected pair, a fault on its active node,
//! the standby serving, and the manual way back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::clients::{Clients, same_data};
use crate::expect::{Is, expect};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, show, wait_protected};
use crate::scenario::Counts;

/// Until a standby serves, whatever broke: keepalived's slowest check needs 3 s.
const TAKEOVER: Duration = Duration::from_secs(15);

/// The active node and the standby of a running pair.
pub fn roles(pair: &Pair) -> Result<(&Node, &Node)> {
    for node in pair.nodes() {
        if show(node)?.serves() {
            return Ok((node, pair.peer(node)));
        }
    }
    bail!("neither node serves")
}

/// Breaks the active node of a protected pair under a stream of writes and
/// expects it in `m` and the standby serving; mends it, expects that nothing
/// starts by itself there; then goes back to a protected pair by the documented
/// commands, and compares both nodes' data.
///
/// The outage counted is the failover's; `note` has the one of the way back.
pub fn failover(
    pair: &Pair,
    fault: impl FnOnce(&Node) -> Result<()>,
    mend: impl FnOnce(&Node) -> Result<()>,
) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    let clients = Clients::start(pair)?;
    let broken = Instant::now();
    fault(active).context("failed to break the active node")?;
    clients.wait_served_by(standby, broken, TAKEOVER).context("the standby does not take over")?;
    let outage = clients.outage(broken).length;
    expect(pair, standby, Is::Alone)?;
    mend(active).context("failed to mend the node")?;
    expect(pair, active, Is::Resting)?;
    expect(pair, standby, Is::Alone)?;
    let returned = Instant::now();
    way_back(pair, standby)?;
    let note = format!("way back {:.1} s", returned.elapsed().as_secs_f64());
    let counts = finish(pair, clients, standby, broken)?;
    Ok(Counts { outage: Some(outage), note, ..counts })
}

/// From `(m, s)` to `(ap, ap)`: the operator's two commands.
pub fn way_back<'a>(pair: &'a Pair, survivor: &'a Node) -> Result<()> {
    let failed = pair.peer(survivor);
    ap_mode(failed, "set ap")?;
    ap_mode(survivor, "set ap")?;
    wait_protected(survivor)?;
    wait_protected(failed)?;
    expect(pair, survivor, Is::Active)?;
    expect(pair, failed, Is::Standby)
}

/// Stops the clients and compares what they were told with what the survivor
/// has, and the survivor's data with the other node's.
pub fn finish(pair: &Pair, clients: Clients, survivor: &Node, broken: Instant) -> Result<Counts> {
    let seen = clients.stop()?;
    let counts = seen.count(survivor, broken, Instant::now())?;
    crate::wait_for("both nodes to have the same data", Duration::from_secs(10), || {
        same_data(pair).map(crate::wait::Seen::Done)
    })?;
    Ok(counts)
}
