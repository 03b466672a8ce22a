//! Forgets what nobody will ever decide by, so that states which differ in it
//! alone are one.

use std::time::Duration;

use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::Gateway;
use ap_core::protection::{Active, Phase};

use super::clock::NOW;
use super::network::Flight;
use super::node::Node;
use super::said::Said;
use super::world::World;

impl World {
    pub fn normal(&mut self) {
        for n in 0..2 {
            self.nodes[1 - n].db.acks &= self.nodes[n].db.waiting;
            let node = &mut self.nodes[n];
            node.active.iter_mut().for_each(|active| active.age(Duration::ZERO, NOW));
            node.standby.age(Duration::ZERO, NOW);
            if node.vrrp == Some(Vrrp::Master) {
                node.deaf = 0;
            }
            match &mut self.flights[n] {
                Flight::Back { asked, said, .. } => essence(node, *asked, said, true),
                Flight::Idle | Flight::Done | Flight::Out { .. } => {}
            }
            if let Some(mut said) = node.heard.take() {
                essence(node, node.asked, &mut said, false);
                node.heard = Some(said);
            }
            // An answer to a question from before counts for no later phase.
            let suspects = node.active.as_ref().is_some_and(Active::suspects);
            let counts = match node.active.as_ref().map(Active::phase) {
                None | Some(Phase::Solo { .. }) => false,
                Some(Phase::Opening { target: Some((_, taken)), .. }) => node.asked > *taken || suspects,
                Some(Phase::Opening { .. } | Phase::Whole { .. }) => suspects,
                Some(Phase::Revoking { .. }) => true,
            };
            if !counts {
                node.asked = Duration::ZERO;
            }
        }
    }
}

/// What matters in an answer, by who has asked for it and when.
fn essence(node: &Node, asked: Duration, said: &mut Said, under_way: bool) {
    // Whoever is cut off is so for seconds: see `World::cut_off`.
    said.gateway = Gateway::Answers;
    said.writable = None;
    // Looked at only in an answer to a question that is none of the regular ones.
    said.vrrp = None;
    said.log = 0;
    let phase = node.active.as_ref().map(Active::phase);
    // Only a position asked for after the target was taken counts.
    let counts = matches!(phase, Some(Phase::Opening { target: Some((_, taken)), .. }) if asked > *taken);
    if !counts {
        said.received = 0;
    }
    let active = node.state.mode == Mode::Ap && node.state.role == Role::Active;
    match phase {
        Some(Phase::Revoking { .. }) => {}
        // What began to be asked before granting stopped is no promise.
        _ if active && !under_way => said.lease = false,
        _ => {}
    }
    if active {
        (said.grant, said.vip, said.fenced) = (0, false, false);
    } else {
        // A standby's own questions bring grants; before it promotes it asks anew.
        said.lease = false;
        said.relay = 0;
        said.replicating = false;
        (said.promoting, said.vip) = (false, false);
        if !under_way {
            said.grant = 0;
            said.solo = false;
        }
    }
}
