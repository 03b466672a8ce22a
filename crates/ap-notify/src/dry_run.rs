//! `--dry-run`: observes and plans exactly as the service does, and prints.

use std::path::Path;

use anyhow::Result;
use ap_core::message::{Request, Verb};
use ap_core::mode::Fault;
use ap_core::plan::{Cause, Plan, plan, promotion};
use ap_core::step::Step;

use crate::node::Node;

/// What would be done, a line each.
///
/// # Errors
/// The node cannot be opened.
pub fn dry_run(config_path: &Path, request: &Request) -> Result<Result<Vec<String>, String>> {
    let mut node = Node::open(config_path)?;
    let cause = Cause::Request(request.clone());
    let observed = node.observe(&cause);
    let replication = (node.credentials.replication_user.as_str(), "***");
    match plan(&cause, &observed) {
        Plan::Refuse(refusal) => Ok(Err(format!("{}; {}", refusal.evidence, refusal.way))),
        plan => {
            let mut lines = Vec::new();
            for step in plan.steps() {
                lines.extend(step.describe(&node.config, &node.peer.name, replication));
                if request.verb == Verb::Switchover && *step == Step::Fault(Fault::Role, true) {
                    // What the peer does meanwhile, seen from there.
                    let theirs = promotion(observed.state.epoch + 1, false);
                    let theirs =
                        theirs.iter().flat_map(|step| step.describe(&node.config, &node.own.name, replication));
                    lines.extend(theirs.map(|line| format!("  {}: {line}", node.peer.name)));
                }
            }
            Ok(Ok(lines))
        }
    }
}
