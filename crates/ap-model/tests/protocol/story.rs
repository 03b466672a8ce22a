//! A counterexample as a story.

use stateright::Path;

use super::actions::Action;
use super::world::World;

pub fn print(property: &str, path: &Path<World, Action>) {
    println!("{property} broken:");
    for (world, action) in path.clone().into_vec() {
        let nodes = world.nodes.iter().map(|node| {
            format!(
                "[{:?}{} {}/{} e{} vrrp {:?}{} db {}{}{} log {:b} relay {:b} waiting {:b} {:?} lease {:?} grant {}]",
                node.power,
                if node.notify { "" } else { " no notify" },
                node.state.mode,
                node.state.role,
                node.state.epoch,
                node.vrrp,
                if node.vip { " vip" } else { "" },
                if node.db.up { "up" } else { "down" },
                if node.db.read_only { " ro" } else { " rw" },
                if node.db.semi { " semi" } else { "" },
                node.db.log,
                node.db.relay,
                node.db.waiting,
                node.active.as_ref().map(ap_core::protection::Active::phase),
                node.standby.kept(),
                node.grant,
            )
        });
        println!("  acked {:b} {}", world.acknowledged, nodes.collect::<Vec<_>>().join("\n          "));
        if let Some(action) = action {
            println!("{action:?}");
        }
    }
}
