//! A counterexample as a story.

use stateright::Path;

use super::actions::Action;
use super::node::Node;
use super::world::World;

pub fn print(property: &str, path: &Path<World, Action>) {
    println!("{property} broken:");
    for (world, action) in path.clone().into_vec() {
        let nodes: Vec<String> = world.nodes.iter().map(line).collect();
        println!("  acked {:b} {}", world.acknowledged, nodes.join("\n          "));
        if let Some(action) = action {
            println!("{action:?}");
        }
    }
}

fn line(node: &Node) -> String {
    let flag = |on: bool, text: &'static str| if on { text } else { "" };
    let (state, db) = (&node.state, &node.db);
    let said = node.told.as_ref().map_or_else(String::new, |told| {
        format!(
            "says{}{}{} grant {:?}",
            flag(told.promoting, " promoting"),
            flag(told.fenced, " fenced"),
            flag(told.lease, " lease"),
            told.grant,
        )
    });
    format!(
        "[{:?}{} {}/{} e{}{} {}{} db {}{}{} log {:b} relay {:b} waiting {:b} lease {:?} {said}]",
        node.power,
        flag(node.agent.is_none(), " no notify"),
        state.mode,
        state.role,
        state.epoch,
        flag(state.solo, " solo"),
        node.keepalived.map_or("-", ap_core::mode::Vrrp::as_str),
        flag(node.vip, " vip"),
        if db.up { "up" } else { "down" },
        if db.read_only { " ro" } else { " rw" },
        flag(db.semi, " semi"),
        db.log,
        db.relay,
        db.waiting,
        node.lease,
    )
}
