//! Looks at the database all the time, so that nobody else waits for it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use ap_core::config::Config;
use ap_core::observed::DbStatus;
use ap_db::{Credentials, Database, MariaDb};
use ap_host::store::Store;

use super::watch::spawn;
use crate::shared::Shared;

/// How often, while it answers or is meant to.
const EVERY: Duration = Duration::from_millis(100);
/// How often, while it is down on purpose.
const AT_REST: Duration = Duration::from_secs(1);

/// Watches for ever.
///
/// # Errors
/// The thread cannot be started.
pub fn watch(config: Arc<Config>, credentials: Credentials, shared: Arc<Shared>) -> Result<()> {
    let store = Store::new(&config);
    spawn("database", move || {
        let mut db = MariaDb::new(&config.database.socket, &credentials, config.database.timeout.get());
        let boot = boot_id();
        loop {
            let seen = ap_host::boottime();
            let status = db.status().map_err(|error| format!("{error:#}"));
            let relay = status.as_ref().map(|status| relay(&boot, status)).unwrap_or_default();
            let answers = status.is_ok();
            let mut facts = shared.facts();
            // The executor looks as well; the later look counts.
            if facts.see_db(seen, status) {
                facts.relay = relay;
            }
            let lost = facts.standby.lost(&facts.relay);
            drop(facts);
            if lost {
                give_up_lease(&shared, &store);
            }
            thread::sleep(if answers || store.started() { EVERY } else { AT_REST });
        }
    })
}

/// The relay log of the lease is gone, or nobody can say whether it is. Off the
/// disk first: only then is "no lease" a promise, on which the active need not
/// wait for the lease's end (F6).
fn give_up_lease(shared: &Shared, store: &Store) {
    let _lease = shared.lease();
    let facts = shared.facts();
    if !facts.standby.lost(&facts.relay) {
        return;
    }
    drop(facts);
    match store.set_lease(None) {
        Ok(()) => {
            let mut facts = shared.facts();
            facts.standby.void("the relay log was lost or begun anew since the active granted");
            facts.standby.forgotten();
        }
        Err(error) => log::warn!("{error:#}"),
    }
}

/// Names a relay log, so that one which may have lost events has another name.
///
/// A server that was restarted, or whose replication was started from both
/// threads stopped, throws its relay log away (facts). The first shows in the
/// server's process, the second in its SQL thread. A restart of this program
/// changes neither.
pub fn relay(boot: &str, status: &DbStatus) -> String {
    let applies = status.sql_thread != 0 && status.replica.as_ref().is_some_and(|replica| replica.sql);
    let process = std::fs::read_to_string(&status.pid_file).ok().and_then(|pid| started(pid.trim()));
    match process {
        Some(process) if applies => format!("{boot}-{process}-{}", status.sql_thread),
        _ => String::new(),
    }
}

/// Process id and start time in clock ticks since boot: no other process of this boot has both.
fn started(pid: &str) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.parse::<u32>().ok()?)).ok()?;
    // The name, in parentheses, may hold anything; the start time is the 20th field after it (proc(5)).
    let start = stat.rsplit(')').next()?.split_whitespace().nth(19)?;
    Some(format!("{pid}.{start}"))
}

/// The first letters of this boot's own name.
fn boot_id() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    boot.get(..8).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_by_its_start_as_well() {
        let own = std::process::id().to_string();
        assert!(started(&own).unwrap().starts_with(&format!("{own}.")));
        assert_eq!(started("no number"), None);
    }
}
