//! Many clients, so that the moment at which service ends and begins again is
//! seen to ten milliseconds: each writes now and then, one of them at any time.
//!
//! A client connects within 100 ms or gives up, waits 300 ms for an answer, and
//! tries again at once after a failure (not more often than each 10 ms, so that
//! refusals do not become a load of their own). One writer alone would see a
//! takeover only at the end of its own timeouts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::history::{History, Outcome, Write};
use crate::http::HttpTarget;
use crate::node::Node;
use crate::pair::Pair;
use crate::sql::{PASSWORD, SqlTarget, USER};
use crate::wait::{Seen, wait_for};
use crate::writer::Target;

/// Clients of each kind.
const CLIENTS: u32 = 20;
/// Between the writes of two clients of a kind.
const SPACING: Duration = Duration::from_millis(10);
/// Between two attempts of one client, where nothing else is said.
pub const AT_ONCE: Duration = Duration::from_millis(10);
/// Keys of one client.
const KEYS: i64 = 10_000_000;

/// Clients of one kind.
struct Kind {
    log: Arc<Mutex<Vec<Write>>>,
    threads: Vec<JoinHandle<Result<()>>>,
}

/// All clients at work.
pub struct Clients {
    stop: Arc<AtomicBool>,
    http: Kind,
    sql: Kind,
}

/// What they saw.
pub struct Saw {
    /// Over HTTP.
    pub http: History,
    /// Over SQL.
    pub sql: History,
}

impl Clients {
    /// Starts them and waits until each kind was served. After a failure a client
    /// tries again when `retry` has passed.
    pub fn start(pair: &Pair, retry: Duration) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let o = &pair.options;
        let http = Kind::start(pair, &stop, retry, || HttpTarget::new(o.vip, o.api_port))?;
        let sql = Kind::start(pair, &stop, retry, || SqlTarget::new(o.vip, USER, PASSWORD).on_port(o.database_port))?;
        let clients = Self { stop, http, sql };
        clients.wait_served(None, Instant::now(), Duration::from_secs(10))?;
        Ok(clients)
    }

    /// Waits until `by` (or anyone) has acknowledged to each kind something sent after `since`.
    pub fn wait_served(&self, by: Option<&Node>, since: Instant, deadline: Duration) -> Result<()> {
        for (kind, name) in [(&self.http, "HTTP"), (&self.sql, "SQL")] {
            let what = format!("a write over {name} acknowledged by {}", by.map_or("any node", Node::name));
            wait_for(&what, deadline, || {
                let log = kind.log.lock().unwrap_or_else(PoisonError::into_inner);
                let served = log.iter().rev().take_while(|write| write.done >= since).any(|write| {
                    write.sent >= since && write.node().is_some_and(|node| by.is_none_or(|by| by.name() == node))
                });
                Ok(match log.last() {
                    _ if served => Seen::Done(()),
                    Some(last) => Seen::Not(format!("{:?}", last.outcome)),
                    None => Seen::Not("nothing written".into()),
                })
            })?;
        }
        Ok(())
    }

    /// Stops them.
    pub fn stop(mut self) -> Result<Saw> {
        // Now, not when the last of them has noticed: that is no time without service.
        let stopped = Instant::now();
        self.stop.store(true, Ordering::Relaxed);
        Ok(Saw { http: self.http.join(stopped)?, sql: self.sql.join(stopped)? })
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Kind {
    fn start<T: Target>(pair: &Pair, stop: &Arc<AtomicBool>, retry: Duration, target: impl Fn() -> T) -> Result<Self> {
        let log = Arc::new(Mutex::new(Vec::new()));
        let begun = Instant::now();
        let threads = (0..CLIENTS)
            .map(|index| {
                let (log, stop, target) = (Arc::clone(&log), Arc::clone(stop), target());
                let first = i64::from(pair.lab.unique() + 1) * KEYS;
                pair.lab.spawn(move || client(target, first, begun + SPACING * index, retry, &log, &stop))
            })
            .collect::<Result<_>>()?;
        Ok(Self { log, threads })
    }

    fn join(&mut self, stopped: Instant) -> Result<History> {
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| anyhow!("client panicked"))??;
        }
        let log = std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(History::new(log, stopped))
    }
}

fn client(
    mut target: impl Target,
    first: i64,
    mut turn: Instant,
    retry: Duration,
    log: &Mutex<Vec<Write>>,
    stop: &AtomicBool,
) {
    let mut due = turn;
    for key in first.. {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let sent = Instant::now();
        // A key is never tried again: after an error nobody knows whether it was written.
        let outcome = match target.write(key) {
            Ok(node) => Outcome::Acknowledged { node },
            Err(error) => Outcome::Failed(format!("{error:#}")),
        };
        let done = Instant::now();
        match outcome {
            // Back to its own turn, so that the clients stay apart.
            Outcome::Acknowledged { .. } => {
                while turn <= done {
                    turn += SPACING * CLIENTS;
                }
                due = turn;
            }
            Outcome::Failed(_) => due = done.max(sent + retry),
        }
        log.lock().unwrap_or_else(PoisonError::into_inner).push(Write { key, sent, done, outcome });
    }
}

impl Saw {
    /// Who acknowledged last.
    pub fn server(&self) -> Option<&str> {
        let last = |history: &'_ History| history.acknowledged().last().map(|write| write.done);
        let latest = if last(&self.http) > last(&self.sql) { &self.http } else { &self.sql };
        latest.acknowledged().last().and_then(Write::node)
    }

    /// Both kinds.
    pub fn all(&self) -> History {
        History::merge([self.http.clone(), self.sql.clone()])
    }

    /// The longest time that one client had to try until its write was done,
    /// among those that were done after `since`.
    pub fn slowest(&self, since: Instant) -> Duration {
        let mut waits = std::collections::HashMap::new();
        let mut slowest = Duration::ZERO;
        for write in self.all().writes() {
            let client = write.key / KEYS;
            let began = *waits.entry(client).or_insert(write.sent);
            if write.node().is_some() {
                waits.remove(&client);
                if write.done >= since {
                    slowest = slowest.max(write.done - began);
                }
            }
        }
        slowest
    }
}
