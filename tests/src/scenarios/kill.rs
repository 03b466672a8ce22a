//! F12: `ap-notify` killed at each step of the promotion and of the leaving.
//!
//! With AP_TRAP in its environment the service kills itself before the step
//! named in that file, once. systemd starts it again, and the end is the same.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::failover::{Failover, roles};
use crate::pair::Pair;
use crate::product::wait_protected;
use crate::scenario::{Counts, Scenario, protected};
use crate::trap;

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    // On both nodes at once, before and after each plan's point of no return: the
    // active with its database not yet fenced, then with all done but the record;
    // the standby before it drains, then with replication forgotten and still
    // read-only. With mode s written only after that, the standby had nothing left
    // to prove its right by, and refused for ever (tests/broken/not-first-written.patch).
    protected("F12", "notify-killed", |pair| {
        trapped(pair, &[(Some("FenceDatabase"), Some("Drain")), (Some("Become"), Some("SemiSync(false)"))])
    }),
    protected("F12", "notify-killed-promoting", |pair| trapped(pair, &PROMOTION.map(|step| (None, Some(step)))))
        .long()
        .within(LONG),
    protected("F12", "notify-killed-leaving", |pair| trapped(pair, &LEAVING.map(|step| (Some(step), None))))
        .long()
        .within(LONG),
];

/// A failover and the way back for each step.
const LONG: Duration = Duration::from_secs(600);

/// Steps of the plan, by how they are printed.
const PROMOTION: [&str; 11] = [
    "Intend(Promote",
    "StopReceiving",
    "Drain",
    "Confirm",
    "Become",
    "EndReplication",
    "SemiSync(false)",
    "Writable",
    "UnitFiles(S)",
    "Alert",
    "Finish",
];
const LEAVING: [&str; 13] = [
    "Fault(Role, true)",
    "Intend(Leave",
    "FenceDatabase",
    "RecordFenced",
    "Started(false)",
    "Stop(Keepalived)",
    "RemoveVip",
    "Stop(Api)",
    "Stop(Database)",
    "Become",
    "UnitFiles(M)",
    "Alert",
    "Finish",
];

/// One failover for each entry: the step at which the active's `ap-notify` dies,
/// and the standby's.
fn trapped(pair: &Pair, steps: &[(Option<&str>, Option<&str>)]) -> Result<Counts> {
    pair.both(|node| trap::arm(node, "100ms"))?;
    let mut all = Counts::default();
    for (leaving, promoting) in steps {
        let what = format!("killed at {} and {}", leaving.unwrap_or("-"), promoting.unwrap_or("-"));
        let counts = one(pair, *leaving, *promoting).context(what)?;
        all.acknowledged += counts.acknowledged;
        all.missing += counts.missing;
        all.outage = all.outage.max(counts.outage);
    }
    all.note = format!("longest of {}", steps.len());
    pair.both(trap::disarm)?;
    let (active, standby) = roles(pair)?;
    wait_protected(active)?;
    wait_protected(standby)?;
    Ok(all)
}

fn one(pair: &Pair, leaving: Option<&str>, promoting: Option<&str>) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    wait_protected(active)?;
    wait_protected(standby)?;
    let mut story = Failover::begin(pair)?;
    let traps = [(story.failed, leaving), (story.survivor, promoting)];
    for (node, step) in traps {
        if let Some(step) = step {
            trap::lay(node, step)?;
        }
    }
    // The database lives until it is fenced.
    let outage = story.strike(|node| node.signal_unit("demo-api.service", Signal::SIGKILL).map(drop))?;
    story.mend(|_| Ok(()))?;
    for (node, step) in traps {
        if let Some(step) = step {
            trap::sprung(node, step, Duration::from_secs(5))?;
        }
    }
    story.way_back()?;
    Ok(Counts { outage: Some(outage), ..story.end()? })
}
