//! `ap-mode history`.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};
use ap_core::event::Event;
use ap_core::exit::Exit;

use crate::cli::Context;
use crate::output::{data, progress};
use crate::text::Paint;
use crate::text::history::{brief, full};

/// Shows what happened on this node, the latest at the end.
///
/// Of each event: when, what made the node act, who was behind it, what was seen,
/// what was done with the milliseconds of each step, and what came of it. Kept in
/// STATE/events.jsonl and one older file, 2 MiB each.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many; 0 for all that are kept.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    lines: usize,
    /// One line for each event.
    #[arg(long)]
    brief: bool,
    /// The moments as well at which something was only heard; with --json always.
    #[arg(long)]
    all: bool,
    /// One line of JSON for each: at, boot-ms, cause, who, evidence, outcome (done,
    /// failed, refused, nothing, alert, heard), text, steps (step, ms, error).
    #[arg(long, conflicts_with = "brief")]
    json: bool,
}

/// Prints the last events.
///
/// # Errors
/// [`Exit::NoPermission`] and what else the system says of the files.
pub fn run(context: &Context, args: Args) -> Result<Exit> {
    let file = context.config.events_file();
    let (mut events, mut damaged) = (Vec::new(), 0);
    for path in [file.with_extension("jsonl.1"), file] {
        damaged += read(&path, &mut events)?;
    }
    if damaged > 0 {
        progress(&format!("{damaged} damaged lines were left out"));
    }
    if !args.all && !args.json {
        events.retain(|event| event.outcome != "heard");
    }
    let first = if args.lines == 0 { 0 } else { events.len().saturating_sub(args.lines) };
    let events = &events[first..];
    if args.json {
        for event in events {
            data(&serde_json::to_string(event)?)?;
        }
    } else if events.is_empty() {
        data("nothing has happened yet")?;
    } else {
        let paint = Paint::detect();
        data(&if args.brief { brief(events, paint) } else { full(events, paint) })?;
    }
    Ok(Exit::Ok)
}

/// Adds the events of a file. Gives the number of lines that are none: a full disk
/// or a power loss may have cut one off.
fn read(path: &Path, events: &mut Vec<Event>) -> Result<usize> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).with_context(|| format!("failed to read {}", path.display())),
    };
    let mut damaged = 0;
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(event) => events.push(event),
            Err(_) => damaged += 1,
        }
    }
    Ok(damaged)
}
