//! keepalived check: does the API answer?

mod args;
mod check;

use std::process::ExitCode;

use ap_core::exit::Exit;
use ap_core::mode::Service;
use ap_host::track::{Report, refuse};
use clap::Parser;

use args::Args;

const NAME: &str = "api";

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
            let verdict = check::run(plan.api, plan.deadline);
            // Without its database the API is not healthy.
            let services = [Service::Api, Service::Database];
            let verdict = ap_host::grace::overlook(verdict, &plan.run, &services, ap_host::boottime());
            Report::new(NAME, &plan.run).publish(&verdict, None)
        }
        Err(error) => refuse(NAME, Exit::Config, error),
    }
}
