//! The story most scenarios tell: a protected pair, a fault on its active node,
//! the standby serving, and the manual way back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::clients::Clients;
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

/// A failover, told chapter by chapter.
pub struct Failover<'a> {
    pair: &'a Pair,
    /// The node that is broken.
    pub failed: &'a Node,
    /// The node that takes over.
    pub survivor: &'a Node,
    clients: Clients,
    broken: Instant,
}

impl<'a> Failover<'a> {
    /// A protected pair, and clients that write.
    pub fn begin(pair: &'a Pair) -> Result<Self> {
        let (failed, survivor) = roles(pair)?;
        expect(pair, failed, Is::Active)?;
        expect(pair, survivor, Is::Standby)?;
        let clients = Clients::start(pair)?;
        Ok(Self { pair, failed, survivor, clients, broken: Instant::now() })
    }

    /// Lets the clients write for a while.
    pub fn write_for(&self, long: Duration) -> Result<()> {
        let until = Instant::now() + long;
        std::thread::sleep(long);
        self.clients.wait_served_by(self.failed, until, TAKEOVER)
    }

    /// Breaks the active node; the standby serves. Returns how long nobody did,
    /// as the clients saw it.
    pub fn strike(&mut self, fault: impl FnOnce(&Node) -> Result<()>) -> Result<Duration> {
        self.broken = Instant::now();
        fault(self.failed).context("failed to break the active node")?;
        self.clients.wait_served_by(self.survivor, self.broken, TAKEOVER).context("the standby does not take over")?;
        let outage = self.clients.outage(self.broken).length;
        expect(self.pair, self.survivor, Is::Alone)?;
        Ok(outage)
    }

    /// Mends the node: it is in `m`, starts nothing by itself, and the survivor serves on.
    pub fn mend(&self, mend: impl FnOnce(&Node) -> Result<()>) -> Result<()> {
        mend(self.failed).context("failed to mend the node")?;
        expect(self.pair, self.failed, Is::Resting)?;
        expect(self.pair, self.survivor, Is::Alone)
    }

    /// From `(m, s)` to `(ap, ap)` by the operator's two commands. Returns the time it took.
    pub fn way_back(&self) -> Result<Duration> {
        let begun = Instant::now();
        way_back(self.pair, self.survivor)?;
        Ok(begun.elapsed())
    }

    /// Stops the clients and compares what they were told with what the survivor
    /// has, and the survivor's data with the other node's.
    pub fn end(self) -> Result<Counts> {
        self.clients.finish(self.pair, self.survivor, self.broken)
    }
}

/// All chapters. The outage counted is the failover's.
pub fn failover(
    pair: &Pair,
    fault: impl FnOnce(&Node) -> Result<()>,
    mend: impl FnOnce(&Node) -> Result<()>,
) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let outage = story.strike(fault)?;
    story.mend(mend)?;
    let back = story.way_back()?;
    let note = format!("way back {:.1} s", back.as_secs_f64());
    Ok(Counts { outage: Some(outage), note, ..story.end()? })
}

/// From `(m, s)` to `(ap, ap)`: the operator's two commands.
pub fn way_back(pair: &Pair, survivor: &Node) -> Result<()> {
    let failed = pair.peer(survivor);
    ap_mode(failed, "set ap")?;
    ap_mode(survivor, "set ap")?;
    wait_protected(survivor)?;
    wait_protected(failed)?;
    expect(pair, survivor, Is::Active)?;
    expect(pair, failed, Is::Standby)
}
