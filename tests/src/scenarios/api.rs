//! F4: the API on the active node.

use anyhow::Result;
use nix::sys::signal::Signal;

use crate::failover::{endured, leaves};
use crate::node::Node;
use crate::scenario::{Scenario, protected};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("F4", "api-crash", |pair| {
        leaves(pair, |node| node.signal_unit(UNIT, Signal::SIGKILL).map(drop), nothing)
    })
    .matrix(),
    protected("F4", "api-restart", |pair| endured(pair, restart)).matrix(),
    // Counts as down only after the restart grace.
    protected("F4", "api-stop", |pair| leaves(pair, stop, nothing)).long(),
    protected("F4", "api-hung", |pair| leaves(pair, |node| node.signal_unit(UNIT, Signal::SIGSTOP).map(drop), nothing))
        .long(),
    protected("F4", "api-unhealthy", |pair| leaves(pair, unhealthy, nothing)).long(),
    protected("F4", "api-port-closed", |pair| leaves(pair, |node| reject(node, "-I"), |node| reject(node, "-D")))
        .long(),
];

const UNIT: &str = "demo-api.service";

fn nothing(_: &Node) -> Result<()> {
    Ok(())
}

fn stop(node: &Node) -> Result<()> {
    node.run(&format!("systemctl stop {UNIT}")).map(drop)
}

fn restart(node: &Node) -> Result<()> {
    node.run(&format!("systemctl restart {UNIT}")).map(drop)
}

/// The API runs and answers 503: it may no longer connect to the database, as
/// after a wrong chmod. The next start of the server makes the socket anew.
fn unhealthy(node: &Node) -> Result<()> {
    node.run("chmod 0700 /run/mysqld/mysqld.sock; mariadb -e 'KILL USER demo@localhost'").map(drop)
}

/// A firewall rule that does not belong there.
fn reject(node: &Node, how: &str) -> Result<()> {
    let port = crate::options::API_PORT;
    node.run(&format!("iptables -w {how} INPUT -p tcp --dport {port} -j REJECT --reject-with tcp-reset")).map(drop)
}
