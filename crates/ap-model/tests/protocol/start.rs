//! Where the exploration begins.

use ap_core::mode::Role;
use ap_core::observed::Gateway;
use ap_core::protection::Active;

use super::bounds::Bounds;
use super::network::Flight;
use super::node::Node;
use super::world::World;

impl Bounds {
    /// A pair in a whole session, unless the bounds say otherwise.
    pub fn start(&self) -> World {
        let mut pair = World {
            nodes: [Node::new(Role::Active), Node::new(Role::Standby)],
            flights: [Flight::Idle, Flight::Idle],
            cut: false,
            stalled: false,
            gateway: [Gateway::Answers; 2],
            acknowledged: 0,
            writes: 0,
            faults: self.faults,
            lag: self.lag,
            limits: self.limits,
            down: 0,
            stale_writable: false,
            without: self.without,
        };
        pair.nodes[0].active = Some(pair.new_active(true));
        pair.nodes[0].state.solo = true;
        while !self.alone && !pair.nodes[0].active.as_ref().is_some_and(Active::protected) {
            pair.settle();
        }
        if !self.alone {
            pair.settle();
        }
        if self.raised {
            pair.nodes[1].state.epoch = 0;
        }
        pair.normal();
        pair
    }
}

impl World {
    /// A tick in which nothing goes wrong.
    fn settle(&mut self) {
        for n in [0, 1] {
            self.ask(n);
            self.reply(n);
            self.hear(n);
        }
        self.protect(0, usize::MAX);
        self.tick(None);
        self.protect(0, usize::MAX);
    }
}
