//! What the bench breaks. The way back differs from product to product; how the
//! machine is broken and mended does not.

use anyhow::Result;
use nix::sys::signal::Signal;

use crate::node::Node;

/// One fault of the active node.
#[derive(Clone, Copy)]
pub struct Fault {
    /// Name, as files and tables have it.
    pub name: &'static str,
    /// What is aimed at, as a median, in milliseconds.
    pub target_ms: f64,
    /// Breaks the node.
    pub strike: fn(&Node) -> Result<()>,
    /// Makes the machine whole again, nothing else.
    pub mend: fn(&Node) -> Result<()>,
}

/// All that can be done to any pair.
pub const FAULTS: &[Fault] = &[
    Fault { name: "power-off", target_ms: 500.0, strike: Node::power_off, mend: |node| node.power_on().map(drop) },
    Fault { name: "nic-down", target_ms: 500.0, strike: Node::link_down, mend: Node::link_up },
    Fault {
        name: "keepalived-killed",
        target_ms: 500.0,
        strike: |node| signal(node, 2, Signal::SIGKILL),
        mend: |_| Ok(()),
    },
    Fault { name: "api-crash", target_ms: 150.0, strike: |node| signal(node, 1, Signal::SIGKILL), mend: |_| Ok(()) },
    Fault {
        name: "database-crash",
        target_ms: 150.0,
        strike: |node| signal(node, 0, Signal::SIGKILL),
        mend: |_| Ok(()),
    },
    Fault {
        name: "api-hung",
        target_ms: 3500.0,
        strike: |node| signal(node, 1, Signal::SIGSTOP),
        mend: |node| go_on(node, 1),
    },
    Fault {
        name: "database-hung",
        target_ms: 3500.0,
        strike: |node| signal(node, 0, Signal::SIGSTOP),
        mend: |node| go_on(node, 0),
    },
];

/// Database, API, keepalived.
const UNITS: [&str; 3] = ["mariadb.service", "demo-api.service", "keepalived.service"];

fn signal(node: &Node, unit: usize, signal: Signal) -> Result<()> {
    node.signal_unit(UNITS[unit], signal).map(drop)
}

/// Most were ended by the failover already.
fn go_on(node: &Node, unit: usize) -> Result<()> {
    let _ = node.signal_unit(UNITS[unit], Signal::SIGCONT);
    Ok(())
}
