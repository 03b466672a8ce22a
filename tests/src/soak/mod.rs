//! The soak: one running pair under a stream of writes, broken again and again in
//! random ways after random pauses, and brought back each time by the documented
//! commands alone. Everything random follows from the seed.
//!
//! - `dice.rs`: what is drawn from a seed.
//! - `table.rs`: what is broken, and what must come of it.

mod dice;
mod table;

use std::fmt;
use std::io::{Write, sink};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench::stats::{greatest, median};
use crate::clients::{Clients, same_data};
use crate::expect::{Is, expect};
use crate::failover::{Failover, ready, roles};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{Seen, wait_for};
use dice::Draw;
use table::{FAULTS, Fault, Tale};

/// The short one.
pub const SCENARIOS: &[Scenario] =
    &[protected("soak", "soak-10", |pair| run(pair, SEED, 10, &mut sink())).within(Duration::from_secs(240))];

/// Of the short one.
const SEED: u64 = 1;
/// How long a node gets to do what is expected of it.
const SOON: Duration = Duration::from_secs(15);

/// Breaks a protected pair `count` times, and leaves it protected.
///
/// # Errors
/// Something came out otherwise, an acknowledged write is missing, or both nodes
/// acknowledged at the same time.
pub fn run(pair: &Pair, seed: u64, count: usize, out: &mut dyn Write) -> Result<Counts> {
    let begun = Instant::now();
    let mut clients = Clients::start(pair)?;
    let mut outages = Vec::new();
    writeln!(out, "seed     number  row   fault                                  node  lasts  without writes")?;
    for (number, draw) in (1..).zip(dice::draw(seed, count, FAULTS)) {
        let place = || format!("seed {seed}, number {number}: {draw}");
        let round = round(pair, clients, &draw).with_context(place)?;
        // With both off nobody can serve until an operator comes: no figure of ours.
        if !matches!(draw.fault.tale, Tale::BothOff) {
            outages.push(round.outage.as_secs_f64());
        }
        writeln!(
            out,
            "{seed:<8} {number:>6}  {:<4}  {:<37}  {:<4}  {:>4.1} s  {:>12.3} s",
            draw.fault.row,
            draw.fault.name,
            round.node,
            draw.long.as_secs_f64(),
            round.outage.as_secs_f64()
        )?;
        out.flush()?;
        clients = round.clients;
    }
    let (active, _) = ready(pair)?;
    let seen = clients.stop()?;
    wait_for("both nodes to have the same data", SOON, || same_data(pair).map(Seen::Done))?;
    // Of the whole run; who acknowledged when was looked at round by round.
    let now = Instant::now();
    let counts = seen.count(active, now, now)?;
    let worst = Duration::from_secs_f64(greatest(&outages));
    let note = format!("median of {count} faults {:.3} s, seed {seed}", median(&outages));
    writeln!(
        out,
        "\n{count} faults in {:.0} s, seed {seed}: median {:.3} s without writes, maximum {:.3} s; \
         {} writes acknowledged, {} of them missing",
        begun.elapsed().as_secs_f64(),
        median(&outages),
        worst.as_secs_f64(),
        counts.acknowledged,
        counts.missing
    )?;
    ensure!(counts.missing == 0, "{} of {} acknowledged writes are missing", counts.missing, counts.acknowledged);
    Ok(Counts { outage: Some(worst), note, ..counts })
}

/// What came of one fault.
struct Round {
    /// They go on writing.
    clients: Clients,
    /// What was broken.
    node: String,
    outage: Duration,
}

/// One fault, and the way back.
fn round(pair: &Pair, clients: Clients, draw: &Draw<Fault>) -> Result<Round> {
    let (active, standby) = roles(pair)?;
    sleep(draw.pause);
    let begun = Instant::now();
    clients.wait_served_by(active, begun, SOON).context("before the fault")?;
    let (clients, node) = match draw.fault.tale {
        Tale::Failover(strike, mend) => {
            let mut story = Failover::resume(pair, clients)?;
            story.strike(strike)?;
            sleep(draw.long);
            story.mend(mend)?;
            story.way_back()?;
            (story.into_clients(), active.name())
        }
        Tale::Either(fault) => {
            let mut story = Failover::resume(pair, clients)?;
            if story.either(fault)?.1 {
                story.way_back()?;
            }
            (story.into_clients(), active.name())
        }
        Tale::Endured(disturb) => {
            let mut story = Failover::resume(pair, clients)?;
            story.endure(|node| disturb(node, draw.long))?;
            (story.into_clients(), active.name())
        }
        Tale::Unnoticed(disturb) => {
            let mut story = Failover::resume(pair, clients)?;
            story.endure(|_| disturb(standby, draw.long))?;
            (story.into_clients(), standby.name())
        }
        Tale::Lost(strike, mend) => {
            lost(&clients, (active, standby), draw.long, strike, mend)?;
            (clients, standby.name())
        }
        Tale::BothOff => {
            pair.both(Node::power_off)?;
            sleep(draw.long);
            pair.both(Node::power_on)?;
            // `start` asks the peer, so both must be there to answer.
            wait_for("both nodes to answer", SOON, || {
                pair.both(show)?;
                Ok(Seen::Done(()))
            })?;
            pair.both(|node| ap_mode(node, "start"))?;
            (clients, "both")
        }
    };
    // By whatever way it went: protected, and whoever serves does so to both clients.
    let (serving, other) = roles(pair)?;
    for node in [serving, other] {
        wait_protected(node)?;
    }
    expect(pair, serving, Is::Active)?;
    expect(pair, other, Is::Standby)?;
    clients.wait_served_by(serving, Instant::now(), SOON)?;
    let outage = clients.outage(begun).length;
    // One handover at most since the fault.
    let counts = clients.so_far().count(serving, begun, Instant::now())?;
    ensure!(counts.missing == 0, "{} of {} acknowledged writes are missing", counts.missing, counts.acknowledged);
    Ok(Round { clients, node: node.to_owned(), outage })
}

/// The active goes on, with its standby lost and when it is back.
fn lost(
    clients: &Clients,
    (active, standby): (&Node, &Node),
    long: Duration,
    strike: fn(&Node) -> Result<()>,
    mend: fn(&Node) -> Result<()>,
) -> Result<()> {
    let broken = Instant::now();
    strike(standby).context("failed to break the standby")?;
    sleep(long);
    clients.wait_served_by(active, Instant::now(), SOON).context("the active does not go on")?;
    mend(standby).context("failed to mend the standby")?;
    wait_protected(active)?;
    let served = clients.served_since(broken);
    ensure!(served == [active.name()], "served by {served:?}");
    Ok(())
}

impl fmt::Display for Draw<Fault> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, lasting {:?}", self.fault.row, self.fault.name, self.long)
    }
}
