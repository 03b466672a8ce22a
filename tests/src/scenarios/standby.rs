//! F6: the standby is lost, in each of the ways in which it can be. The active
//! goes on; how long its commits waited is measured against the design's bounds.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::clients::{Clients, same_data};
use crate::expect::{Is, expect};
use crate::failover::roles;
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{Seen, equals, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("F6", "standby-power", |pair| {
        let mend = |node: &Node| {
            node.power_on()?;
            // By itself it starts nothing and is nothing but a standby.
            let answer = show(node)?;
            ensure!(!answer.replicating && answer.writable.is_none(), "it started something: {answer:?}");
            start(node)
        };
        lose(pair, Loss { fault: Node::power_off, mend, stall: SILENT, alone: true })
    }),
    protected("F6", "standby-nic", |pair| {
        lose(pair, Loss { fault: Node::cut_cable, mend: Node::plug_cable, stall: SILENT, alone: true })
    }),
    protected("F6", "standby-keepalived", |pair| {
        lose(pair, Loss { fault: |node| kill(node, KEEPALIVED), mend: start, stall: NONE, alone: false })
    }),
    protected("F6", "standby-api", |pair| {
        lose(pair, Loss { fault: |node| kill(node, API), mend: start, stall: NONE, alone: false })
    }),
    // Red when a standby whose relay log is gone claims its lease to the end, 3 s
    // (tests/broken/promise-too-late.patch).
    protected("F6", "standby-database-crash", |pair| {
        lose(pair, Loss { fault: |node| kill(node, DATABASE), mend: start, stall: SAID, alone: true })
    }),
    protected("F6", "standby-database-hung", |pair| {
        let fault = |node: &Node| node.signal_unit(DATABASE, Signal::SIGSTOP).map(drop);
        let mend = |node: &Node| node.signal_unit(DATABASE, Signal::SIGCONT).map(drop);
        lose(pair, Loss { fault, mend, stall: SILENT, alone: true })
    }),
    protected("F6", "standby-replication-broken", |pair| {
        let fault = |node: &Node| node.sql("SET GLOBAL rpl_semi_sync_slave_enabled=OFF; STOP SLAVE").map(drop);
        // Nobody has to mend it: a standby replicates.
        lose(pair, Loss { fault, mend: |_| Ok(()), stall: SAID, alone: false })
    }),
];

const DATABASE: &str = "mariadb.service";
const API: &str = "demo-api.service";
const KEEPALIVED: &str = "keepalived.service";

/// Longest stall when the standby gives no answer: noticed after 0.3 s, a lease of
/// 3 s and a gap of 1 s of silence, counted to a question that was sent after them
/// (every 0.5 s, given up after 0.3 s), and a moment.
const SILENT: Duration = Duration::from_millis(5500);
/// Longest stall when the standby says that it holds no lease.
const SAID: Duration = Duration::from_millis(1000);
/// No stall at all: nothing more than clients see on a busy machine anyway.
const NONE: Duration = Duration::from_millis(500);
/// How long the active is watched after the fault.
const WATCHED: Duration = Duration::from_secs(6);

/// One way of losing the standby.
struct Loss {
    fault: fn(&Node) -> Result<()>,
    mend: fn(&Node) -> Result<()>,
    /// Longest time in which no client's write may be acknowledged.
    stall: Duration,
    /// Whether the active must end up acknowledging alone.
    alone: bool,
}

fn kill(node: &Node, unit: &str) -> Result<()> {
    node.signal_unit(unit, Signal::SIGKILL).map(drop)
}

fn start(node: &Node) -> Result<()> {
    ap_mode(node, "start").map(drop)
}

/// The active goes on in time, the standby may not be promoted, and once mended
/// and caught up both are a protected pair again.
fn lose(pair: &Pair, loss: Loss) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    let clients = Clients::start(pair)?;
    let broken = Instant::now();
    (loss.fault)(standby).context("failed to break the standby")?;
    if loss.alone {
        wait_for("the active to acknowledge alone", WATCHED, || Ok(equals(show(active)?.solo, &true)))?;
        // What it acknowledges from now on is here only, and the standby knows it.
        if let Ok(answer) = show(standby) {
            ensure!(!answer.protected && !answer.lease, "the standby believes that it may be promoted: {answer:?}");
        }
    }
    clients.wait_served_by(active, Instant::now(), WATCHED).context("the active does not go on")?;
    expect(pair, active, Is::Active)?;
    (loss.mend)(standby).context("failed to mend the standby")?;
    wait_protected(active)?;
    wait_protected(standby)?;
    expect(pair, standby, Is::Standby)?;
    let stall = clients.outage(broken);
    ensure!(stall.length <= loss.stall, "commits waited {:?}, at most {:?} is allowed", stall.length, loss.stall);
    let counts = clients.stop()?.count(active, broken, Instant::now())?;
    wait_for("both nodes to have the same data", WATCHED, || same_data(pair).map(Seen::Done))?;
    Ok(Counts { outage: Some(stall.length), ..counts })
}
