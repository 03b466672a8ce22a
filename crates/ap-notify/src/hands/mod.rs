//! Carries out effects. What is urgent and cannot wait is done in passing; the rest
//! goes to threads, each with one kind of thing to do, so that nothing urgent waits
//! behind a file, a log line or something that hangs.

mod history;
mod lane;
mod result;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use ap_core::agent::{Act, Effect, Input, Site};
use ap_core::event::Event;
use ap_core::step::Step;

use crate::adapters::Adapters;
use lane::{Lane, Place, place};
use worker::Worker;

/// What the peer is told: a line of JSON, empty before the first.
#[derive(Debug, Clone)]
pub struct Published(Arc<Mutex<Arc<str>>>);

impl Default for Published {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Arc::from(""))))
    }
}

impl Published {
    /// The line at this moment.
    pub fn line(&self) -> Arc<str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, line: Arc<str>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }
}

/// The threads that carry out effects, and what is done without them.
pub struct Hands {
    passing: Worker,
    published: Published,
    lanes: BTreeMap<Lane, Sender<Effect>>,
}

impl Hands {
    /// Starts the threads; they end with this value. Results go to `inputs`.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(site: Arc<Site>, adapters: Adapters, inputs: Sender<Input>) -> Result<Self> {
        let passing = Worker::new(site, adapters, inputs);
        let mut lanes = BTreeMap::new();
        for lane in Lane::all() {
            let (sender, effects) = channel();
            let mut worker = passing.another();
            thread::Builder::new()
                .name(lane.name().into())
                .spawn(move || effects.into_iter().for_each(|effect| worker.carry_out(effect)))
                .with_context(|| format!("failed to start the {} thread", lane.name()))?;
            lanes.insert(lane, sender);
        }
        Ok(Self { passing, published: Published::default(), lanes })
    }

    /// What the peer is told.
    pub fn published(&self) -> Published {
        self.published.clone()
    }

    /// Carries out an effect, or hands it on. Never waits. The end of what was done
    /// in passing is returned: the agent hears of it after the rest of its effects.
    pub fn carry_out(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Publish(answer) => match serde_json::to_string(&*answer) {
                Ok(line) => self.published.set((line + "\n").into()),
                Err(error) => {
                    // No promise outlives this.
                    self.published.set(Arc::from(""));
                    self.warn(format!("failed to render the answer to the peer: {error}"));
                }
            },
            Effect::KeepVrrp(word) => {
                if let Err(error) = self.passing.adapters().files.keep_vrrp(word) {
                    self.warn(format!("{error:#}"));
                }
            }
            Effect::Begin(step) => begin(&step),
            Effect::Act { ticket, act: act @ Act::Fault(..) } => return Some(self.passing.act(ticket, act)),
            // The moment is that of the event, not that at which the disk takes it.
            Effect::Record(event) => self.hand_on(Effect::Record(stamped(event))),
            effect => self.hand_on(effect),
        }
        None
    }

    /// A line for the journal, which may hang like any file.
    pub fn log(&self, text: String) {
        self.hand_on(Effect::Log(text));
    }

    /// The same, of something that went wrong.
    pub fn warn(&self, text: String) {
        self.hand_on(Effect::Warn(text));
    }

    fn hand_on(&self, effect: Effect) {
        let left = match place(&effect) {
            Place::Lane(lane) => match self.lanes.get(&lane) {
                Some(thread) => thread.send(effect).err().map(|unsent| unsent.0),
                None => Some(effect),
            },
            Place::Alone => return self.passing.alone(effect),
        };
        if let Some(effect) = left {
            self.passing.give_up(&effect, "its thread has ended");
        }
    }
}

fn stamped(event: Event) -> Event {
    let boot_ms = u64::try_from(ap_host::boottime().as_millis()).unwrap_or(u64::MAX);
    Event { at: ap_host::wall_clock(), boot_ms, ..event }
}

/// For tests of what a kill at this very step leads to (F12): with the name of a
/// step in the file that `AP_TRAP` names, the process kills itself there, once.
fn begin(step: &Step) {
    log::debug!("{step:?}");
    let Ok(path) = std::env::var("AP_TRAP") else { return };
    let name = format!("{step:?}");
    if std::fs::read_to_string(&path).is_ok_and(|wanted| !wanted.trim().is_empty() && name.starts_with(wanted.trim())) {
        log::warn!("trap: ending at {name}");
        let _ = std::fs::remove_file(&path);
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}
