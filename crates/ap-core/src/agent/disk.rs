//! What is undone, or done again, until it has come about: that `state.toml` holds the
//! state, and that the peer can be reached.
//!
//! A write that failed, or was given up on, may have reached the disk all the same. Left
//! there, a request of which its asker was told that it failed would be carried out at
//! some later start of this program.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Agent;
use super::effect::{Act, Effect, Ticket};
use crate::step::Step;

/// Pause before it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What is known of `state.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Disk {
    /// It may hold another state than the agent has.
    doubtful: bool,
    /// It surely does: what is dropped at the start. Nothing is begun before that is written.
    dropped: Option<String>,
    /// The act that writes it again.
    writing: Option<Ticket>,
    /// When it is written again (time since boot).
    again: Duration,
    /// Writes that were given up on, and may land yet.
    late: BTreeSet<Ticket>,
}

impl Disk {
    /// At the start; `dropped` tells of something that is to be dropped.
    pub fn new(dropped: Option<String>, now: Duration) -> Self {
        Self { doubtful: dropped.is_some(), dropped, writing: None, again: now, late: BTreeSet::new() }
    }

    /// A write of the state was given up on.
    pub fn given_up(&mut self, ticket: Ticket) {
        self.late.insert(ticket);
    }

    /// A write of the state has ended.
    pub fn written(&mut self, well: bool) {
        self.doubtful = !well;
    }

    /// Takes the end of an act; whether it was one of those here.
    pub fn ended(&mut self, ticket: Ticket, well: bool) -> bool {
        if self.late.remove(&ticket) {
            // It may have landed, over what is so.
            self.doubtful = true;
            return true;
        }
        let own = self.writing == Some(ticket);
        if own {
            self.writing = None;
            self.doubtful = !well;
            self.dropped.take_if(|_| well);
        }
        own
    }

    /// Whether something must be dropped before anything is begun.
    pub fn must_drop(&self) -> bool {
        self.dropped.is_some()
    }

    /// See [`Agent::age`].
    pub fn age(&mut self, by: Duration) {
        self.again = self.again.saturating_sub(by);
    }

    /// See `Agent::forget`.
    #[cfg(feature = "model")]
    pub fn forget(&mut self, now: Duration) {
        if self.again <= now {
            self.again = Duration::ZERO;
        }
    }
}

impl Agent {
    /// Has the disk hold what is so, if that is not sure and nothing else is being written.
    pub(super) fn write_again(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let saving =
            self.orders.as_ref().is_some_and(super::Orders::saves) || self.run.as_ref().is_some_and(super::Run::saves);
        let disk = &self.disk;
        if !disk.doubtful || disk.writing.is_some() || saving || now < disk.again {
            return;
        }
        if let Some(dropped) = &disk.dropped {
            out.push(Effect::Warn(dropped.clone()));
        }
        let act = Act::Save(Box::new(self.state.clone()));
        self.disk.writing = Some(self.send(act, out));
        self.disk.again = now + AGAIN;
    }

    /// Undoes that the peer was made unreachable, if the step that needed it is over. It
    /// would mute this node's own answers as well.
    pub(super) fn make_reachable(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let needed = self.run.as_ref().is_some_and(|run| run.is_at(&Step::StopReceiving));
        if self.unreachable && !needed && self.undo.0.is_none() && now >= self.undo.1 {
            self.undo = (Some(self.send(Act::Unreachable(false), out)), now + AGAIN);
        }
    }
}
