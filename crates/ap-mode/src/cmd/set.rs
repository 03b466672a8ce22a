//! `ap-mode set`.

use std::time::Duration;

use anyhow::Result;
use ap_core::exit::Exit;
use ap_core::message::Verb;
use ap_core::mode::{Mode, Role};

use crate::ask;
use crate::cli::Context;

/// Sets the mode of this node.
///
/// ap: one half of the pair. From m: back as standby of the peer. From s: back to
/// active with the peer as standby.
/// s: standalone, holds the data alone, may come back by itself after a reboot.
/// m: maintenance, out of service, everything masked.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// ap, s or m.
    mode: Mode,
    /// In a pair never set up: active on the host that has the data, standby on the other.
    #[arg(long)]
    role: Option<Role>,
    /// Copy the peer's data over this node's first: as a dump, or from a backup of the
    /// peer prepared by mariadb-backup, if one lies in /var/lib/mysql.backup.
    #[arg(long)]
    reseed: bool,
    #[command(flatten)]
    common: ask::Common,
}

/// A copy of a large database says little for long.
const RESEED_PATIENCE: Duration = Duration::from_secs(3600);

/// Asks ap-notify and follows what it does.
///
/// # Errors
/// As [`ask::run`].
pub fn run(context: &Context, mut args: Args) -> Result<Exit> {
    if args.reseed {
        args.common.be_patient(RESEED_PATIENCE);
    }
    let verb = Verb::Set { mode: args.mode, role: args.role, reseed: args.reseed };
    ask::run(context, verb, args.common)
}
