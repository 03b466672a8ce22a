//! What happened: for the history, and for the journal as well.

use std::collections::VecDeque;

use ap_core::event::{Brief, Event};

use crate::adapters::Files;

/// Lines kept in memory while the disk is full; beyond that the oldest go.
const UNWRITTEN: usize = 200;

/// The way of events to the disk.
#[derive(Debug, Default)]
pub struct History {
    /// Lines that have not got there yet.
    unwritten: VecDeque<String>,
}

impl History {
    /// Appends an event; returns what is told of it to others. That something came is
    /// for the history only: what became of it is recorded when it is done.
    pub fn record(&mut self, files: &dyn Files, event: &Event) -> Option<Brief> {
        let heard = event.outcome == "heard";
        if !heard {
            let said = format!("{}: {}: {}", event.cause, event.outcome, event.text);
            match event.outcome.as_str() {
                "refused" | "failed" => log::warn!("{said}"),
                _ => log::info!("{said}"),
            }
        }
        match serde_json::to_string(event) {
            Ok(line) => self.append(files, line + "\n"),
            Err(error) => log::warn!("failed to render an event: {error}"),
        }
        (!heard).then(|| event.brief())
    }

    /// A full disk costs time, not the line: it is kept until there is room.
    fn append(&mut self, files: &dyn Files, line: String) {
        if self.unwritten.len() == UNWRITTEN {
            self.unwritten.pop_front();
        }
        self.unwritten.push_back(line);
        while let Some(line) = self.unwritten.front() {
            if let Err(error) = files.append(line) {
                log::warn!("{error:#}; {} events wait for room", self.unwritten.len());
                return;
            }
            self.unwritten.pop_front();
        }
    }
}
