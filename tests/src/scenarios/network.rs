//! F2: the active node's way to the network.

use std::time::Duration;

use anyhow::Result;

use crate::expect::{Is, expect};
use crate::failover::Failover;
use crate::node::Node;
use crate::options::PREFIX;
use crate::pair::Pair;
use crate::scenario::{Counts, Scenario, protected};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("F2", "nic-cable", |pair| cut(pair, Node::cut_cable, Node::plug_cable)).matrix(),
    protected("F2", "nic-link-down", |pair| cut(pair, Node::link_down, Node::link_up)).long(),
    // keepalived stays MASTER, deaf (docs/FACTS.md#own-address-lost-is-unnoticed): only the
    // NIC check sees it.
    protected("F2", "nic-address-removed", |pair| {
        cut(pair, |node| node.remove_address(&own(node)), |node| add_address(node, &own(node)))
    })
    .long(),
    // Carrier and address are there, nothing is heard: neither keepalived nor the
    // NIC check can know. That the gateway is silent tells ap-notify.
    protected("F2", "nic-port-cut", |pair| cut(pair, Node::isolate, Node::rejoin)).long(),
];

/// A client whose commit was in flight waits for an answer beyond the way back.
const PATIENT: Duration = Duration::from_secs(10);

/// The node fences itself and rests. Where it hears nobody it cannot know that the
/// other one was promoted: its role in `m` changes only once it is mended. Clients
/// that keep their connection to it are told nothing that the other one lacks.
fn cut(pair: &Pair, fault: impl FnOnce(&Node) -> Result<()>, mend: impl FnOnce(&Node) -> Result<()>) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    story.patient(PATIENT)?;
    let outage = story.strike(fault)?;
    story.mend(|node| {
        expect(pair, node, Is::RestingActive)?;
        mend(node)
    })?;
    let back = story.way_back()?;
    Ok(Counts { outage: Some(outage), note: back.to_string(), ..story.end()? })
}

fn own(node: &Node) -> String {
    format!("{}/{PREFIX}", node.address())
}

/// What an operator who removed it would type; the default route went with it.
fn add_address(node: &Node, address: &str) -> Result<()> {
    node.run(&format!("ip address add {address} dev '{}'; networkctl reconfigure '{}'", node.nic(), node.nic()))
        .map(drop)
}
