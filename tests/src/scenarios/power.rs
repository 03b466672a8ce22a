//! F1: power.

use crate::failover::failover;
use crate::node::Node;
use crate::scenario::{Scenario, protected};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[protected("F1", "power-off", |pair| {
    // Power comes back: it boots, starts nothing, and records `m`.
    failover(pair, Node::power_off, |node| node.power_on().map(drop))
})
.matrix()];
