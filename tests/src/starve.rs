//! Takes the processors from both nodes: busy loops, and programs and writes without end.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::bench::calm;
use crate::faults::Load;
use crate::node::Node;

/// Busy loops on the host, beside both nodes, as in docs/FACTS.md#adverts-under-load.
const LOOPS: usize = 6;
/// What runs in each node: a busy loop, programs without end, and files written and
/// flushed without end, as a backup job gone wild does.
const INSIDE: [&str; 4] = [
    "while :; do :; done",
    "while :; do /bin/true; done",
    "while :; do /bin/true | /bin/cat; done",
    "while :; do dd if=/dev/zero of=/var/tmp/lab-load bs=64k count=64 conv=fsync status=none; done",
];

/// For so long. Returns the share of time in which something waited for a processor,
/// of the last ten seconds of it, in percent.
pub fn starve(nodes: [&Node; 2], long: Duration) -> Result<f64> {
    let _host = Load::start(LOOPS)?;
    nodes.into_iter().try_for_each(load)?;
    sleep(long);
    let pressure = calm::pressure();
    nodes.into_iter().try_for_each(unload)?;
    Ok(pressure)
}

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
