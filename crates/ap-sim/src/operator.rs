//! The operator: the documented way back after a failure, and no more.

use std::time::Duration;

use ap_core::answer::Answer;
use ap_core::message::{Reply, Verb};
use ap_core::mode::{Mode, Role, Service};

use crate::world::{Due, World};

/// A request that is not answered by then was lost.
const PATIENCE: Duration = Duration::from_secs(100);

/// What the operator has typed and read.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// Commands so far.
    pub asked: u32,
    /// A command with `--force` was typed on this host, after it had foretold what it gives up.
    pub forced: [bool; 2],
    /// What is waited for: where, which, since when.
    waits: Option<(usize, String, Duration)>,
    /// The last answer of each host was a refusal, with this text.
    refused: [String; 2],
    tries: usize,
    /// The faults are over: it looks each second.
    pub hurries: bool,
}

impl Operator {
    /// `ap-notify` of this host was killed: nobody answers any more.
    pub fn gone(&mut self, n: usize) {
        self.waits.take_if(|(at, ..)| *at == n);
    }
}

/// `ap-mode set MODE`.
pub fn set(mode: Mode) -> Verb {
    Verb::Set { mode, role: None, reseed: false }
}

impl World {
    /// Somebody is told what came of a request.
    pub fn replied(&mut self, n: usize, id: &str, reply: &Reply) {
        let Reply::Done { exit, text } = reply else { return };
        self.tell(n, || format!("answers {exit}: {text}"));
        self.nodes[n].handing_over.take_if(|of| of == id);
        self.operator.refused[n] = if *exit == 0 { String::new() } else { text.clone() };
        self.operator.waits.take_if(|(at, of, _)| *at == n && of == id);
    }

    /// The operator looks at both hosts, and does what the documents say.
    pub fn operator_looks(&mut self) {
        let after = if self.operator.hurries { Duration::from_secs(1) } else { self.between(2000, 15_000) };
        self.outside(after, Due::Operator);
        let now = self.now;
        self.operator.waits.take_if(|(.., since)| now.saturating_sub(*since) >= PATIENCE);
        if self.operator.waits.is_some() {
            return;
        }
        let Some((n, verb)) = self.way_back() else { return };
        self.figures.commands += 1;
        self.operator.tries += 1;
        let id = self.command(n, "operator root", verb, false);
        self.operator.waits = Some((n, id, now));
    }

    /// What both hosts say, if both say anything.
    fn both(&self) -> Option<[&Answer; 2]> {
        let told = |n: usize| self.nodes[n].published.as_ref().filter(|_| self.nodes[n].listens());
        Some([told(0)?, told(1)?])
    }

    fn way_back(&self) -> Option<(usize, Verb)> {
        let both = self.both()?;
        if both.iter().any(|told| !told.doing.is_empty()) {
            return None;
        }
        let serves = |n: usize| both[n].serves() && both[n].report.started;
        let hosts = [0, 1];
        // Both were off: the active first.
        let stopped = |n: &usize| both[*n].mode != Mode::M && !both[*n].report.started;
        let active = |n: &usize| both[*n].role == Role::Active;
        if let Some(n) = hosts.into_iter().filter(stopped).find(active) {
            return Some((n, Verb::Start));
        }
        if let Some(n) = hosts.into_iter().filter(stopped).find(|n| serves(1 - n)) {
            return Some((n, Verb::Start));
        }
        // A service of a standby that failed is nobody's but the operator's.
        let crippled = |n: &usize| both[*n].mode == Mode::Ap && both[*n].role == Role::Standby && !self.all_up(*n);
        if let Some(n) = hosts.into_iter().find(crippled) {
            return Some((n, Verb::Start));
        }
        if let Some(n) = hosts.into_iter().find(|n| both[*n].mode == Mode::M && serves(1 - n)) {
            let reseed = self.operator.refused[n].contains("--reseed");
            return Some((n, Verb::Set { mode: Mode::Ap, role: None, reseed }));
        }
        let standby = |n: usize| both[n].mode == Mode::Ap && both[n].role == Role::Standby;
        // A standby whose replication has stopped by an error begins anew.
        if let Some(n) = hosts.into_iter().find(|n| standby(*n) && serves(1 - n) && self.is_stuck(*n)) {
            return Some((n, set(Mode::M)));
        }
        if let Some(n) = hosts.into_iter().find(|n| both[*n].mode == Mode::S && serves(*n) && standby(1 - n)) {
            return Some((n, set(Mode::Ap)));
        }
        if hosts.into_iter().any(serves) {
            return None;
        }
        // Nobody serves: the one that was last, else the other.
        let last =
            usize::from((both[1].epoch, both[1].role == Role::Active) > (both[0].epoch, both[0].role == Role::Active));
        let n = if self.operator.tries % 3 == 2 { 1 - last } else { last };
        Some((n, set(Mode::S)))
    }

    fn all_up(&self, n: usize) -> bool {
        [Service::Database, Service::Api, Service::Keepalived].iter().all(|it| self.nodes[n].up(*it))
    }

    fn is_stuck(&self, n: usize) -> bool {
        let told = self.nodes[n].published.as_ref();
        told.is_some_and(|told| !told.report.replication_error.is_empty() && !told.replicating)
    }
}
