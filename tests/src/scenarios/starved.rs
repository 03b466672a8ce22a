//! F16: everything is slow. Both nodes' processors are taken by others: busy loops,
//! and programs started without end, on the host and inside both nodes. No timer of
//! keepalived or of ours may take a slow node for a dead one.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::failover::Failover;
use crate::faults::Load;
use crate::node::Node;
use crate::pair::Pair;
use crate::scenario::{Counts, Scenario, protected};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("F16", "starved-30s", |pair| starved(pair, Duration::from_secs(30))),
    protected("F16", "starved-3-minutes", |pair| starved(pair, Duration::from_secs(180)))
        .long()
        .within(Duration::from_secs(400)),
];

/// Busy loops on the host, beside both nodes; what stress-ng was used with in facts.
const LOOPS: usize = 6;
/// What runs in each node: a busy loop, programs without end, and files written and
/// flushed without end, as a backup job gone wild does.
const INSIDE: [&str; 4] = [
    "while :; do :; done",
    "while :; do /bin/true; done",
    "while :; do /bin/true | /bin/cat; done",
    "while :; do dd if=/dev/zero of=/var/tmp/lab-load bs=64k count=64 conv=fsync status=none; done",
];

/// Starts a node's own load, in its control group; bounded, should nobody end it.
fn load(node: &Node) -> Result<()> {
    for (number, what) in INSIDE.into_iter().enumerate() {
        let run = format!("systemd-run --quiet --unit=lab-load-{number} --property=RuntimeMaxSec=600 sh -c '{what}'");
        node.run(&run)?;
    }
    Ok(())
}

fn unload(node: &Node) -> Result<()> {
    node.run("systemctl stop 'lab-load-*'; rm -f /var/tmp/lab-load").map(drop)
}

/// The share of time in which something waited for a processor, of the last ten seconds.
fn pressure() -> String {
    let text = std::fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    text.split_whitespace().find_map(|word| word.strip_prefix("avg10=")).unwrap_or("?").to_owned()
}

/// Slow, but the same node serves all along, and nobody is what it was not.
fn starved(pair: &Pair, long: Duration) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let nodes = [story.failed, story.survivor];
    let mut pressed = String::new();
    let outage = story.endure(|_| {
        let _host = Load::start(LOOPS)?;
        nodes.into_iter().try_for_each(load)?;
        sleep(long);
        pressed = pressure();
        nodes.into_iter().try_for_each(unload)
    })?;
    ensure!(pressed == "?" || pressed.parse::<f64>()? > 50.0, "nothing was starved: {pressed} %");
    let note = format!("no failover in {} s, something waited for a processor in {pressed} %", long.as_secs());
    Ok(Counts { outage: Some(outage), note, ..story.end()? })
}
