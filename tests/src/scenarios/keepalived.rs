//! F3: keepalived on the active node.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::failover::{either, leaves};
use crate::node::Node;
use crate::scenario::{Scenario, protected};
use crate::wait::{holds, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    // SIGKILL of both leaves the VIP on the interface: the worst of them
    // (docs/FACTS.md#kill-leaves-the-vip).
    protected("F3", "keepalived-both-killed", |pair| leaves(pair, kill_all, nothing)).matrix(),
    protected("F3", "keepalived-stop", |pair| leaves(pair, stop, nothing)).long(),
    protected("F3", "keepalived-term", |pair| leaves(pair, |node| node.signal_main(UNIT, Signal::SIGTERM), nothing))
        .long(),
    protected("F3", "keepalived-parent-killed", |pair| {
        leaves(pair, |node| node.signal_main(UNIT, Signal::SIGKILL), nothing)
    })
    .long(),
    // keepalived starts it again at once, as BACKUP and without the VIP. The
    // standby has heard adverts since, waits no longer, and takes over; on a busy
    // machine the old one may be first and goes on.
    protected("F3", "keepalived-child-killed", |pair| either(pair, kill_child)).long(),
    // What a package upgrade does. STOP of an active node is leaving: keepalived
    // gives the VIP away before anybody can know that it means to come back. So
    // upgrade keepalived on the standby first, swap the roles, then on the other.
    protected("F3", "keepalived-restart", |pair| leaves(pair, restart, nothing)).long(),
];

const UNIT: &str = "keepalived.service";

fn nothing(_: &Node) -> Result<()> {
    Ok(())
}

fn kill_all(node: &Node) -> Result<()> {
    node.signal_unit(UNIT, Signal::SIGKILL).map(drop)
}

fn stop(node: &Node) -> Result<()> {
    node.run(&format!("systemctl stop {UNIT}")).map(drop)
}

/// The start half meets a unit that ap-notify stops and masks.
fn restart(node: &Node) -> Result<()> {
    node.sh(&format!("systemctl restart {UNIT}"), Duration::from_secs(20)).map(drop)
}

/// The process that speaks VRRP.
fn child(node: &Node) -> Result<i32> {
    let main = node.pid_of(UNIT)?;
    node.unit_processes(UNIT)
        .into_iter()
        .find(|&process| {
            let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|pid| pid.trim() == main.to_string()))
        })
        .context("keepalived has no child")
}

fn kill_child(node: &Node) -> Result<()> {
    let old = child(node)?;
    kill(Pid::from_raw(old), Signal::SIGKILL)?;
    wait_for("another child of keepalived", Duration::from_secs(5), || Ok(holds(child(node)? != old))).map(drop)
}
