//! What happened: the history on disk, replies to whoever asked, alerts.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use ap_core::config::{Alert, Config};
use ap_core::event::Event;
use ap_core::message::Reply;
use ap_host::process::run_fed;
use ap_host::wall_clock;
use nix::fcntl::OFlag;

use crate::shared::Shared;

/// The history is kept in two files of at most this many bytes.
const LONGEST: u64 = 2 * 1024 * 1024;
/// Lines kept in memory while the disk is full; beyond that the oldest go.
const PENDING: usize = 200;
/// The last event is looked for in this many bytes.
const LAST: u64 = 64 * 1024;

/// Writes events.
#[derive(Debug, Clone)]
pub struct Events {
    file: PathBuf,
    replies: PathBuf,
    alert: Alert,
    host: String,
    shared: Arc<Shared>,
    /// Lines that did not reach the disk yet.
    pending: Arc<Mutex<VecDeque<String>>>,
}

impl Events {
    /// The history of the configured node. What happened last is known from before.
    pub fn new(config: &Config, host: &str, shared: Arc<Shared>) -> Self {
        let file = config.events_file();
        shared.facts().event = last(&file).as_ref().map(Event::brief);
        Self {
            file,
            replies: config.run_dir().join("reply"),
            alert: config.alert.clone(),
            host: host.to_owned(),
            shared,
            pending: Arc::default(),
        }
    }

    /// Appends the moment at which something came to the history only; what
    /// became of it is recorded when it is done.
    pub fn heard(&self, word: &str) {
        self.write(Event { cause: word.into(), outcome: "heard".into(), ..Event::default() });
    }

    /// Appends to the history, now. A full disk costs time, not the action and not
    /// the line: it is kept until there is room, and the journal has it as well.
    pub fn record(&self, event: Event) {
        let said = format!("{}: {}: {}", event.cause, event.outcome, event.text);
        match event.outcome.as_str() {
            "refused" | "failed" => log::warn!("{said}"),
            _ => log::info!("{said}"),
        }
        self.shared.facts().event = Some(self.write(event).brief());
    }

    fn write(&self, event: Event) -> Event {
        let boot_ms = u64::try_from(ap_host::boottime().as_millis()).unwrap_or(u64::MAX);
        let event = Event { at: wall_clock(), boot_ms, ..event };
        match serde_json::to_string(&event) {
            Ok(line) => self.append(line + "\n"),
            Err(error) => log::warn!("failed to render an event: {error}"),
        }
        event
    }

    fn append(&self, line: String) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() == PENDING {
            pending.pop_front();
        }
        pending.push_back(line);
        while let Some(line) = pending.front() {
            if let Err(error) = write_line(&self.file, line) {
                log::warn!("{error:#}; {} events wait for room", pending.len());
                return;
            }
            pending.pop_front();
        }
    }

    /// Tells whoever waits on the reply pipe of a request; nobody need be there.
    pub fn reply(&self, id: &str, reply: &Reply) {
        let path = self.replies.join(id);
        let sent = serde_json::to_string(reply).map_err(anyhow::Error::from).and_then(|line| {
            let mut pipe = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path)?;
            Ok(pipe.write_all(format!("{line}\n").as_bytes())?)
        });
        if let Err(error) = sent {
            log::debug!("nobody waits on {}: {error:#}", path.display());
        }
    }

    /// Records something that was no plan's outcome, and alerts.
    pub fn tell(&self, kind: &'static str, text: &str) {
        self.record(Event {
            cause: kind.into(),
            who: "ap-notify".into(),
            outcome: "alert".into(),
            text: text.into(),
            ..Event::default()
        });
        self.alert(kind, text);
    }

    /// Runs the operator's command in a thread of its own, with a deadline.
    pub fn alert(&self, kind: &'static str, text: &str) {
        if self.alert.command.is_empty() {
            return;
        }
        let (alert, message) = (
            self.alert.clone(),
            serde_json::json!({"host": self.host, "at": wall_clock(), "kind": kind, "text": text}).to_string(),
        );
        let spawned = std::thread::Builder::new().name("alert".into()).spawn(move || {
            if let Err(error) = run_fed(&alert.command, &message, alert.timeout.get()) {
                log::warn!("alert command: {error:#}");
            }
        });
        if let Err(error) = spawned {
            log::warn!("failed to start the alert command: {error}");
        }
    }
}

/// Adds a line, whole or not at all: what a full disk cut off is taken back, so
/// that the next line does not grow onto its stump.
fn write_line(path: &Path, line: &str) -> Result<()> {
    if fs::metadata(path).is_ok_and(|file| file.len() > LONGEST) {
        let old = path.with_extension("jsonl.1");
        fs::rename(path, &old).with_context(|| format!("failed to rename {}", path.display()))?;
    }
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("failed to open {}", path.display()))?;
    let length = file.metadata().map(|file| file.len());
    file.write_all(line.as_bytes())
        .inspect_err(|_| {
            // The error that counts is the one before.
            let _ = length.and_then(|length| file.set_len(length));
        })
        .with_context(|| format!("failed to append to {}", path.display()))
}

/// The last event of a history, if it can be read.
fn last(path: &Path) -> Option<Event> {
    let mut file = fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST))).ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    String::from_utf8_lossy(&tail).lines().rev().find_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_added_whole_and_the_last_one_found() {
        let path = std::env::temp_dir().join(format!("ap-notify-events-{}.jsonl", std::process::id()));
        let _ = fs::remove_file(&path);
        assert_eq!(last(&path), None);
        for text in ["one", "two"] {
            let event = Event { text: text.into(), ..Event::default() };
            write_line(&path, &(serde_json::to_string(&event).unwrap() + "\n")).unwrap();
        }
        fs::write(&path, fs::read_to_string(&path).unwrap() + "{\"text\":\"cut o").unwrap();
        assert_eq!(last(&path).unwrap().text, "two");
        fs::remove_file(&path).unwrap();
    }
}
