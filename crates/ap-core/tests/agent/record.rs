//! What a story looks back at: everything ordered, with its moment.

use std::time::Duration;

use ap_core::agent::{Act, Effect, Input};
use ap_core::answer::Answer;
use ap_core::message::Reply;
use ap_core::mode::Mode;
use ap_core::sql;

use crate::world::World;

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl World {
    /// From here on everything is recorded.
    pub fn watch(&mut self) {
        self.record = true;
        self.batches.clear();
        self.replies.clear();
        self.events.clear();
        self.alerts.clear();
    }

    /// Everything ordered, in order.
    pub fn orders(&self) -> impl Iterator<Item = (Duration, &Effect)> {
        self.batches.iter().flat_map(|batch| batch.effects.iter().map(|effect| (batch.at, effect)))
    }

    /// The acts ordered, in order.
    pub fn acts_ordered(&self) -> impl Iterator<Item = (Duration, &Act)> {
        self.orders().filter_map(|(at, effect)| match effect {
            Effect::Act { act, .. } => Some((at, act)),
            _ => None,
        })
    }

    /// When the first act of this kind was ordered.
    pub fn ordered(&self, which: impl Fn(&Act) -> bool) -> Option<Duration> {
        self.acts_ordered().find(|(_, act)| which(act)).map(|(at, _)| at)
    }

    /// When the agent was first told something of this kind.
    pub fn heard_of(&self, which: impl Fn(&Input) -> bool) -> Option<Duration> {
        self.batches.iter().find(|batch| which(&batch.input)).map(|batch| batch.at)
    }

    /// The answers published, in order.
    pub fn published(&self) -> impl Iterator<Item = (Duration, &Answer)> {
        self.orders().filter_map(|(at, effect)| match effect {
            Effect::Publish(answer) => Some((at, &**answer)),
            _ => None,
        })
    }

    /// The ends that askers were told: who, exit code, text.
    pub fn ends(&self) -> Vec<(&str, u8, &str)> {
        let ends = self.replies.iter().filter_map(|(id, reply)| match reply {
            Reply::Done { exit, text } => Some((id.as_str(), *exit, text.as_str())),
            Reply::Step { .. } => None,
        });
        ends.collect()
    }

    /// The steps that an asker was told, as one text. The peer's part, which only a dry
    /// run can show, is indented, and left out.
    pub fn steps_told(&self) -> String {
        let steps = self.replies.iter().filter_map(|(_, reply)| match reply {
            Reply::Step { text } if !text.starts_with("  ") => Some(text.as_str()),
            _ => None,
        });
        steps.collect::<Vec<_>>().join("; ")
    }

    /// The outcomes in the history, in order.
    pub fn outcomes(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.outcome.as_str()).collect()
    }
}

/// The act that writes this mode.
pub fn writes(mode: Mode) -> impl Fn(&Act) -> bool {
    move |act| matches!(act, Act::Save(state) if state.mode == mode)
}

/// The act that lets ordinary users write.
pub fn makes_writable(act: &Act) -> bool {
    matches!(act, Act::Sql { statements, .. } if *statements == sql::read_only(false))
}
