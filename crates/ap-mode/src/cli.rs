//! The command line: global options and one subcommand.

use std::path::PathBuf;

use anyhow::Result;
use ap_core::config::Config;
use ap_core::exit::Exit;
use clap::{Parser, Subcommand};

use crate::cmd::{check, history, install, metrics, restart, set, show, start, status, stop, switchover, uninstall};
use crate::failure::{self, Failure};

/// Says and sets what this node of the pair is.
///
/// Ends with 0 (done), 1 (refused), 64 (command line), 69 (something needed does
/// not answer), 70 (a bug), 73 (cannot write), 75 (deadline), 77 (not permitted)
/// or 78 (configuration).
#[derive(Debug, Parser)]
#[command(name = "ap-mode", version)]
pub struct Cli {
    /// The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Status(status::Args),
    Check(check::Args),
    Show(show::Args),
    Set(set::Args),
    Start(start::Args),
    Stop(stop::Args),
    Restart(restart::Args),
    Switchover(switchover::Args),
    History(history::Args),
    Install(install::Args),
    Uninstall(uninstall::Args),
    Metrics(metrics::Args),
}

/// What every subcommand works on.
#[derive(Debug)]
pub struct Context {
    /// The configuration file, absolute: it is written into units.
    pub path: PathBuf,
    /// What it says.
    pub config: Config,
}

impl Cli {
    /// Runs the subcommand. Gives the code the program ends with: of the one
    /// table, or of Nagios where that is documented.
    pub fn run(self) -> u8 {
        let path = ap_host::config_path(self.config);
        let path = std::path::absolute(&path).unwrap_or(path);
        match self.command {
            Command::Status(args) => status::run(&path, args),
            Command::Check(args) => check::run(&path, args),
            command => run(path, command).unwrap_or_else(|error| failure::report(&error)).code(),
        }
    }
}

/// Loads the configuration and runs the subcommand.
fn run(path: PathBuf, command: Command) -> Result<Exit> {
    let config = ap_host::load_config(&path).map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
    let context = Context { path, config };
    match command {
        // Not here: they speak Nagios.
        Command::Status(_) | Command::Check(_) => Ok(Exit::Software),
        Command::Show(args) => show::run(&context, args),
        Command::Set(args) => set::run(&context, args),
        Command::Start(args) => start::run(&context, args),
        Command::Stop(args) => stop::run(&context, args),
        Command::Restart(args) => restart::run(&context, args),
        Command::Switchover(args) => switchover::run(&context, args),
        Command::History(args) => history::run(&context, args),
        Command::Install(args) => install::run(&context, args),
        Command::Uninstall(args) => uninstall::run(&context, args),
        Command::Metrics(args) => metrics::run(&context, args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_and_completions_are_up_to_date() {
        ap_docs::up_to_date(&<Cli as clap::CommandFactory>::command()).unwrap();
    }
}
