//! `ap-mode stop`.

use anyhow::Result;
use ap_core::exit::Exit;
use ap_core::message::Verb;

use crate::ask;
use crate::cli::Context;

/// Stops this node in good order; its mode stays, an active hands over first.
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
    ask::run(context, Verb::Stop, args.common)
}
