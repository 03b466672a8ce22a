//! `[fence] command`: switches the other machine off, before a promotion on
//! silence and before going on alone on silence.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use anyhow::Result;
use ap_host::process::run_fed;

use super::refused;
use crate::node::Node;

/// After a failure it is tried again this much later.
const AGAIN: Duration = Duration::from_secs(10);

/// The command's fate since the peer fell silent.
#[derive(Debug, Default)]
pub struct Fence {
    running: Option<Receiver<bool>>,
    ended: Option<(Duration, bool)>,
}

impl Node {
    /// Whether going on alone on silence must wait for the command: for its end,
    /// and for its success where that is required.
    pub fn fence_missing(&mut self) -> bool {
        if self.config.fence.command.is_empty() {
            return false;
        }
        if let Some(running) = &self.fence.running {
            match running.try_recv() {
                Ok(success) => self.fence = Fence { running: None, ended: Some((ap_host::boottime(), success)) },
                Err(TryRecvError::Disconnected) => self.fence.running = None,
                Err(TryRecvError::Empty) => return true,
            }
        }
        self.fence.ended.is_none_or(|(_, success)| !success && self.config.fence.required)
    }

    /// The peer speaks: what was done to it is over.
    pub fn fence_forget(&mut self) {
        if self.fence.running.is_none() {
            self.fence.ended = None;
        }
    }

    /// Runs the command in a thread, unless it runs or failed a moment ago.
    pub fn fence_start(&mut self) {
        let lately = |at: Duration| ap_host::boottime().saturating_sub(at) < AGAIN;
        if self.fence.running.is_some() || self.fence.ended.is_some_and(|(at, _)| lately(at)) {
            return;
        }
        let (sender, running) = channel();
        let (command, deadline, events) = (self.fence_command(), self.config.fence.timeout.get(), self.events.clone());
        let spawned = std::thread::Builder::new().name("fence".into()).spawn(move || {
            let result = run_fed(&command, "", deadline);
            events.tell("fence", &told(&command, &result));
            let _ = sender.send(result.is_ok());
        });
        match spawned {
            Ok(_) => self.fence.running = Some(running),
            Err(error) => log::error!("failed to start the fence command: {error}"),
        }
    }

    /// Before a promotion; its failure forbids it where the command is required.
    pub fn fence_peer(&mut self) -> Result<()> {
        if self.config.fence.command.is_empty() {
            return Ok(());
        }
        let command = self.fence_command();
        let result = run_fed(&command, "", self.config.fence.timeout.get());
        self.events.tell("fence", &told(&command, &result));
        match result {
            Err(error) if self.config.fence.required => Err(refused(
                format!("the fence command is required and failed: {error:#}"),
                "switch the other machine off by hand, then `ap-mode set s --force`; or mend the command",
            )),
            _ => Ok(()),
        }
    }

    fn fence_command(&self) -> Vec<String> {
        let mut command = self.config.fence.command.clone();
        command.extend([self.peer.name.clone(), self.peer.address.to_string()]);
        command
    }
}

fn told(command: &[String], result: &Result<()>) -> String {
    match result {
        Ok(()) => format!("done: {}", command.join(" ")),
        Err(error) => format!("failed: {}: {error:#}", command.join(" ")),
    }
}
