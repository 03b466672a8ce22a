//! keepalived check: does MariaDB answer, and is it what the VIP needs?

mod args;
mod ask;
mod check;

use std::process::ExitCode;

use ap_core::exit::Exit;
use ap_core::mode::Service;
use ap_host::track::{Report, refuse};
use clap::Parser;

use args::Args;

const NAME: &str = "db";

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
        Ok((plan, run)) => {
            let report = Report::new(NAME, &run);
            let found = check::run(plan, report.pending());
            let verdict = ap_host::grace::overlook(found.verdict, &run, &[Service::Database], ap_host::boottime());
            report.publish(&verdict, found.pending)
        }
        Err(error) => refuse(NAME, Exit::Config, format!("{error:#}")),
    }
}
