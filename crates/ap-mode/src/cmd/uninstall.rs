//! `ap-mode uninstall`.

use std::path::Path;

use anyhow::Result;
use ap_core::exit::Exit;
use ap_core::state::State;
use ap_host::store::Store;

use crate::cli::Context;
use crate::failure::Failure;
use crate::install::place::Places;
use crate::install::{accounts, undo};
use crate::output::{data, progress};

/// Takes back what ap-mode install wrote.
///
/// Stops ap-notify, unmasks the services, removes the files that nobody edited,
/// and puts back those that were there before. Refuses while the node is at work.
/// Leaves the database with its accounts, /etc/ap, and what the node remembers
/// under STATE: apt purge removes that.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Say what would be done and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also while the node is at work. The services run on and nobody looks after
    /// them: no failover any more.
    #[arg(long)]
    force: bool,
}

/// Checks, then undoes.
///
/// # Errors
/// [`Exit::Refused`] while the node is at work; what the system says otherwise.
pub fn run(context: &Context, args: Args) -> Result<Exit> {
    let config = &context.config;
    let store = Store::new(config);
    if store.started() && !args.force {
        let mode = store.state().map_or_else(|_| "unknown".to_owned(), |State { mode, .. }| mode.to_string());
        let text = format!("this node is at work in mode {mode}. Type: ap-mode set m, then ap-mode uninstall");
        return Err(Failure::new(Exit::Refused, text).into());
    }
    let places = Places::new(Path::new("/"), &config.state_dir());
    let plan = undo::plan(&places)?;
    if args.dry_run {
        data(&undo::shown(&plan, config))?;
        return Ok(Exit::Ok);
    }
    undo::carry_out(&plan, &places, config)?;
    data(&undo::shown(&plan, config))?;
    if let Ok(credentials) = accounts::credentials(config) {
        let mut drop = vec![format!("'{}'@'localhost'", credentials.user)];
        drop.extend(config.host.iter().map(|host| format!("'{}'@'{}'", credentials.replication_user, host.address)));
        progress(&format!(
            "the accounts in MariaDB stay. To remove them: mariadb -e \"SET SESSION sql_log_bin=0; DROP USER IF EXISTS {}\"",
            drop.join(", ")
        ));
    }
    progress(&format!(
        "{}, {} and {} start at boot no longer; systemctl enable those that should. MariaDB's settings change with its \
         next restart. {} and {} stay",
        config.database.unit,
        config.api.unit,
        config.keepalived.unit,
        context.path.display(),
        config.state_dir().display()
    ));
    Ok(Exit::Ok)
}
