//! Looks at this host and its peer. Judges nothing.

mod database;
mod files;
mod host;
mod keepalived;
mod network;
mod units;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use ap_core::config::{Config, Host};
use ap_core::state::State;

use super::Facts;
use crate::sight;

/// Longest run of a program that only looks.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(15);

/// Everything there is to see from here.
pub fn facts(config: &Config, path: &Path, own: &Host, peer: &Host) -> Facts {
    let (here, there) = sight::both(config, own, peer);
    let database = database::look(config);
    let units = units::look(config).map_err(|error| format!("{error:#}"));
    let unit = units.as_ref().ok().and_then(|units| units.get(&config.keepalived.unit));
    let keepalived = keepalived::look(config, unit);
    let network = network::look(config, own, peer, [&here, &there]);
    let files = files::look(config, path, [own, peer], keepalived.version.as_ref().ok(), database.server.is_ok());
    let host = host::look(config, &database);
    Facts {
        config: config.clone(),
        path: path.to_owned(),
        own: own.clone(),
        peer: peer.clone(),
        state: state(config),
        files,
        keepalived,
        database,
        units,
        network,
        sights: [here, there],
        host,
    }
}

fn state(config: &Config) -> Result<Option<State>, String> {
    let file = config.state_file();
    match std::fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", file.display())),
        Ok(text) => {
            State::from_toml(&text).map(Some).map_err(|error| format!("{}: {}", file.display(), error.message()))
        }
    }
}

/// Runs a program to its end, or to the deadline.
fn run(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to run {name}"))?;
    ap_host::track::within(PROGRAM_TIMEOUT, move || child.wait_with_output())
        .map_err(|verdict| anyhow!("{name}: {}", verdict.reason))?
        .with_context(|| format!("failed to run {name}"))
}

/// What a program printed, if it ended well.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = run(command)?;
    anyhow::ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
