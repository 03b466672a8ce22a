//! `ap-mode check`.

use std::path::Path;

use anyhow::Result;
use ap_core::exit::Level;
use serde::Serialize;

use crate::check::{self, Facts, Finding, Findings, GROUPS};
use crate::failure;
use crate::install::host;
use crate::output::{data, progress};
use crate::text::Paint;
use crate::text::check::{catalogue, report};

/// Looks for whatever would spoil the next failure.
///
/// On this host and, as far as can be seen from here, on its peer; before and
/// after ap-mode install. Of each thing found: a code that stays the same, what
/// is wrong, why it matters, and what to type. Changes nothing.
/// Ends as Nagios plugins do: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, with the
/// level and a summary in the first line.
#[derive(Debug, clap::Args)]
#[command(after_long_help = JSON)]
pub struct Args {
    /// Print one line of JSON.
    #[arg(long, conflicts_with = "list")]
    json: bool,
    /// Print the table of all codes instead, as Markdown.
    #[arg(long)]
    list: bool,
}

const JSON: &str = "\
JSON: level (ok, warning, critical, unknown), summary, host, version, and findings, the worst first, each with code, \
level, text (what is wrong), why (which failure it would spoil) and mend (what to type); not-looked-at, a list of what \
could not be seen and why. Within a major version fields are added, never renamed or removed, and a code keeps its \
meaning.";

/// Everything `ap-mode check` says; with `--json` exactly this.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The worst of all findings.
    pub level: Level,
    /// The whole in a sentence.
    pub summary: String,
    /// This host.
    pub host: String,
    /// Version of the toolkit.
    pub version: &'static str,
    /// What is not as it should be, the worst first.
    pub findings: Vec<Finding>,
    /// What could not be looked at, and why.
    pub not_looked_at: Vec<String>,
}

/// Looks and prints. Gives the code the program ends with.
pub fn run(path: &Path, args: Args) -> u8 {
    let level = look(path, &args).unwrap_or_else(|error| {
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

fn look(path: &Path, args: &Args) -> Result<Level> {
    if args.list {
        data(&catalogue())?;
        return Ok(Level::Ok);
    }
    anyhow::ensure!(
        nix::unistd::geteuid().is_root(),
        "must run as root: much of what is looked at is closed to others"
    );
    let report = made(path);
    data(&if args.json { serde_json::to_string(&report)? } else { self::report(&report, Paint::detect()) })?;
    Ok(report.level)
}

fn made(path: &Path) -> Report {
    let mut found = Findings::default();
    let config = match ap_host::load_config(path) {
        Ok(config) => config,
        Err(error) => {
            let mend = format!("edit {}; /etc/ap/ap.toml.example explains every key", path.display());
            found.add(&check::UNUSABLE, error.to_string(), mend);
            return Report::new(
                "this host",
                check::sorted(found),
                vec!["everything else: it needs the configuration".into()],
            );
        }
    };
    match host::locate(&config, None) {
        Ok((own, peer)) => {
            let facts = check::gather::facts(&config, path, own, peer);
            Report::new(&own.name, check::judge(&facts), unseen(&facts))
        }
        Err(error) => {
            found.add(
                &check::NEITHER,
                format!("{error:#}"),
                format!("ip address; edit [[host]] in {}", path.display()),
            );
            Report::new(
                "this host",
                check::sorted(found),
                vec!["everything else: it depends on which host this is".into()],
            )
        }
    }
}

/// What could not be looked at, and why.
fn unseen(facts: &Facts) -> Vec<String> {
    let mut unseen = Vec::new();
    if let Err(error) = &facts.database.server {
        unseen.push(format!("settings, accounts and tables of the database: {error}"));
    }
    if let Err(error) = &facts.database.options {
        unseen.push(format!("option files of the database: {error}"));
    }
    if let Err(error) = &facts.sights[1].now {
        unseen.push(format!("{}: {error}", facts.peer.name));
    }
    if facts.network.adverts.is_none() {
        unseen.push("whether adverts arrive: the peer sends none, it does not hold the VIP".into());
    }
    if facts.set_up().is_none() {
        unseen.push("units and settings that depend on the mode: no ap-mode set yet".into());
    }
    unseen
}

impl Report {
    fn new(host: &str, findings: Vec<Finding>, not_looked_at: Vec<String>) -> Self {
        let level = findings.first().map_or(Level::Ok, |finding| finding.level);
        let all: usize = GROUPS.iter().map(|(_, codes)| codes.len()).sum();
        let summary = match findings.len() {
            0 => format!("{host}: {all} checks, nothing found"),
            1 => format!("{host}: 1 finding, {}", findings[0].code),
            many => {
                let mut codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
                codes.dedup();
                format!("{host}: {many} findings, {}", codes.join(", "))
            }
        };
        Self { level, summary, host: host.into(), version: env!("CARGO_PKG_VERSION"), findings, not_looked_at }
    }
}
