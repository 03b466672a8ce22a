//! *What are you?*: one line of JSON for whoever connects and may ask.
//!
//! Nothing is ever read from the connection, so there is nothing to attack but
//! the accept queue; who is neither the peer nor this host is hung up on.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::spawn;
use crate::hands::Published;

/// Longest write. An answer fits into an empty socket buffer, so this is never waited for.
const WRITE_DEADLINE: Duration = Duration::from_millis(200);
/// Pause when no connection can be taken.
const REFUSED: Duration = Duration::from_millis(100);

/// Answers for ever, with what was published last.
///
/// # Errors
/// The thread cannot be started.
pub fn serve(listener: TcpListener, allowed: [Ipv4Addr; 2], published: Published) -> Result<()> {
    spawn("answer", move || {
        loop {
            match listener.accept() {
                Ok((mut stream, from)) => {
                    if !allowed.into_iter().any(|address| from.ip() == IpAddr::V4(address)) {
                        continue;
                    }
                    let line = published.line();
                    let sent =
                        stream.set_write_timeout(Some(WRITE_DEADLINE)).and_then(|()| stream.write_all(line.as_bytes()));
                    if let Err(error) = sent {
                        log::debug!("failed to answer {from}: {error}");
                    }
                }
                Err(error) => {
                    log::warn!("failed to accept a question: {error}");
                    thread::sleep(REFUSED);
                }
            }
        }
    })
}
