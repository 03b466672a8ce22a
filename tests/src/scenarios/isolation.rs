//! F7: one node is cut off from the other, the gateway and the clients.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::{Failover, roles};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{equals, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] =
    &[protected("F7", "active-isolated", active_isolated), protected("F7", "standby-isolated", standby_isolated)];

/// Longer than any lease and gap, any check and any deadline that could matter.
const WATCHED: Duration = Duration::from_secs(7);
/// How long a node gets to do what is expected of it.
const SOON: Duration = Duration::from_secs(15);

/// Cut off from the standby, the gateway and the clients, the active fences
/// itself without being told by anybody.
fn active_isolated(pair: &Pair) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    story.patient(SOON)?;
    let outage = story.strike(Node::isolate)?;
    // It cannot know that the other one was promoted before it hears so.
    expect(pair, story.failed, Is::RestingActive)?;
    story.mend(Node::rejoin)?;
    let back = story.way_back()?;
    Ok(Counts { outage: Some(outage), note: back.to_string(), ..story.end()? })
}

/// The standby hears no adverts any more, becomes MASTER for keepalived, and
/// refuses: it reaches nobody. The active waits for any lease to end and goes on.
///
/// Red when a promotion does not mind its own gateway: both nodes then serve, and what
/// the active acknowledged since is lost when they meet (tests/broken/gateway-not-asked.patch).
fn standby_isolated(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    let clients = Clients::start(pair)?;
    let broken = Instant::now();
    standby.isolate()?;
    wait_for("the active to acknowledge alone", WATCHED, || Ok(equals(show(active)?.solo, &true)))?;
    clients.wait_served_by(active, Instant::now(), SOON)?;
    let answer = show(standby)?;
    ensure!(
        answer.mode.as_str() == "ap" && answer.role.as_str() == "standby" && answer.writable == Some(false),
        "the standby became something else: {answer:?}"
    );
    wait_for("the standby to give the VIP up", SOON, || Ok(equals(show(standby)?.vip, &false)))?;
    let outage = clients.outage(broken).length;
    standby.rejoin()?;
    wait_protected(active)?;
    wait_protected(standby)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    Ok(Counts { outage: Some(outage), ..clients.finish(pair, active, broken)? })
}
