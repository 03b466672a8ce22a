//! keepalived check: is this node on the network?

mod args;
mod check;

use std::process::ExitCode;

use ap_core::exit::Exit;
use ap_host::track::{Report, refuse};
use clap::Parser;

use args::Args;

const NAME: &str = "nic";

fn main() -> ExitCode {
    let exit = match Args::try_parse() {
        Ok(args) => run(args),
        Err(error) if error.use_stderr() => refuse(NAME, Exit::Usage, error.render()),
        // --help and --version
        Err(text) => text.print().map_or(Exit::Refused, |()| Exit::Ok),
    };
    ExitCode::from(exit.code())
}

fn run(args: Args) -> Exit {
    match args.resolve() {
        Ok(plan) => {
            let verdict = check::run(plan.what, plan.deadline, plan.wait);
            Report::new(NAME, &plan.run).publish(&verdict, None)
        }
        Err(error) => refuse(NAME, Exit::Config, error),
    }
}
