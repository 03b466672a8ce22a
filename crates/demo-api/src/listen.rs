//! Connections: a thread for each, all with deadlines, some kept free for health checks.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result};

use crate::api;
use crate::args::Settings;
use crate::database::Database;
use crate::request::{Parsed, Request, parse};
use crate::response::Response;
use crate::store::Store;

/// Connections served in full.
const CONNECTIONS: usize = 512;
/// Connections beyond that, on which only health is answered: when hundreds of
/// clients wait for a stalled commit, the health check must still get through,
/// or a harmless stall would look like a failed API.
const RESERVED: usize = 32;
/// Longest wait for the next request on a connection.
const IDLE: Duration = Duration::from_secs(30);
/// The same on a reserved connection.
const IDLE_RESERVED: Duration = Duration::from_secs(1);
/// Longest time from the first byte of a request to its last.
const ARRIVAL: Duration = Duration::from_secs(5);
/// Longest wait for a client to take an answer.
const SEND: Duration = Duration::from_secs(5);
/// Pause after a connection could not be accepted (out of descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Stack of a connection's thread, in bytes.
const STACK: usize = 256 * 1024;

/// Serves until something essential fails, and returns that.
pub fn run(settings: &Settings) -> Error {
    match prepare(settings) {
        Ok((listener, house)) => accept(&listener, &house),
        Err(e) => e,
    }
}

/// What the connections share.
struct House {
    store: Database,
    node: String,
    open: AtomicUsize,
}

fn prepare(settings: &Settings) -> Result<(TcpListener, Arc<House>)> {
    let node = nix::unistd::gethostname().context("failed to read the host name")?;
    // The standard library sets SO_REUSEADDR, so a restart need not wait for old connections.
    let listener =
        TcpListener::bind(settings.listen).with_context(|| format!("failed to listen on {}", settings.listen))?;
    let store = Database::start(settings).context("failed to start the workers")?;
    let address = listener.local_addr().context("failed to read the listening address")?;
    log::info!("listening on {address}, database {:?}", settings.account);
    let house = House { store, node: node.to_string_lossy().into_owned(), open: AtomicUsize::new(0) };
    Ok((listener, Arc::new(house)))
}

fn accept(listener: &TcpListener, house: &Arc<House>) -> Error {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(e) => {
                log::warn!("failed to accept a connection: {e}");
                thread::sleep(ACCEPT_PAUSE);
                continue;
            }
        };
        let open = house.open.fetch_add(1, Ordering::Relaxed);
        let seat = Seat(Arc::clone(house));
        if open >= CONNECTIONS + RESERVED {
            continue;
        }
        let reserved = open >= CONNECTIONS;
        let spawned = thread::Builder::new()
            .name("client".into())
            .stack_size(STACK)
            // A client that goes away in the middle is its own business.
            .spawn(move || drop(Client::serve(stream, &seat.0, reserved)));
        if let Err(e) = spawned {
            log::warn!("failed to start a thread for a client: {e}");
        }
    }
}

/// Counts a connection for as long as it lives.
struct Seat(Arc<House>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection, and what has arrived on it and not been looked at.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn serve(stream: TcpStream, house: &House, reserved: bool) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(SEND))?;
        let mut client = Self { stream, buffer: Vec::new() };
        let idle = if reserved { IDLE_RESERVED } else { IDLE };
        while let Some(request) = client.next(idle)? {
            let (response, keep_alive) = match request {
                Ok(request) if reserved && !api::is_health(&request) => {
                    (Response::error(503, "too many connections"), false)
                }
                Ok(request) => (api::answer(&house.store as &dyn Store, &request), request.keep_alive && !reserved),
                Err(refusal) => (refusal, false),
            };
            client.stream.write_all(&response.to_bytes(&house.node, keep_alive))?;
            if !keep_alive {
                break;
            }
        }
        Ok(())
    }

    /// The next request, or the answer to what is none; `None` when the client is done.
    fn next(&mut self, idle: Duration) -> io::Result<Option<Result<Request, Response>>> {
        let mut started = (!self.buffer.is_empty()).then(Instant::now);
        let mut continued = false;
        loop {
            let begun = !self.buffer.is_empty();
            match parse(&self.buffer) {
                Parsed::Whole(request, length) => {
                    self.buffer.drain(..length);
                    return Ok(Some(Ok(request)));
                }
                Parsed::Refused(response) => return Ok(Some(Err(response))),
                Parsed::Partial { wants_continue } => {
                    if wants_continue && !continued {
                        self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                        continued = true;
                    }
                }
            }
            if begun && started.is_none() {
                started = Some(Instant::now());
            }
            let left = started.map_or(idle, |at| ARRIVAL.saturating_sub(at.elapsed()));
            if left.is_zero() {
                return Ok(Some(Err(Response::error(408, "the request took too long to arrive"))));
            }
            self.stream.set_read_timeout(Some(left))?;
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(length) => self.buffer.extend_from_slice(chunk.get(..length).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // Idle: close without a word. Mid-request: the look at `left` above answers.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && started.is_some() => {}
                Err(e) => return Err(e),
            }
        }
    }
}
