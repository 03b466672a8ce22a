//! *What are you?*: one line of JSON for whoever connects and may ask.
//!
//! Nothing is ever read from the connection, so there is nothing to attack but
//! the accept queue; who is neither the peer nor this host is hung up on.

use std::io::Write;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use ap_core::config::{Config, Host};
use ap_host::store::Store;
use ap_net::{Kernel, Net};

use super::watch::spawn;
use crate::shared::Shared;

/// Longest write. An answer fits into an empty socket buffer, so this is never waited for.
const WRITE_DEADLINE: Duration = Duration::from_millis(200);

/// Answers for ever.
///
/// # Errors
/// The thread cannot be started.
pub fn serve(listener: TcpListener, config: Arc<Config>, own: Host, peer: Host, shared: Arc<Shared>) -> Result<()> {
    let store = Store::new(&config);
    spawn("answer", move || {
        loop {
            match listener.accept() {
                Ok((mut stream, from)) => {
                    if from.ip() != IpAddr::V4(peer.address) && from.ip() != IpAddr::V4(own.address) {
                        continue;
                    }
                    let line = line(&config, &own, &store, &shared);
                    let sent =
                        stream.set_write_timeout(Some(WRITE_DEADLINE)).and_then(|()| stream.write_all(line.as_bytes()));
                    if let Err(error) = sent {
                        log::debug!("failed to answer {from}: {error}");
                    }
                }
                Err(error) => {
                    log::warn!("failed to accept a question: {error}");
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    })
}

fn line(config: &Config, own: &Host, store: &Store, shared: &Shared) -> String {
    // The VIP is looked up now, not remembered: a peer that was just made MASTER
    // depends on it.
    let vip = Kernel.own_addresses().is_ok_and(|addresses| addresses.contains(&config.vip));
    let now = ap_host::boottime();
    let mut answer = shared.facts().answer(config, own, vip, now);
    store.complete(&mut answer, config, now);
    let mut line = serde_json::to_string(&answer).unwrap_or_default();
    line.push('\n');
    line
}
