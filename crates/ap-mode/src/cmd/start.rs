//! `ap-mode start`.

use anyhow::Result;
use ap_core::exit::Exit;
use ap_core::message::Verb;

use crate::ask;
use crate::cli::Context;

/// Starts this node as what it is: database, API, keepalived, in that order.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: ask::Common,
}

/// Asks ap-notify and follows what it does.
///
/// # Errors
/// As [`ask::run`].
pub fn run(context: &Context, args: Args) -> Result<Exit> {
    ask::run(context, Verb::Start, args.common)
}
