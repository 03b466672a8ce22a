//! `ap-mode switchover`.

use anyhow::Result;
use ap_core::exit::Exit;
use ap_core::message::Verb;

use crate::ask;
use crate::cli::Context;

/// Swaps the roles of a protected pair; to be run on the active.
///
/// Nothing is lost, and writers see a pause of a moment. The old active goes on as
/// standby without a restart of its database. If the other host does not take over
/// after it was given the role, this node ends in m, and `ap-mode set s` brings it back.
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
    ask::run(context, Verb::Switchover, args.common)
}
