//! `ap-mode`: the operator's tool for one node of the pair.

mod ask;
mod check;
mod cli;
mod cmd;
mod failure;
mod install;
mod metrics;
mod output;
mod sight;
mod text;

use std::process::ExitCode;

use ap_core::exit::Exit;
use clap::Parser;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info"))
        .format_timestamp(None)
        .format_target(false)
        .init();
    let code = match cli::Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            // A closed pipe is no reason to say more.
            let _ = error.print();
            exit.code()
        }
    };
    ExitCode::from(code)
}
