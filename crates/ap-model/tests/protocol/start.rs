//! Where the exploration begins.

use std::collections::VecDeque;

use ap_core::mode::Role;
use ap_core::observed::Gateway;

use super::bounds::Bounds;
use super::network::Flight;
use super::node::Node;
use super::world::{Rules, World};

/// A session is whole by then, and nothing is young any more.
const SETTLED: u8 = 12;

impl Bounds {
    /// A pair in a whole session, or two nodes that are just beginning one.
    pub fn start(&self) -> World {
        let mut pair = World {
            nodes: [Node::new(Role::Active), Node::new(Role::Standby)],
            flights: [Flight::Idle, Flight::Idle],
            woken: [false; 2],
            cut: false,
            stalled: false,
            gateway: [Gateway::Answers; 2],
            acknowledged: 0,
            writes: 0,
            faults: self.faults,
            lag: self.lag,
            late: self.late,
            down: 0,
            stale_writable: false,
            rules: Rules { talk: true, ..Rules::default() },
            queue: VecDeque::new(),
        };
        for n in [0, 1] {
            pair.nodes[n].remember(n, self.rules.twist);
        }
        if !self.alone {
            (0..SETTLED).for_each(|_| pair.settle());
            let protected = pair.nodes.iter().all(|node| node.told.as_ref().is_some_and(|told| told.protected));
            assert!(protected, "a fresh pair is whole: {pair:?}");
        }
        pair.rules = self.rules;
        pair.forget();
        pair
    }
}

impl World {
    /// A tick in which nothing goes wrong.
    fn settle(&mut self) {
        for n in [0, 1] {
            self.wake(n);
            self.read(n);
        }
        self.tick(None);
    }
}
