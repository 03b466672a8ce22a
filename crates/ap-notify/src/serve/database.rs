//! Looks at the database all the time, so that nobody else waits for it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use ap_core::config::Config;
use ap_db::{Credentials, Database, MariaDb};

use super::watch::spawn;
use crate::node::connect;
use crate::shared::Shared;
use crate::store::Store;

/// How often, while the services run.
const EVERY: Duration = Duration::from_millis(100);
/// How often, while they do not.
const AT_REST: Duration = Duration::from_secs(1);

/// Watches for ever.
///
/// # Errors
/// The thread cannot be started.
pub fn watch(config: Arc<Config>, credentials: Credentials, shared: Arc<Shared>) -> Result<()> {
    let store = Store::new(&config);
    spawn("database", move || {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot = boot.get(..8).unwrap_or("").to_owned();
        let mut connection: Option<(MariaDb, u128)> = None;
        loop {
            if connection.is_none() {
                match connect(&config, &credentials) {
                    Ok(db) => connection = Some((db, ap_host::boottime().as_millis())),
                    Err(error) => lost(&shared, format!("{error:#}")),
                }
            }
            if let Some((db, since)) = &mut connection {
                match db.status() {
                    Ok(status) => {
                        // A relay log's name: this connection was never lost, so the
                        // server is the same, and the SQL thread is the same, so it was
                        // never started from both threads stopped (facts).
                        let running = status.sql_thread != 0 && status.replica.as_ref().is_some_and(|replica| replica.sql);
                        let relay = if running { format!("{boot}-{since}-{}", status.sql_thread) } else { String::new() };
                        let mut facts = shared.facts();
                        facts.db = Ok(status);
                        facts.relay = relay;
                    }
                    Err(error) => {
                        lost(&shared, format!("{error:#}"));
                        connection = None;
                    }
                }
            }
            thread::sleep(if store.started() { EVERY } else { AT_REST });
        }
    })
}

fn lost(shared: &Shared, error: String) {
    let mut facts = shared.facts();
    facts.db = Err(error);
    facts.relay.clear();
}
