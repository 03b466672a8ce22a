//! Writers: clients that write one key after the other and remember what they
//! were told about each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::history::{History, Outcome, Write};
use crate::lab::Lab;
use crate::wait::{Seen, wait_for};

/// How long a client waits for a connection. A SYN that is lost while the
/// address moves would be repeated by the kernel after a second only.
pub const CONNECT: Duration = Duration::from_millis(100);
/// How long a client waits for an answer, unless told otherwise. A machine that
/// loses power answers nothing, not even "no": a client more patient than this
/// would measure its own patience and not the pair.
pub const ANSWER: Duration = Duration::from_millis(300);
/// Pace of a writer.
pub const PACE: Duration = Duration::from_millis(5);
/// Keys of one writer; the next writer's begin after these.
const KEYS: i64 = 10_000_000;

/// Something that can be written to. Connects by itself, and again after an error.
pub trait Target: Send + 'static {
    /// Writes `key`; returns the name of the node that acknowledged it.
    fn write(&mut self, key: i64) -> Result<String>;
}

/// A writer at work in the lab's network.
pub struct Writer {
    stop: Arc<AtomicBool>,
    writes: Arc<Mutex<Vec<Write>>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Writer {
    /// Starts writing to `target` with keys of its own, one each `pace`.
    pub fn start(lab: &Lab, mut target: impl Target, pace: Duration) -> Result<Self> {
        let first = i64::from(lab.unique() + 1) * KEYS;
        let stop = Arc::new(AtomicBool::new(false));
        let writes = Arc::new(Mutex::new(Vec::new()));
        let (ended, log) = (Arc::clone(&stop), Arc::clone(&writes));
        let thread = lab.spawn(move || {
            for key in first.. {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let sent = Instant::now();
                // A key is never tried again: after an error nobody knows
                // whether it was written.
                let outcome = match target.write(key) {
                    Ok(node) => Outcome::Acknowledged { node },
                    Err(error) => Outcome::Failed(format!("{error:#}")),
                };
                let done = Instant::now();
                log.lock().unwrap_or_else(PoisonError::into_inner).push(Write { key, sent, done, outcome });
                std::thread::sleep(pace.saturating_sub(done - sent));
            }
        })?;
        Ok(Self { stop, writes, thread: Some(thread) })
    }

    /// What was written until now.
    pub fn so_far(&self) -> History {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        History::new(writes, Instant::now())
    }

    /// Who acknowledged something sent after `since`, the latest first. Looks at no
    /// more than that: the clients of a long run have seen much.
    fn acknowledged_by(&self, since: Instant, by: impl Fn(&str) -> bool) -> Seen<String> {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let later = writes.iter().rev().take_while(|write| write.done >= since).filter(|write| write.sent >= since);
        match later.filter_map(Write::node).find(|node| by(node)) {
            Some(node) => Seen::Done(node.to_owned()),
            None => Seen::Not(
                writes.last().map_or_else(|| "nothing written".into(), |write| format!("{:?}", write.outcome)),
            ),
        }
    }

    /// Waits until something sent after `since` is acknowledged; returns by whom.
    pub fn wait_acknowledged(&self, since: Instant, deadline: Duration) -> Result<String> {
        let (node, _) = wait_for("an acknowledged write", deadline, || Ok(self.acknowledged_by(since, |_| true)))?;
        Ok(node)
    }

    /// Waits until `node` has acknowledged something sent after `since`.
    pub fn wait_acknowledged_by(&self, node: &str, since: Instant, deadline: Duration) -> Result<()> {
        let what = format!("a write acknowledged by {node}");
        wait_for(&what, deadline, || Ok(self.acknowledged_by(since, |by| by == node))).map(drop)
    }

    /// Stops and returns everything it saw.
    pub fn stop(mut self) -> Result<History> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| anyhow!("writer panicked"))??;
        }
        Ok(self.so_far())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
