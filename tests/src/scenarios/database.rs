//! F5: the database on the active node.

use std::time::Duration;

use anyhow::{Result, ensure};
use mysql::{Conn, OptsBuilder};
use nix::sys::signal::Signal;

use crate::failover::{Failover, endured, leaves};
use crate::node::Node;
use crate::pair::Pair;
use crate::scenario::{Counts, Scenario, protected};
use crate::sql::{PASSWORD, USER};
use crate::wait::{holds, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("F5", "database-crash", |pair| {
        leaves(pair, |node| node.signal_unit(UNIT, Signal::SIGKILL).map(drop), nothing)
    })
    .matrix(),
    protected("F5", "database-restart", |pair| endured(pair, restart)).matrix(),
    // Counts as down only after the restart grace.
    protected("F5", "database-stop", |pair| leaves(pair, stop, nothing)).long(),
    protected("F5", "database-hung", |pair| {
        leaves(pair, |node| node.signal_unit(UNIT, Signal::SIGSTOP).map(drop), nothing)
    })
    .long(),
    protected("F5", "database-disk-full", disk_full).long(),
    protected("F5", "database-too-many-connections", too_many_connections).long(),
];

const UNIT: &str = "mariadb.service";

fn nothing(_: &Node) -> Result<()> {
    Ok(())
}

fn stop(node: &Node) -> Result<()> {
    node.run(&format!("systemctl stop {UNIT}")).map(drop)
}

fn restart(node: &Node) -> Result<()> {
    node.run(&format!("systemctl restart {UNIT}")).map(drop)
}

/// The disk that is full holds the state as well: the node cannot even write down
/// that it leaves. It gives the VIP away all the same, and records `m` when it can.
fn disk_full(pair: &Pair) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let outage = story.strike(Node::fill_disk)?;
    let vip = pair.options.vip;
    wait_for("a node without VIP and database", Duration::from_secs(15), || {
        let vip = story.failed.run(&format!("ip -o -4 address show to {vip}"))?;
        let active = story.failed.sh(&format!("systemctl is-active {UNIT}"), Duration::from_secs(5))?.stdout;
        Ok(holds(vip.is_empty() && active != "active"))
    })?;
    story.mend(Node::free_disk)?;
    let back = story.way_back()?;
    Ok(Counts { outage: Some(outage), note: back.to_string(), ..story.end()? })
}

/// A program that opens connections and never closes them.
fn too_many_connections(pair: &Pair) -> Result<Counts> {
    let mut hoard: Vec<Conn> = Vec::new();
    let (lab, vip) = (&pair.lab, pair.options.vip);
    let counts = leaves(
        pair,
        |_| {
            hoard = lab.as_client(move || {
                let options = OptsBuilder::new()
                    .ip_or_hostname(Some(vip.to_string()))
                    .user(Some(USER))
                    .pass(Some(PASSWORD))
                    .prefer_socket(false)
                    .tcp_connect_timeout(Some(Duration::from_secs(1)))
                    .read_timeout(Some(Duration::from_secs(1)));
                let mut hoard = Vec::new();
                while let Ok(connection) = Conn::new(options.clone()) {
                    hoard.push(connection);
                }
                hoard
            })?;
            ensure!(hoard.len() > 100, "only {} connections could be opened", hoard.len());
            Ok(())
        },
        nothing,
    )?;
    drop(hoard);
    Ok(counts)
}
