//! `ap-mode`: the operator's tool for one node of the pair.

mod ask;
mod cli;
mod cmd;
mod failure;
mod install;
mod output;

use std::process::ExitCode;

use ap_core::exit::Exit;
use clap::Parser;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info"))
        .format_timestamp(None)
        .format_target(false)
        .init();
    let exit = match cli::Cli::try_parse() {
        Ok(cli) => cli.run().unwrap_or_else(|error| failure::report(&error)),
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            // A closed pipe is no reason to say more.
            let _ = error.print();
            exit
        }
    };
    ExitCode::from(exit.code())
}
