//! Questions and answers under way, and what is cut.

use std::time::Duration;

use ap_core::observed::Gateway;

use super::clock::NOW;
use super::node::Power;
use super::said::{Said, name};
use super::world::{Without, World};

/// The question of one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Flight {
    /// Not asked in this tick.
    Idle,
    /// Asked in this tick, and that has come to an end.
    Done,
    /// On its way, or waiting to be answered: not for long. A later answer would be
    /// worth less to either side, because its question counts from when it was sent.
    Out { asked: Duration },
    /// The answer was written and is on its way, into the next tick if need be.
    Back { asked: Duration, said: Said, old: bool },
}

impl Flight {
    /// Whether time may pass.
    pub fn may_tick(&self) -> bool {
        matches!(self, Self::Done | Self::Back { old: false, .. })
    }

    pub fn age(&mut self, by: Duration) {
        match self {
            Self::Idle => {}
            Self::Done => *self = Self::Idle,
            Self::Out { asked } => *asked = asked.saturating_sub(by),
            Self::Back { asked, old, .. } => {
                *asked = asked.saturating_sub(by);
                *old = true;
            }
        }
    }
}

impl World {
    /// Whether packets get from one node to the other.
    pub fn linked(&self) -> bool {
        !self.cut
    }

    /// Whether `n` would be answered now.
    pub fn answered(&self, n: usize) -> bool {
        self.linked() && self.nodes[1 - n].runs()
    }

    /// What node `n` says when asked.
    pub fn says(&self, n: usize) -> Said {
        let node = &self.nodes[n];
        let mut said = node.says();
        match self.without {
            Without::Promise => said.lease = false,
            Without::Promoting => {
                let mut standby = node.standby.clone();
                standby.release();
                (said.promoting, said.lease) = (false, standby.claims(NOW));
            }
            Without::Epoch => said.epoch = 1,
            _ => {}
        }
        said
    }

    pub fn ask(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        node.standby.asking(NOW, &name(node.relay));
        self.flights[n] = Flight::Out { asked: NOW };
    }

    pub fn reply(&mut self, n: usize) {
        if let Flight::Out { asked } = self.flights[n] {
            self.flights[n] = Flight::Back { asked, said: self.says(1 - n), old: false };
        }
    }

    pub fn hear(&mut self, n: usize) {
        if let Flight::Back { asked, said, .. } = self.flights[n].clone() {
            let node = &mut self.nodes[n];
            let relay = name(node.relay);
            node.standby.answered(&said.answer(), &relay);
            node.kept = node.standby.kept().map(|(until, relay)| (until, relay.to_owned()));
            (node.asked, node.heard) = (asked, Some(said));
            self.flights[n] = Flight::Done;
        }
    }

    pub fn silence(&mut self, n: usize) {
        if let Flight::Out { asked } | Flight::Back { asked, .. } = self.flights[n] {
            let node = &mut self.nodes[n];
            node.standby.silence();
            (node.asked, node.heard) = (asked, None);
            self.flights[n] = Flight::Done;
        }
    }

    /// A question that is none of the regular ones, answered at once or not at all.
    pub fn look_at_peer(&mut self, n: usize) {
        let said = self.answered(n).then(|| self.says(1 - n));
        let node = &mut self.nodes[n];
        let relay = name(node.relay);
        node.standby.word(said.as_ref().map(Said::answer).as_ref(), &relay);
        (node.asked, node.heard) = (NOW, said);
    }

    /// A probe of the gateway.
    pub fn probe(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        node.gateway = self.gateway[n];
        node.gateway_stale = 0;
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
            node.deaf = 0;
            if node.power == Power::On && node.db.receives() {
                node.db.acks = node.db.received();
            }
        }
    }
}
