//! The story most scenarios tell: a protected pair, a fault on its active node,
//! the standby serving, and the manual way back.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use ap_core::answer::Answer;

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, ask, show, wait_protected};
use crate::scenario::Counts;
use crate::tail::Tail;

/// Until a standby serves, whatever broke: keepalived's slowest check needs 3 s.
const TAKEOVER: Duration = Duration::from_secs(15);
/// The same, of a fault that is noticed at once or not at all.
const QUICK: Duration = Duration::from_secs(3);

/// The active node and the standby of a running pair.
pub fn roles(pair: &Pair) -> Result<(&Node, &Node)> {
    for node in pair.nodes() {
        if show(node)?.serves() {
            return Ok((node, pair.peer(node)));
        }
    }
    bail!("neither node serves")
}

/// How a way back went.
pub struct Back {
    /// The time it took.
    pub took: Duration,
    /// Whether the data of the node that failed had to be copied.
    copied: bool,
}

impl fmt::Display for Back {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let copied = if self.copied { ", by a copy" } else { "" };
        write!(f, "way back {:.1} s{copied}", self.took.as_secs_f64())
    }
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
        let (failed, survivor) = ready(pair)?;
        let clients = Clients::start(pair)?;
        Ok(Self { pair, failed, survivor, clients, broken: Instant::now() })
    }

    /// The same, with clients that have been writing already.
    pub fn resume(pair: &'a Pair, clients: Clients) -> Result<Self> {
        let (failed, survivor) = ready(pair)?;
        Ok(Self { pair, failed, survivor, clients, broken: Instant::now() })
    }

    /// The clients, who go on.
    pub fn into_clients(self) -> Clients {
        self.clients
    }

    /// Some more clients, which keep their connection and wait for its answer.
    pub fn patient(&mut self, answer: Duration) -> Result<()> {
        self.clients.add_patient(self.pair, answer)
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
        self.strike_within(fault, TAKEOVER)
    }

    /// The same, when taking over takes its time.
    pub fn strike_within(&mut self, fault: impl FnOnce(&Node) -> Result<()>, takeover: Duration) -> Result<Duration> {
        let outage = self.strike_serving(fault, takeover)?;
        expect(self.pair, self.survivor, Is::Alone)?;
        Ok(outage)
    }

    /// The same, as far as clients see it.
    pub fn strike_serving(&mut self, fault: impl FnOnce(&Node) -> Result<()>, takeover: Duration) -> Result<Duration> {
        self.broken = Instant::now();
        fault(self.failed).context("failed to break the active node")?;
        self.clients.wait_served_by(self.survivor, self.broken, takeover).context("the standby does not take over")?;
        Ok(self.clients.outage(self.broken).length)
    }

    /// Does something to the active node that is no failure: it serves on, nobody
    /// changed what they are, and the pair is protected again. Returns the
    /// longest time without an acknowledged write, as the clients saw it.
    pub fn endure(&mut self, disturb: impl FnOnce(&Node) -> Result<()>) -> Result<Duration> {
        let before = self.states()?;
        self.broken = Instant::now();
        disturb(self.failed).context("failed to disturb the active node")?;
        self.clients.wait_served_by(self.failed, Instant::now(), TAKEOVER).context("the active does not serve on")?;
        let outage = self.clients.outage(self.broken).length;
        wait_protected(self.failed)?;
        wait_protected(self.survivor)?;
        expect(self.pair, self.failed, Is::Active)?;
        expect(self.pair, self.survivor, Is::Standby)?;
        let after = self.states()?;
        ensure!(before == after, "the pair was {before:?} and is {after:?}");
        Ok(outage)
    }

    /// A fault after which either node may be the one that serves: the one that
    /// failed goes on as if nothing had happened, or it rests in `m`. Returns how
    /// long nobody served, and whether it left.
    pub fn either(&mut self, fault: impl FnOnce(&Node) -> Result<()>) -> Result<(Duration, bool)> {
        self.broken = Instant::now();
        fault(self.failed).context("failed to break the active node")?;
        let left = self.clients.wait_served_by(self.survivor, self.broken, QUICK).is_ok();
        let outage = self.clients.outage(self.broken).length;
        if left {
            self.mend(|_| Ok(()))?;
            return Ok((outage, left));
        }
        Ok((outage.max(self.endure(|_| Ok(()))?), left))
    }

    /// Mode, role, epoch and since when, of both.
    fn states(&self) -> Result<Vec<String>> {
        let state = |node| {
            let Answer { host, mode, role, epoch, since, .. } = show(node)?;
            Ok(format!("{host}: {mode} {role} {epoch} {since}"))
        };
        [self.failed, self.survivor].into_iter().map(state).collect()
    }

    /// Mends the node: it is in `m`, starts nothing by itself, and the survivor serves on.
    pub fn mend(&self, mend: impl FnOnce(&Node) -> Result<()>) -> Result<()> {
        mend(self.failed).context("failed to mend the node")?;
        expect(self.pair, self.failed, Is::Resting)?;
        expect(self.pair, self.survivor, Is::Alone)
    }

    /// From `(m, s)` to `(ap, ap)` by the operator's two commands.
    pub fn way_back(&self) -> Result<Back> {
        let begun = Instant::now();
        let copied = come_back(self.pair, self.survivor)?;
        Ok(Back { took: begun.elapsed(), copied })
    }

    /// Stops the clients and compares what they were told with what the survivor
    /// has, and the survivor's data with the other node's.
    pub fn end(self) -> Result<Counts> {
        self.clients.finish(self.pair, self.survivor, self.broken)
    }
}

/// The active node and the standby of a pair that is all it should be.
pub fn ready(pair: &Pair) -> Result<(&Node, &Node)> {
    let (active, standby) = roles(pair)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    wait_protected(active)?;
    Ok((active, standby))
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
    Ok(Counts { outage: Some(outage), note: back.to_string(), ..story.end()? })
}

/// As [`failover`], with a node that stays powered and must have left before it is mended.
pub fn leaves(
    pair: &Pair,
    fault: impl FnOnce(&Node) -> Result<()>,
    mend: impl FnOnce(&Node) -> Result<()>,
) -> Result<Counts> {
    failover(pair, fault, |node| {
        expect(pair, node, Is::Resting)?;
        mend(node)
    })
}

/// A fault after which either node may serve: see [`Failover::either`].
pub fn either(pair: &Pair, fault: impl FnOnce(&Node) -> Result<()>) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let (outage, left) = story.either(fault)?;
    let mut note = "no failover".to_owned();
    if left {
        note = story.way_back()?.to_string();
    }
    Ok(Counts { outage: Some(outage), note, ..story.end()? })
}

/// No failover: see [`Failover::endure`].
pub fn endured(pair: &Pair, disturb: impl FnOnce(&Node) -> Result<()>) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let outage = story.endure(disturb)?;
    Ok(Counts { outage: Some(outage), note: "no failover".to_owned(), ..story.end()? })
}

/// What a refusal says where MariaDB's release is the reason (Debian 11).
const CANNOT: &str = "cannot take back what was never acknowledged";

/// `set ap` on the node that failed. Where its MariaDB cannot take back what was never
/// acknowledged, it may be refused; it then says so, has saved what it gives up, and
/// comes back with a copy. Returns whether it did.
fn rejoin(node: &Node) -> Result<bool> {
    let output = ask(node, "set ap")?;
    if output.code != 1 || !output.stdout.contains(CANNOT) {
        return output.success().map(|_| false).with_context(|| format!("ap-mode set ap on {}", node.name()));
    }
    ensure!(!Tail::named_in(&output.stdout, node)?.gtids().is_empty(), "an empty tail is kept: {}", output.stdout);
    ap_mode(node, "set ap --reseed").map(|_| true)
}

/// From `(m, s)` to `(ap, ap)`: the operator's two commands.
pub fn way_back(pair: &Pair, survivor: &Node) -> Result<()> {
    come_back(pair, survivor).map(drop)
}

/// The same. Returns whether the failed node's data had to be copied.
fn come_back(pair: &Pair, survivor: &Node) -> Result<bool> {
    let failed = pair.peer(survivor);
    let copied = rejoin(failed)?;
    ap_mode(survivor, "set ap")?;
    wait_protected(survivor)?;
    wait_protected(failed)?;
    expect(pair, survivor, Is::Active)?;
    expect(pair, failed, Is::Standby)?;
    Ok(copied)
}
