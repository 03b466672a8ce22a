//! Questions and answers under way, and what is cut.

use std::time::Duration;

use ap_core::answer::Answer;
use ap_core::mode::Mode;
use ap_core::observed::Gateway;

use super::clock::{NOW, TICK};
use super::node::Power;
use super::twist::Twist;
use super::world::World;

/// The regular question of one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Flight {
    Idle,
    /// On its way, or waiting to be answered: not for long. A later answer would be
    /// worth less to either side, because its question counts from when it was sent.
    Out {
        asked: Duration,
    },
    /// The answer was written and is on its way, into the next tick if need be.
    Back {
        asked: Duration,
        answer: Box<Answer>,
        old: bool,
    },
}

impl Flight {
    /// Whether time may pass.
    pub fn may_tick(&self) -> bool {
        matches!(self, Self::Idle | Self::Back { old: false, .. })
    }

    pub fn age(&mut self) {
        match self {
            Self::Idle => {}
            Self::Out { asked } => *asked = asked.saturating_sub(TICK),
            Self::Back { asked, old, .. } => {
                *asked = asked.saturating_sub(TICK);
                *old = true;
            }
        }
    }
}

impl World {
    /// Whether `n` would be answered now.
    pub fn answered(&self, n: usize) -> bool {
        let reachable = !self.cut && self.nodes.iter().all(|node| !node.unreachable);
        reachable && self.nodes[1 - n].runs() && self.nodes[1 - n].told.is_some()
    }

    /// A question. A regular one counts from a nanosecond ago, and takes its time; the
    /// others are answered at once, or not at all.
    pub fn asks(&mut self, n: usize, asked: Duration) {
        let regular = asked < NOW && self.flights[n] == Flight::Idle;
        if regular && !self.rules.talk {
            self.flights[n] = Flight::Out { asked };
            return;
        }
        let late = self.nodes[n].hasty && !regular;
        let answer = if self.answered(n) && !late { self.answer_to(n) } else { None };
        self.hears(n, asked, answer);
    }

    /// What `n` is answered now, as it arrives there.
    fn answer_to(&self, n: usize) -> Option<Box<Answer>> {
        let mut answer = self.nodes[1 - n].told.clone()?;
        if self.rules.twist == Some(Twist::Resting) && answer.mode == Mode::M {
            answer.epoch = 0;
        }
        Some(answer)
    }

    pub fn reply(&mut self, n: usize) {
        if let Flight::Out { asked } = self.flights[n]
            && let Some(answer) = self.answer_to(n)
        {
            self.flights[n] = Flight::Back { asked, answer, old: false };
        }
    }

    pub fn hear(&mut self, n: usize) {
        if let Flight::Back { asked, answer, .. } = std::mem::replace(&mut self.flights[n], Flight::Idle) {
            self.hears(n, asked, Some(answer));
            self.rest();
        }
    }

    pub fn silence(&mut self, n: usize) {
        if let Flight::Out { asked } | Flight::Back { asked, .. } =
            std::mem::replace(&mut self.flights[n], Flight::Idle)
        {
            self.hears(n, asked, None);
            self.rest();
        }
    }

    /// The link is gone, and all that is on it.
    pub fn cut(&mut self) {
        self.cut = true;
        for node in &mut self.nodes {
            node.db.acks = 0;
        }
    }

    /// The link and both ways out are back; replicas connect and say what they have.
    pub fn heal(&mut self) {
        self.cut = false;
        self.gateway = [Gateway::Answers; 2];
        for node in &mut self.nodes {
            (node.deaf, node.hasty) = (0, false);
            if node.power == Power::On && node.db.receives() {
                node.db.acks = node.db.received();
            }
        }
    }
}
