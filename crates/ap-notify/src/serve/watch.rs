//! The threads that look outside, so that the executor never waits for a look:
//! the peer, the gateway, and the FIFO.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use ap_core::config::{Config, Host};
use ap_core::message::{MAX_LINE, Message};
use ap_net::{Kernel, Net, Question};

use crate::shared::{Heard, Shared};
use crate::store::Store;

/// How often the gateway is probed.
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// Longest answer of a gateway.
pub const PROBE_DEADLINE: Duration = Duration::from_millis(300);

/// Several times within half of `pair.gap`.
const PULSE: Duration = Duration::from_millis(50);

/// The question to the peer.
pub fn question<'a>(config: &'a Config, own: &Host, peer: &Host, deadline: Duration) -> Question<'a> {
    Question {
        from: own.address,
        to: SocketAddrV4::new(peer.address, config.pair.port),
        codename: &config.codename,
        deadline,
    }
}

/// Reads the FIFO for ever. Lines longer than the kernel writes in one piece
/// are garbage and are said to be.
///
/// # Errors
/// The thread cannot be started.
pub fn fifo(fifo: File, instance: String, lines: Sender<Message>) -> Result<()> {
    spawn("fifo", move || {
        let mut reader = BufReader::with_capacity(MAX_LINE, fifo);
        let mut line = Vec::new();
        loop {
            line.clear();
            match reader.read_until(b'\n', &mut line) {
                // Opened for reading and writing by systemd, the pipe has no end.
                Ok(0) => thread::sleep(Duration::from_millis(100)),
                Ok(_) => match Message::parse(&String::from_utf8_lossy(&line), &instance) {
                    Ok(Some(message)) => {
                        if lines.send(message).is_err() {
                            return;
                        }
                    }
                    Ok(None) => {}
                    Err(error) => log::warn!("ignored a line in the FIFO: {error}"),
                },
                Err(error) => {
                    log::error!("failed to read the FIFO: {error}");
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    })
}

/// Asks the peer for ever.
///
/// # Errors
/// The thread cannot be started.
pub fn peer(config: Arc<Config>, own: Host, peer: Host, shared: Arc<Shared>) -> Result<()> {
    let store = Store::new(&config);
    spawn("peer", move || {
        loop {
            let asked = ap_host::boottime();
            shared.facts().standby.asking(asked);
            let answer = Kernel
                .ask(&question(&config, &own, &peer, config.pair.ask_timeout.get()))
                .map_err(|error| format!("{error:#}"));
            let kept = {
                let mut facts = shared.facts();
                let relay = facts.relay.clone();
                match &answer {
                    Ok(answer) => facts.standby.answered(answer, &relay),
                    Err(_) => facts.standby.silence(),
                }
                facts.heard = Heard { asked, answer };
                facts.standby.kept().map(|(until, relay)| (until, relay.to_owned()))
            };
            if let Err(error) = store.set_lease(kept.as_ref().map(|(until, relay)| (*until, relay.as_str()))) {
                log::warn!("{error:#}");
            }
            let next = asked + config.pair.ask_interval.get();
            thread::sleep(next.saturating_sub(ap_host::boottime()));
        }
    })
}

/// Probes the gateway for ever.
///
/// # Errors
/// The thread cannot be started.
pub fn gateway(config: Arc<Config>, own: Host, shared: Arc<Shared>) -> Result<()> {
    spawn("gateway", move || {
        loop {
            let gateway = Kernel.gateway(&config.pair.witness, own.address, PROBE_DEADLINE);
            shared.facts().gateway = gateway;
            thread::sleep(PROBE_EVERY);
        }
    })
}

/// Tells the standby's half of the protection that this program runs: a freeze in
/// the middle of a promotion must not go unseen.
///
/// # Errors
/// The thread cannot be started.
pub fn pulse(shared: Arc<Shared>) -> Result<()> {
    spawn("pulse", move || {
        loop {
            {
                let mut facts = shared.facts();
                facts.standby.pulse(ap_host::boottime());
            }
            thread::sleep(PULSE);
        }
    })
}

/// Starts a thread that ends with the process.
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .with_context(|| format!("failed to start the {name} thread"))?;
    Ok(())
}
