//! The real data directory.
//!
//! - `tail.rs`: saves a part of the binary log, and has recovery truncate its tail.
//! - `relay.rs`: keeps relay logs that could not be applied.
//! - `reseed.rs`, `backup.rs`, `copy.rs`: the peer's data instead of the own.
//! - `binlog.rs`, `server.rs`: the server's binary log, settings and release, while it is off.

mod backup;
mod binlog;
mod copy;
mod relay;
mod reseed;
mod server;
mod tail;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use ap_core::agent::Tail;
use ap_core::config::{Config, Host};
use ap_core::gtid::GtidPos;
use ap_db::Credentials;
use ap_systemd::Units;

use crate::adapters::{Data, Mark};
use ap_host::store::Store;

/// The data directory of the configured node.
pub struct DataDirectory {
    config: Arc<Config>,
    credentials: Credentials,
    own: Host,
    peer: Host,
    units: Arc<dyn Units>,
    store: Store,
}

impl DataDirectory {
    /// Nothing is looked at yet.
    pub fn new(config: Arc<Config>, credentials: Credentials, own: Host, peer: Host, units: Arc<dyn Units>) -> Self {
        let store = Store::new(&config);
        Self { config, credentials, own, peer, units, store }
    }

    /// Starts the server and waits until systemd says that it runs. Our own account
    /// may not be let in yet.
    fn start_server(&self) -> Result<()> {
        let unit = &self.config.database.unit;
        let limit = self.config.database.start_timeout.get();
        self.units.bring_up(unit, limit)
    }
}

impl Data for DataDirectory {
    fn mark(&self) -> Mark {
        reseed::mark()
    }

    fn save_tail(&self, tail: &Tail) -> Result<String> {
        self.keep_tail(tail)
    }

    fn save_relay_logs(&self, position: &GtidPos) -> Result<Option<PathBuf>> {
        self.keep_relay_logs(position)
    }

    fn truncate_at_start(&self, on: bool) -> Result<String> {
        if on { self.truncate() } else { self.truncate_no_longer() }
    }

    fn reseed(&self, tell: &dyn Fn(String)) -> Result<()> {
        self.copy_peer(tell)
    }
}
