//! F13: keepalived changes its mind fifty times in a second.

use anyhow::{Context, Result, ensure};

use crate::expect::{Is, expect};
use crate::failover::{Failover, endured, roles};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("F13", "flaps-on-both", on_both),
    protected("F13", "flaps-with-fault", with_fault),
    protected("F13", "flaps-real", real).long(),
];

/// How often, and the pause in between: fifty in a second.
const FLAPS: usize = 50;
const PAUSE: &str = "0.02";

/// Writes words into the FIFO as keepalived would, in turn; `last` ends them.
fn say(node: &Node, words: [&str; 2], last: &str) -> Result<()> {
    let [one, other] = words;
    let half = FLAPS / 2;
    node.run(&format!(
        "say() {{ echo \"INSTANCE \\\"ap\\\" $1 254\" >/run/ap/notify.fifo; }}; \
         for i in $(seq {half}); do say {one}; sleep {PAUSE}; say {other}; sleep {PAUSE}; done; say {last}"
    ))
    .map(drop)
}

/// A tracked file that flaps makes keepalived flap: FAULT and back.
fn toggle(node: &Node) -> Result<()> {
    let half = FLAPS / 2;
    node.run(&format!(
        "for i in $(seq {half}); do echo 1 >/run/ap/fault/api; sleep {PAUSE}; echo 0 >/run/ap/fault/api; sleep {PAUSE}; done"
    ))
    .map(drop)
}

/// keepalived's last word is what it was before: so is the node. On the standby
/// no MASTER on the way may promote, because the active answers that it serves.
fn on_both(pair: &Pair) -> Result<Counts> {
    let (_, standby) = roles(pair)?;
    let mut counts = endured(pair, |active| {
        say(active, ["BACKUP", "MASTER"], "MASTER")?;
        say(standby, ["MASTER", "BACKUP"], "BACKUP").context("on the standby")
    })?;
    let (_, again) = roles(pair)?;
    ensure!(again.name() == standby.name(), "{} is the standby now", again.name());
    counts.note = "no failover, 50 flaps on each node".to_owned();
    Ok(counts)
}

/// One FAULT among fifty flaps, and MASTER the last word: the active leaves.
fn with_fault(pair: &Pair) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let outage = story.strike(|node| {
        say(node, ["BACKUP", "MASTER"], "FAULT")?;
        say(node, ["BACKUP", "MASTER"], "MASTER")
    })?;
    story.mend(|_| Ok(()))?;
    story.way_back()?;
    Ok(Counts { outage: Some(outage), ..story.end()? })
}

/// keepalived itself flaps: on the standby nothing comes of it, the active leaves
/// at the first FAULT, and the survivor, alone in s, recovers by itself.
fn real(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let epoch = show(active)?.epoch;
    toggle(standby)?;
    expect(pair, standby, Is::Standby)?;
    expect(pair, active, Is::Active)?;
    ensure!(show(active)?.epoch == epoch, "flaps of the standby moved the epoch");
    wait_protected(active)?;
    wait_protected(standby)?;
    let mut story = Failover::begin(pair)?;
    let outage = story.strike(toggle)?;
    story.mend(|_| Ok(()))?;
    toggle(story.survivor)?;
    expect(pair, story.survivor, Is::Alone)?;
    let back = story.way_back()?;
    Ok(Counts { outage: Some(outage), note: back.to_string(), ..story.end()? })
}
