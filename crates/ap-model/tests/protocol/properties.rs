//! What must never happen (design, section 5).

use ap_core::observed::Gateway;
use stateright::Property;

use super::bounds::Bounds;
use super::node::Power;
use super::world::World;

impl World {
    /// Whether node `n` can acknowledge a write without the other one.
    pub fn alone(&self, n: usize) -> bool {
        self.nodes[n].power == Power::On && self.nodes[n].db.alone()
    }

    /// G1: two nodes acknowledge at the same time.
    pub fn two(&self) -> bool {
        self.alone(0) && self.alone(1)
    }

    /// G2: a write that a client was told succeeded is missing where writes are
    /// acknowledged from now on.
    pub fn lost(&self) -> bool {
        (0..2).any(|n| self.alone(n) && self.acknowledged & !self.nodes[n].db.log != 0)
    }

    /// Somebody holds the VIP and acknowledges, or would.
    pub fn serves(&self) -> bool {
        (0..2).any(|n| {
            let node = &self.nodes[n];
            let here = node.power == Power::On && node.vip && self.gateway[n] == Gateway::Answers;
            here && node.db.up && !node.db.read_only && node.db.waiting == 0
        })
    }

    pub fn violated(&self) -> bool {
        self.two() || self.lost() || self.stale_writable
    }
}

pub fn all() -> Vec<Property<Bounds>> {
    vec![
        Property::<Bounds>::always("G1", |_, w| !w.two()),
        Property::<Bounds>::always("G2", |_, w| !w.lost()),
        Property::<Bounds>::always("G3", |_, w| !w.stale_writable),
        Property::<Bounds>::always("served", |_, w| w.down < super::live::SOON),
    ]
}
