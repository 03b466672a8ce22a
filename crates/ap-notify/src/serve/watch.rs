//! The threads that look outside, so that the executor never waits for a look:
//! the peer, the gateway, and the FIFO.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use ap_core::config::{Config, Host};
use ap_core::message::{BadLine, MAX_LINE, Message};
use ap_core::plan::Cause;
use ap_host::store::Store;
use ap_net::{Kernel, Net, Question};

use crate::node::Node;
use crate::shared::{Heard, Shared};

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
/// are garbage and are said to be. The history gets the moment at which a word
/// came: the executor may be busy for a second, and a failover is measured in
/// milliseconds. For the same reason keepalived's word is kept here: read from the
/// pipe and not yet looked at, a kill would lose it, and it is not said twice (F12);
/// and the peer that asks must not hear MASTER of a node whose executor waits (F17).
///
/// # Errors
/// The thread cannot be started.
pub fn fifo(fifo: File, instance: String, lines: Sender<Message>, node: &Node) -> Result<()> {
    let (store, shared, events) = (Store::new(&node.config), node.shared.clone(), node.events.clone());
    spawn("fifo", move || {
        let mut reader = BufReader::with_capacity(MAX_LINE, fifo);
        let mut line = Vec::new();
        loop {
            match reader.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line) {
                // Opened for reading and writing by systemd, the pipe has no end.
                Ok(0) => thread::sleep(Duration::from_millis(100)),
                // Garbage without an end: only what may be a line at its end is kept.
                Ok(_) if !line.ends_with(b"\n") => drop(line.drain(..line.len().saturating_sub(MAX_LINE))),
                Ok(_) => match understand(&String::from_utf8_lossy(&line), &instance) {
                    Ok(Some(message)) => {
                        let word = word(&message);
                        if let Some(word) = message.vrrp() {
                            if shared.facts().vrrp.replace(word) != Some(word) {
                                log::info!("keepalived says {word}");
                            }
                            if let Err(error) = store.set_vrrp(word) {
                                log::warn!("{error:#}");
                            }
                        }
                        // The executor first, the history after.
                        if lines.send(message).is_err() {
                            return;
                        }
                        if let Some(word) = word {
                            events.heard(&word);
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
            if line.ends_with(b"\n") {
                line.clear();
            }
        }
    })
}

/// A message, also behind what somebody wrote without a newline: that must not
/// cost keepalived's word.
fn understand(line: &str, instance: &str) -> Result<Option<Message>, BadLine> {
    let understood = Message::parse(line, instance);
    if understood.is_ok() {
        return understood;
    }
    let starts = ["INSTANCE \"", "GROUP \"", "UNIT ", "{\"id\":"];
    let last = starts.into_iter().filter_map(|start| line.rfind(start)).max();
    match last.filter(|at| *at > 0).map(|at| Message::parse(&line[at..], instance)) {
        Some(Ok(message)) => Ok(message),
        _ => understood,
    }
}

/// What came, unless it is a request: those are recorded with what became of them.
fn word(message: &Message) -> Option<String> {
    match message {
        Message::Vrrp(word) => Some(Cause::Vrrp(*word).to_string()),
        Message::Stopped { service, clean: true } => Some(format!("{service} was stopped")),
        Message::Stopped { service, clean: false } => Some(Cause::Gone(*service).to_string()),
        Message::Started(service) => Some(format!("{service} was started")),
        Message::Request(_) => None,
    }
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
            // Who is not meant to run takes no lease, and so asks for none.
            let takes = store.started();
            if takes {
                let mut facts = shared.facts();
                let relay = facts.relay.clone();
                facts.standby.asking(asked, &relay);
            }
            let answer = Kernel
                .ask(&question(&config, &own, &peer, config.pair.ask_timeout.get()))
                .map_err(|error| format!("{error:#}"));
            let lease = shared.lease();
            let kept = {
                let mut facts = shared.facts();
                let relay = facts.relay.clone();
                match &answer {
                    Ok(answer) => facts.standby.answered(answer, &relay),
                    Err(_) => facts.standby.silence(),
                }
                facts.heard = Heard { asked, answer: answer.clone() };
                facts.standby.kept().map(|(until, relay)| (until, relay.to_owned()))
            };
            if let Err(error) = store.set_lease(kept.as_ref().map(|(until, relay)| (*until, relay.as_str()))) {
                log::warn!("{error:#}");
            }
            drop(lease);
            if let Ok(answer) = &answer
                && let Err(error) = store.set_peer(answer)
            {
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
            let seen = Kernel.gateway(&config.pair.witness, own.address, PROBE_DEADLINE);
            shared.facts().see_gateway(seen);
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

#[cfg(test)]
mod tests {
    use ap_core::mode::{Service, Vrrp};

    use super::*;

    #[test]
    fn what_stands_behind_garbage_is_understood() {
        let table = [
            ("INSTANCE \"ap\" MASTER 254\n", Ok(Some(Message::Vrrp(Vrrp::Master)))),
            ("junkINSTANCE \"ap\" FAULT 254\n", Ok(Some(Message::Vrrp(Vrrp::Fault)))),
            ("UNIT dUNIT api started\n", Ok(Some(Message::Started(Service::Api)))),
            ("junkINSTANCE \"other\" FAULT 254\n", Ok(None)),
        ];
        for (line, expected) in table {
            assert_eq!(understand(line, "ap"), expected, "{line}");
        }
        for line in ["junk", "junkINSTANCE \"ap\" SLAVE 1", "\u{fffd}\u{0}"] {
            assert!(understand(line, "ap").is_err(), "{line}");
        }
    }
}
