//! The five test cases of the first version, as one story.

use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use crate::expect::{Is, expect};
use crate::failover::{Failover, roles};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, wait_protected};
use crate::scenario::{Counts, Scenario, booted};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[booted("first", "first-version", five_cases)];

fn five_cases(pair: &Pair) -> Result<Counts> {
    // 1. The active is powered on and everything started: MASTER with the VIP.
    ap_mode(&pair.a, "start")?;
    expect(pair, &pair.a, Is::Active)?;
    // 2. The standby is powered on: BACKUP.
    ap_mode(&pair.b, "start")?;
    expect(pair, &pair.b, Is::Standby)?;
    expect(pair, &pair.a, Is::Active)?;
    wait_protected(&pair.a)?;
    wait_protected(&pair.b)?;

    let mut all = Counts::default();
    let mut add = |counts: Counts| {
        all.acknowledged += counts.acknowledged;
        all.missing += counts.missing;
        all.outage = all.outage.max(counts.outage);
    };
    // 3. The active is powered off: the standby takes over, and on power-back the
    // old active does not pre-empt.
    add(down_and_back(pair, Node::power_off, |node| node.power_on().map(drop))?);
    // 4. The same for the network interface.
    add(down_and_back(pair, Node::link_down, Node::link_up)?);
    // 5. The same for keepalived. In m it cannot come back, not even by hand.
    add(down_and_back(
        pair,
        |node| node.signal_unit("keepalived.service", Signal::SIGKILL).map(drop),
        |node| {
            expect(pair, node, Is::Resting)?;
            let started = node.sh("systemctl start keepalived.service", Duration::from_secs(10))?;
            ensure!(started.code != 0, "a masked keepalived starts");
            Ok(())
        },
    )?);
    all.note = "longest of 3".to_owned();
    Ok(all)
}

/// The active goes down and comes back; it stays in m until the operator says `ap`.
fn down_and_back(
    pair: &Pair,
    down: impl FnOnce(&Node) -> Result<()>,
    back: impl FnOnce(&Node) -> Result<()>,
) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let outage = story.strike(down)?;
    story.mend(back)?;
    let (serves, _) = roles(pair)?;
    ensure!(serves.name() == story.survivor.name(), "{} pre-empted", serves.name());
    story.way_back()?;
    Ok(Counts { outage: Some(outage), ..story.end()? })
}
