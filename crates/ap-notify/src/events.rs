//! The history on disk: one line of JSON for each event.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};
use ap_core::event::Event;

/// The history is kept in two files of at most this many bytes.
const LONGEST: u64 = 2 * 1024 * 1024;
/// The last event is looked for in this many bytes.
const LAST: u64 = 64 * 1024;

/// Adds a line, whole or not at all: what a full disk cut off is taken back, so
/// that the next line does not grow onto its stump.
///
/// # Errors
/// The file system does not take it.
pub fn write_line(path: &Path, line: &str) -> Result<()> {
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
pub fn last(path: &Path) -> Option<Event> {
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
