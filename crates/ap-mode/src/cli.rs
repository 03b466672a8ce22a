//! The command line: global options and one subcommand.

use std::path::PathBuf;

use anyhow::Result;
use ap_core::config::Config;
use ap_core::exit::Exit;
use clap::{Parser, Subcommand};

use crate::cmd::{install, restart, set, show, start, stop};
use crate::failure::Failure;

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
    Show(show::Args),
    Set(set::Args),
    Start(start::Args),
    Stop(stop::Args),
    Restart(restart::Args),
    Install(install::Args),
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
    /// Loads the configuration and runs the subcommand.
    ///
    /// # Errors
    /// Whatever it ends with other than an exit code of its own.
    pub fn run(self) -> Result<Exit> {
        let path = ap_host::config_path(self.config);
        let path = std::path::absolute(&path).unwrap_or(path);
        let config = ap_host::load_config(&path).map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
        let context = Context { path, config };
        match self.command {
            Command::Show(args) => show::run(&context, args),
            Command::Set(args) => set::run(&context, args),
            Command::Start(args) => start::run(&context, args),
            Command::Stop(args) => stop::run(&context, args),
            Command::Restart(args) => restart::run(&context, args),
            Command::Install(args) => install::run(&context, args),
        }
    }
}
