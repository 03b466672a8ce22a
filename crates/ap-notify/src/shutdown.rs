//! An orderly shutdown is no failure: the active of a pair hands over while
//! everything still runs.
//!
//! keepalived's `ExecStop` is the moment: systemd stops keepalived before the API
//! and the database, and the service of this program last of all.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use ap_core::config::Config;
use ap_core::mode::{Mode, Role};
use ap_systemd::Units;

use crate::adapters::Files;

/// Longest hand-over; after it the machine goes down as it would have.
const DEADLINE: &str = "20s";

/// Asks for the hand-over and waits for its end, if there is one to be made.
///
/// # Errors
/// systemd does not say whether the machine goes down, or nothing was handed over.
pub fn hand_over(path: &Path, config: &Config, files: &dyn Files, units: &dyn Units) -> Result<()> {
    // Left out by systemd when keepalived has ended by itself: that is a failure.
    if std::env::var_os("MAINPID").is_none() {
        return Ok(());
    }
    let kept = files.kept()?;
    let state = kept.state;
    let pair = state.mode == Mode::Ap && state.role == Role::Active && !state.solo && !state.fenced;
    // What is under way may itself stop keepalived: it would wait for us, and we for it.
    if !pair || state.intention.is_some() || !kept.started {
        return Ok(());
    }
    if !units.shutting_down()? {
        return Ok(());
    }
    let program = config.paths.programs.join("ap-mode");
    let status = Command::new(&program)
        .arg("--config")
        .arg(path)
        .args(["stop", "--who", "shutdown", "--timeout", DEADLINE])
        .status()
        .with_context(|| format!("failed to run {}", program.display()))?;
    if !status.success() {
        bail!("nothing was handed over: {status}");
    }
    Ok(())
}
