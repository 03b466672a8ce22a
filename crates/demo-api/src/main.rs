//! `demo-api`: users and quotes over HTTP, kept in MariaDB.

mod api;
mod args;
mod database;
mod listen;
mod model;
mod pool;
mod quotes;
mod request;
mod response;
mod sql;
mod store;

use std::process::ExitCode;

use args::{Args, UNAVAILABLE, USAGE};
use clap::Parser;

fn main() -> ExitCode {
    env_logger::Builder::new().filter_level(log::LevelFilter::Info).parse_default_env().format_timestamp(None).init();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(e) => {
            // The only output there could be is this one, so nothing is left to say if it fails.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { USAGE } else { 0 });
        }
    };
    let (code, e) = match args.settings() {
        Ok(settings) => (UNAVAILABLE, listen::run(&settings)),
        Err(refused) => refused,
    };
    eprintln!("error: {e:#}");
    ExitCode::from(code)
}
