//! `ap-mode status`.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use ap_core::config::Span;
use ap_core::exit::Level;
use ap_core::status::status;

use crate::install::host;
use crate::output::{data, progress};
use crate::text::Paint;
use crate::text::status::table;
use crate::{failure, sight};

/// Shows both nodes, from either.
///
/// A silent peer is shown as such, with what was last known of it and when.
/// Ends as Nagios plugins do: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, with the
/// level and a summary in the first line.
#[derive(Debug, clap::Args)]
#[command(after_long_help = JSON)]
pub struct Args {
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
    /// Look again and again, every second or every TIME; ends with Ctrl-C.
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "1s")]
    watch: Option<Span>,
}

const JSON: &str = "\
JSON: level (ok, warning, critical, unknown), summary, findings (a list of level and text, the worst first), vip, and \
nodes: this one, then its peer. Each node has host, here, reachable, silence (why it does not answer), heard-at and \
heard-ms (when the facts are not of now), and facts, null when nothing was ever heard of it: role, mode, epoch, solo, \
fenced, promoting, started, vrrp, vip, api, checks, database (writable, read-only, down), database-version, \
replication (state: streaming, stopped, none; lag-seconds, lag-transactions, semi-sync, waiting, error), lease \
(granted, left-ms), protected, protected-ms, protection, since, who, why, doing, last-event (at, cause, outcome, text), \
version. What is not known is null. Within a major version fields are added, never renamed or removed.";

/// Shortest time between two looks: each is two questions.
const SHORTEST: Duration = Duration::from_millis(100);

/// Looks and prints, once or for ever. Gives the code the program ends with.
pub fn run(path: &Path, args: Args) -> u8 {
    let level = watch(path, args).unwrap_or_else(|error| {
        if failure::is_closed_pipe(&error) {
            return Level::Ok;
        }
        // Where Nagios looks for it.
        if data(&format!("{}: {error:#}", Level::Unknown.as_str())).is_err() {
            progress(&format!("error: {error:#}"));
        }
        Level::Unknown
    });
    level.code()
}

fn watch(path: &Path, args: Args) -> Result<Level> {
    let config = ap_host::load_config(path)?;
    let (own, peer) = host::locate(&config, None)?;
    // Clears and goes home, so that each look replaces the last one.
    let redraw = args.watch.is_some() && !args.json && std::io::stdout().is_terminal();
    let paint = Paint::detect();
    loop {
        let (here, there) = sight::both(&config, own, peer);
        let seen = status(config.vip, &here, &there);
        let text = if args.json { serde_json::to_string(&seen)? } else { table(&seen, paint) };
        data(&if redraw { format!("\x1b[H\x1b[2J{text}") } else { text })?;
        let Some(pause) = args.watch else { return Ok(seen.level) };
        std::thread::sleep(pause.get().max(SHORTEST));
    }
}
