//! `ap-notify` that ends itself before a step of a plan, once (F12): a switch of
//! the product that only tests reach.

use std::time::Duration;

use anyhow::Result;

use crate::node::Node;
use crate::wait::{holds, wait_for};

/// Names the step; gone once it has sprung.
const TRAP: &str = "/run/ap/trap";
const DROP_IN: &str = "/run/systemd/system/ap-notify.service.d/90-trap.conf";

/// From here on the node's `ap-notify` looks for traps; killed by one, it comes
/// back after `pause`, in systemd's words.
pub fn arm(node: &Node, pause: &str) -> Result<()> {
    let drop_in = format!("[Service]\nEnvironment=AP_TRAP={TRAP}\nRestartSec={pause}\n");
    node.write(DROP_IN, drop_in.as_bytes(), "0644")?;
    node.run("systemctl daemon-reload && systemctl restart ap-notify.service").map(drop)
}

/// No more.
pub fn disarm(node: &Node) -> Result<()> {
    let restart = "systemctl daemon-reload && systemctl restart ap-notify.service";
    node.run(&format!("rm -f {DROP_IN} {TRAP}; {restart}")).map(drop)
}

/// Lays one, by how the step is printed.
pub fn lay(node: &Node, step: &str) -> Result<()> {
    node.write(TRAP, step.as_bytes(), "0600")
}

/// Takes it away, sprung or not.
pub fn lift(node: &Node) -> Result<()> {
    node.run(&format!("rm -f {TRAP}")).map(drop)
}

/// Waits until it has sprung: a step that was never reached would show nothing.
pub fn sprung(node: &Node, step: &str, deadline: Duration) -> Result<()> {
    wait_for(&format!("ap-notify on {} to end at {step}", node.name()), deadline, || {
        Ok(holds(node.run(&format!("test -e {TRAP} && echo there || echo gone"))? == "gone"))
    })
    .map(drop)
}
