//! F18: a whole machine stands still with commits in flight, as a hypervisor
//! does when it moves one, and goes on later as if nothing had been.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::{Failover, roles, way_back};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{equals, wait_for};

/// Scenarios of this file.
///
/// Red when leaving stops the database gracefully instead of killing it: rows that only
/// the thawed node has are then committed, and the histories fork (tests/broken/fence.patch).
pub const SCENARIOS: &[Scenario] = &[
    protected("F18", "active-frozen-briefly", active_briefly),
    protected("F18", "active-frozen-2s", |pair| active_frozen(pair, 2)),
    protected("F18", "active-frozen-10s", |pair| active_frozen(pair, 10)).long(),
    protected("F18", "active-frozen-and-cut-off", active_cut_off).long(),
    protected("F18", "active-frozen-standby-dies", active_frozen_standby_dies).long(),
    protected("F18", "standby-frozen-briefly", |pair| standby_frozen(pair, Duration::from_millis(300))),
    protected("F18", "standby-frozen-2s", |pair| standby_frozen(pair, Duration::from_secs(2))),
    protected("F18", "standby-frozen-10s", |pair| standby_frozen(pair, Duration::from_secs(10))).long(),
];

/// Longer than any freeze here: a patient client keeps its connection, and what
/// the thawed node tells it in the end counts.
const PATIENT: Duration = Duration::from_secs(20);
/// How long a node gets to do what is expected of it.
const SOON: Duration = Duration::from_secs(15);

/// A fault of a certain length.
fn frozen(node: &Node, long: Duration) -> Result<()> {
    node.freeze()?;
    sleep(long);
    node.thaw()
}

/// Shorter than keepalived's detection, 300 ms: nothing happens.
fn active_briefly(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let mut clients = Clients::start(pair)?;
    clients.add_patient(pair, PATIENT)?;
    let broken = Instant::now();
    for _ in 0..3 {
        frozen(active, Duration::from_millis(120))?;
        clients.wait_served_by(active, Instant::now(), SOON)?;
    }
    sleep(Duration::from_secs(2));
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    wait_protected(active)?;
    let outage = clients.outage(broken).length;
    Ok(Counts { outage: Some(outage), ..clients.finish(pair, active, broken)? })
}

/// Longer: the standby serves. The thawed node acknowledges nothing that the
/// other lacks, gives the VIP away and ends in `m`.
fn active_frozen(pair: &Pair, seconds: u64) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    story.patient(PATIENT)?;
    let begun = Instant::now();
    let outage = story.strike(Node::freeze)?;
    sleep(Duration::from_secs(seconds).saturating_sub(begun.elapsed()));
    story.mend(Node::thaw)?;
    let back = story.way_back()?;
    Ok(Counts { outage: Some(outage), note: back.to_string(), ..story.end()? })
}

/// Thawed where it reaches nobody, it fences itself all the same.
fn active_cut_off(pair: &Pair) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    story.patient(PATIENT)?;
    let outage = story.strike(|node| {
        node.freeze()?;
        node.isolate()
    })?;
    story.failed.thaw()?;
    // It cannot know that the other one was promoted before it hears so.
    expect(pair, story.failed, Is::RestingActive)?;
    story.mend(Node::rejoin)?;
    story.way_back()?;
    Ok(Counts { outage: Some(outage), ..story.end()? })
}

/// Frozen for 10 s; meanwhile the standby was promoted, acknowledged, and died.
/// Thawed, the old active meets only silence, and silence proves nothing to whom
/// could not listen: it acknowledges nothing until the other is back.
///
/// Red when the time in which it did not run counts as silence of the other: it then
/// goes on alone (tests/broken/gap-is-nothing.patch).
fn active_frozen_standby_dies(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let mut clients = Clients::start(pair)?;
    clients.add_patient(pair, PATIENT)?;
    let broken = Instant::now();
    active.freeze()?;
    clients.wait_served_by(standby, broken, SOON)?;
    let outage = clients.outage(broken).length;
    sleep(Duration::from_secs(5).saturating_sub(broken.elapsed()));
    standby.power_off()?;
    active.thaw()?;
    let thawed = Instant::now();
    // Longer than a lease, a gap and a check together.
    sleep(Duration::from_secs(7));
    let served = clients.served_since(thawed);
    ensure!(served.is_empty(), "{served:?} acknowledged although the other may know better");
    standby.power_on()?;
    expect(pair, standby, Is::Alone)?;
    expect(pair, active, Is::Resting)?;
    clients.wait_served_by(standby, Instant::now(), SOON)?;
    way_back(pair, standby)?;
    Ok(Counts { outage: Some(outage), ..clients.finish(pair, standby, broken)? })
}

/// The standby stands still. It wakes to an active that does without it, or that
/// waits for it, and takes nothing over from it.
fn standby_frozen(pair: &Pair, long: Duration) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let mut clients = Clients::start(pair)?;
    clients.add_patient(pair, PATIENT)?;
    let broken = Instant::now();
    frozen(standby, long)?;
    clients.wait_served_by(active, Instant::now(), SOON)?;
    wait_protected(active)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    wait_for("the standby to be BACKUP", SOON, || Ok(equals(show(standby)?.vrrp, &Some(ap_core::mode::Vrrp::Backup))))?;
    let served = clients.served_since(broken);
    ensure!(served == [active.name()], "served by {served:?}");
    let outage = clients.outage(broken).length;
    // A lease of 3 s, a gap of 1 s, and a moment.
    ensure!(outage < long.min(Duration::from_secs(4)) + Duration::from_millis(1500), "stood still for {outage:?}");
    Ok(Counts { outage: Some(outage), ..clients.finish(pair, active, broken)? })
}
