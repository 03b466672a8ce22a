//! `ap-mode show`.

use std::fmt::Write;

use anyhow::Result;
use ap_core::answer::Answer;
use ap_core::config::Config;
use ap_core::exit::Exit;
use ap_core::state::State;
use ap_host::track::Record;

use crate::cli::Context;
use crate::install::{host, services};
use crate::output::{data, progress};
use crate::sight;

/// Says what this node is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print one line of JSON: the answer the peer would get.
    #[arg(long)]
    json: bool,
}

/// Prints what ap-notify answers, or what can be seen without it.
///
/// # Errors
/// This machine is not one of the pair, or nothing can be seen.
pub fn run(context: &Context, args: Args) -> Result<Exit> {
    let config = &context.config;
    let (own, _) = host::locate(config, None)?;
    let answer = match sight::ask(config, own) {
        Ok(answer) => answer,
        Err(error) => {
            progress(&format!("ap-notify does not answer ({error:#}); this is what can be seen without it"));
            sight::local(config, own)?
        }
    };
    if args.json {
        data(&serde_json::to_string(&answer)?)?;
    } else {
        data(&(text(&answer) + &around(config)))?;
    }
    Ok(Exit::Ok)
}

/// The answer, for people.
fn text(answer: &Answer) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<12}{value}");
        }
    };
    let flags: Vec<&str> = [
        (answer.solo, "solo"),
        (answer.fenced, "fenced"),
        (answer.promoting, "promoting"),
        (answer.grant.is_some(), "grants a lease"),
        (answer.lease, "may hold a lease"),
    ]
    .into_iter()
    .filter_map(|(on, word)| on.then_some(word))
    .collect();
    line("host", format!("{} of the pair {}", answer.host, answer.codename));
    line("mode", answer.mode.to_string());
    line("role", answer.role.to_string());
    line("epoch", answer.epoch.to_string());
    line("also", flags.join(", "));
    line("since", format!("{} by {}: {}", answer.since, answer.who, answer.why));
    line("doing", answer.doing.clone());
    line("keepalived", answer.vrrp.map_or("said nothing".into(), |vrrp| vrrp.to_string()));
    line("VIP", if answer.vip { "here" } else { "not here" }.into());
    line("database", database(answer));
    line("writes", answer.protection.clone());
    text
}

fn database(answer: &Answer) -> String {
    let access = match answer.writable {
        Some(true) => "writable",
        Some(false) => "read-only",
        None => return "does not answer".into(),
    };
    let replication = if answer.replicating { ", replicating" } else { "" };
    format!("{access}{replication} ({})", answer.db_version)
}

/// What only this host knows: intention, units, trackers.
fn around(config: &Config) -> String {
    let mut text = String::new();
    match intention(config) {
        Ok(Some(intention)) => {
            let _ = writeln!(text, "{:<12}{intention}", "intention");
        }
        Ok(None) => {}
        Err(error) => {
            let _ = writeln!(text, "{:<12}{}: {error}", "state", config.state_file().display());
        }
    }
    for (name, state) in services::states(config) {
        let _ = writeln!(text, "{:<12}{name} {state}", "unit");
    }
    for name in ["nic", "api", "db"] {
        let _ = writeln!(text, "{:<12}{name} {}", "tracker", verdict(config, name));
    }
    text
}

fn intention(config: &Config) -> Result<Option<String>, String> {
    let text = std::fs::read_to_string(config.state_file()).map_err(|error| error.to_string())?;
    let state = State::from_toml(&text).map_err(|error| error.message().to_owned())?;
    Ok(state.intention.map(|intention| intention.to_string()))
}

/// The last verdict of a tracker and how old it is.
fn verdict(config: &Config, name: &str) -> String {
    let file = config.run_dir().join("track").join(name);
    let record = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
    record.map_or_else(
        || "has not run".into(),
        |record| {
            let now = u64::try_from(ap_host::boottime().as_millis()).unwrap_or(u64::MAX);
            let age = now.saturating_sub(record.at_ms) / 1000;
            let word = if record.verdict.good { "good" } else { "bad" };
            format!("{word}: {} ({age} s ago)", record.verdict.reason)
        },
    )
}
