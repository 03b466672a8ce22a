//! Connections to D-Bus, with a limit to every wait.
//!
//! The library knows a timeout for method calls only: connecting to a stopped
//! daemon, or waiting for a signal, would hang. So each piece of work runs on a
//! thread of its own, and who waits for it gives up in time. Closing the
//! connection then ends the work as well.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;

/// How much abandoned work may hang before new work is refused. It ends when
/// D-Bus answers, or goes away, so that only a daemon that hangs for long gets here.
const MAX_HANGING: usize = 8;

/// Connections kept for the next call.
const MAX_KEPT: usize = 4;

/// Ends a method call that nobody waits for any more; longer than any limit of ours.
const METHOD_TIMEOUT: Duration = Duration::from_secs(60);

/// The message bus.
pub struct Bus {
    /// `None`: the system bus.
    address: Option<String>,
    kept: Mutex<Vec<Connection>>,
    running: Arc<AtomicUsize>,
}

impl Bus {
    /// The bus at an address, or the system's. Connects when first used.
    pub fn new(address: Option<String>) -> Self {
        Self { address, kept: Mutex::default(), running: Arc::default() }
    }

    /// Does work on a connection, `limit` at most. An error that says `deadline
    /// passed` holds an [`io::Error`] of kind `TimedOut`.
    pub fn with<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let begun = Instant::now();
        let connection = match self.kept() {
            Some(connection) => connection,
            None => {
                let address = self.address.clone();
                self.within(limit, begun, move || open(address.as_deref())).context("D-Bus cannot be reached")?
            }
        };
        let own = connection.clone();
        let result = self.within(limit, begun, move || work(&own));
        if result.as_ref().err().is_none_or(|error| error_name(error).is_some()) {
            self.keep(connection);
        } else {
            // Ends abandoned work. On a thread, because nothing is sure about this connection any more.
            let _ = thread::Builder::new().spawn(move || connection.close());
        }
        result
    }

    /// Runs work on a thread and waits for it until `limit` after `begun`.
    fn within<T: Send + 'static>(
        &self,
        limit: Duration,
        begun: Instant,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.running.load(Ordering::Relaxed) >= MAX_HANGING {
            bail!("{MAX_HANGING} earlier calls still hang");
        }
        let running = Running::begin(&self.running);
        let (sender, receiver) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("dbus".into())
            .spawn(move || {
                let result = work();
                drop(running);
                // Nobody waits any more: the result is of no use.
                let _ = sender.send(result);
            })
            .context("failed to start a thread")?;
        match receiver.recv_timeout(limit.saturating_sub(begun.elapsed())) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("deadline of {limit:?} passed")).into())
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => bail!("the call ended without a result"),
        }
    }

    fn kept(&self) -> Option<Connection> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // The daemon may have been restarted since.
        kept.retain(|connection| !connection.is_closed());
        kept.pop()
    }

    fn keep(&self, connection: Connection) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MAX_KEPT {
            kept.push(connection);
        }
    }
}

/// Counts a piece of work for as long as it runs.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn open(address: Option<&str>) -> Result<Connection> {
    let builder = match address {
        Some(address) => Builder::address(address)?,
        None => Builder::system()?,
    };
    Ok(builder.method_timeout(METHOD_TIMEOUT).build()?)
}

/// The D-Bus name of an error, when the other side answered with one.
pub fn error_name(error: &anyhow::Error) -> Option<&str> {
    error.chain().find_map(|cause| match cause.downcast_ref::<zbus::Error>() {
        Some(zbus::Error::MethodError(name, _, _)) => Some(name.as_str()),
        _ => None,
    })
}

/// Turns the answers that mean "already so" into success.
pub fn unless(result: Result<()>, names: &[&str]) -> Result<()> {
    match result {
        Err(error) if error_name(&error).is_some_and(|name| names.contains(&name)) => Ok(()),
        other => other,
    }
}
