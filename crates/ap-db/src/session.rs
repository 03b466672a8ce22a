//! Connections to the server, with a limit to every wait.
//!
//! The library's timeouts count per read, and connecting to the socket of a
//! frozen server has none: it blocks once the server's queue is full. So work
//! runs on a thread of its own, and who waits for it gives up in time. The
//! library's read timeout then ends the work as well.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use mysql::{Conn, Opts, OptsBuilder};

use crate::credentials::Credentials;
use crate::database::ServerError;

/// How much abandoned work may hang before new work is refused. Reached only
/// when the server is frozen and its queue of connections is full.
const MAX_HANGING: usize = 8;

/// Work in progress, as seen by who waits for it.
#[derive(Clone, Default)]
pub struct Progress {
    abandoned: Arc<AtomicBool>,
    connection: Arc<AtomicU32>,
}

impl Progress {
    /// Whether nobody waits any more: begin nothing new.
    pub fn abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// The number the server knows the connection by, 0 when there is none yet.
    pub fn connection(&self) -> u32 {
        self.connection.load(Ordering::Relaxed)
    }
}

/// One server, and at most one idle connection to it.
pub struct Sessions {
    opts: OptsBuilder,
    idle: Option<(Conn, Duration)>,
    running: Arc<AtomicUsize>,
}

impl Sessions {
    /// Connects when first used.
    pub fn new(socket: &Path, credentials: &Credentials) -> Self {
        let opts = OptsBuilder::new()
            .socket(Some(socket.to_string_lossy()))
            .prefer_socket(false)
            .user(Some(&credentials.user))
            .pass(Some(&credentials.password))
            // Not asked for on each connection; 16 MiB is the server's default.
            .max_allowed_packet(Some(16 << 20))
            .stmt_cache_size(0)
            // Without NO_BACKSLASH_ESCAPES, which our quoting relies on.
            .init(vec!["SET SESSION sql_mode=''"]);
        Self { opts, idle: None, running: Arc::default() }
    }

    /// Does work on a connection, all within `limit`. An idle connection that
    /// turns out to be dead is replaced once, so the work must be repeatable.
    pub fn with<T: Send + 'static>(
        &mut self,
        limit: Duration,
        progress: &Progress,
        work: impl Fn(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.running.load(Ordering::Relaxed) >= MAX_HANGING {
            bail!("{MAX_HANGING} earlier calls to the database still hang");
        }
        let running = Running::begin(&self.running);
        let idle = self.idle.take().filter(|(_, timeout)| *timeout >= limit);
        let opts = self.opts.clone().read_timeout(Some(limit)).write_timeout(Some(limit));
        let (sender, receiver) = mpsc::sync_channel(1);
        let seen = progress.clone();
        thread::Builder::new()
            .name("sql".into())
            .spawn(move || {
                let done = attempt(idle, opts.into(), limit, &seen, work);
                drop(running);
                // Nobody waits any more: the connection closes, the result is of no use.
                let _ = sender.send(done);
            })
            .context("failed to start a thread")?;
        match receiver.recv_timeout(limit) {
            Ok((idle, result)) => {
                self.idle = idle;
                result
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                progress.abandoned.store(true, Ordering::Relaxed);
                Err(timed_out(limit).into())
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => bail!("the call ended without a result"),
        }
    }

    /// Closes the idle connection, and with it what `SET SESSION` changed.
    pub fn close(&mut self) {
        self.idle = None;
    }

    /// Ends a connection on the server, which may still work on its statement.
    pub fn end(&mut self, connection: u32, limit: Duration) -> Result<()> {
        use mysql::prelude::Queryable;
        self.with(limit, &Progress::default(), move |conn| {
            conn.query_drop(format!("KILL CONNECTION {connection}")).map_err(plain)
        })
    }
}

type Idle = Option<(Conn, Duration)>;

/// The work on the idle connection if there is one; else, or when that is dead, on a new one.
fn attempt<T>(
    idle: Idle,
    opts: Opts,
    limit: Duration,
    progress: &Progress,
    work: impl Fn(&mut Conn) -> Result<T>,
) -> (Idle, Result<T>) {
    let begun = Instant::now();
    let on = |mut conn: Conn, timeout: Duration| {
        progress.connection.store(conn.connection_id(), Ordering::Relaxed);
        let result = work(&mut conn);
        let healthy = match &result {
            Ok(_) => true,
            Err(error) => error.downcast_ref::<ServerError>().is_some_and(|error| !ends_connection(error.code)),
        };
        (healthy.then_some((conn, timeout)), result)
    };
    if let Some((conn, timeout)) = idle {
        let (idle, result) = on(conn, timeout);
        let dead = idle.is_none() && begun.elapsed() < limit && !progress.abandoned();
        if !dead || result.is_ok() {
            return (idle, result);
        }
    }
    match Conn::new(opts).map_err(plain) {
        Ok(conn) => on(conn, limit),
        Err(error) => (None, Err(error.context("failed to connect to the database"))),
    }
}

/// The connection is of no use after 1053 (server shutdown), 1927 (connection was
/// killed), 4031 (closed for inactivity).
fn ends_connection(code: u16) -> bool {
    matches!(code, 1053 | 1927 | 4031)
}

fn timed_out(limit: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {limit:?}"))
}

/// The library's error in words of ours.
pub fn plain(error: mysql::Error) -> anyhow::Error {
    match error {
        mysql::Error::MySqlError(error) => ServerError { code: error.code, message: error.message }.into(),
        mysql::Error::IoError(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            io::Error::new(io::ErrorKind::TimedOut, "no answer in time").into()
        }
        mysql::Error::IoError(error) => error.into(),
        error => anyhow!("{error}"),
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
