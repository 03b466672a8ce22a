//! The network: what passes, and the one question that the nodes ask each other.

use std::time::Duration;

use ap_core::agent::Input;
use ap_core::observed::Gateway;

use crate::node::Power;
use crate::twist::Twist;
use crate::world::{Due, World, ms};

/// A SYN that was lost is sent again (docs/FACTS.md#syn-is-repeated-after-a-second).
const SYN_AGAIN: Duration = Duration::from_secs(1);
/// Data that was lost is sent again, at the earliest (docs/FACTS.md#segments-are-repeated).
const DATA_AGAIN: Duration = ms(200);
/// Where packets of a host are lost, it is one in so many.
const LOSSY: u32 = 3;

impl World {
    /// Whether packets from this host reach the other.
    pub fn passes(&self, from: usize) -> bool {
        let [a, b] = &self.nodes;
        a.port && b.port && a.nic && b.nic && !self.cut[from]
    }

    /// Whether a connection between the two is possible, opened by this host.
    pub fn connects(&self, from: usize) -> bool {
        self.passes(from) && self.passes(1 - from) && !self.nodes[0].unreachable && !self.nodes[1].unreachable
    }

    /// Whether this host hears anything.
    pub fn hears(&self, n: usize) -> bool {
        self.nodes[n].nic && self.nodes[n].port
    }

    /// How long a packet takes: seldom long, so that few come out of order.
    pub fn latency(&mut self) -> Duration {
        let slow = if self.nodes.iter().any(|node| node.lossy) { LOSSY } else { self.loss };
        if self.one_in(slow) { self.between(5, 150) } else { Duration::from_micros(self.rng.u64(80..800)) }
    }

    /// Whether a packet of this host is lost.
    pub fn lost(&mut self, from: usize) -> bool {
        self.one_in(if self.nodes[from].lossy { LOSSY } else { self.loss })
    }

    /// How long it takes until something of a connection comes that is sent again, each
    /// time after twice the time, until it has.
    fn comes_after(&mut self, from: usize, mut again: Duration) -> Duration {
        let mut after = self.latency();
        while self.lost(from) {
            after += again;
            again *= 2;
        }
        after
    }

    /// The way out, as this host sees it.
    pub fn gateway_of(&self, n: usize) -> Gateway {
        if self.gateway[n] && self.hears(n) { Gateway::Answers } else { Gateway::Silent }
    }

    /// This host asks the other what it is.
    pub fn asks(&mut self, n: usize, asked: Duration, deadline: Duration) {
        let life = self.nodes[n].life;
        let after = self.comes_after(n, SYN_AGAIN) + self.comes_after(1 - n, SYN_AGAIN);
        // Whichever comes first; of the other the agent knows nothing any more.
        self.input(n, deadline, Input::Heard { asked, answer: Err("no answer in time".into()) });
        if self.connects(n) && after < deadline {
            self.later(1 - n, after, Due::Question(life, asked, self.now + deadline));
        }
    }

    /// A question has come. While the program is down the connection waits: its socket
    /// is systemd's.
    pub fn question(&mut self, n: usize, life: u32, asked: Duration, until: Duration) {
        let (now, from) = (self.now, 1 - n);
        if now >= until {
            return;
        }
        let node = &self.nodes[n];
        let Some(answer) = node.published.clone().filter(|_| node.agent.is_some()) else {
            return self.later(n, ms(20), Due::Question(life, asked, until));
        };
        let after = self.comes_after(n, DATA_AGAIN);
        if !self.connects(n) || self.nodes[from].power == Power::Off || self.nodes[from].life != life {
            return;
        }
        let answer = if self.nodes[n].unusable { Err("no usable answer".into()) } else { Ok(Box::new(answer)) };
        self.input(from, after, Input::Heard { asked, answer });
    }

    /// Whether a twist of the story is this one.
    pub fn twisted(&self, twist: Twist) -> bool {
        self.twist == Some(twist)
    }
}
